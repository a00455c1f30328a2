//! Tests of the command line with and without a running gateway: exact output and exit codes.

mod accounts_and_tokens;
mod address;
mod completions;
mod config;
mod connecting;
mod doctor;
mod errors;
mod grammar;
mod login_state;
mod onboarding;
mod printing;
mod signing_in;
mod status_text;
mod transport;
mod words;

use insta::{allow_duplicates, assert_snapshot};
use serde_json::{Value, json};

use crate::support::{
    gateway::{CommandOutput, Home, eventually},
    provider::Provider,
};

/// The documented output for a connected account.
const ACTIVE: &str = "OpenAI OAuth: active (provider: openai-codex)\n\
                      Use model prefix 'openai-codex/' in agent config (e.g. openai-codex/gpt-4o).\n";
/// The documented output without a login.
const NO_TOKENS_FOUND: &str = "No OAuth tokens found.\nUse the web UI to authenticate with ChatGPT OAuth.\n";

/// Asserts the exit code and how stdout begins, or stderr if stdout is empty.
fn assert_output(output: &CommandOutput, code: i32, prefix: &str) {
    assert_eq!(output.code, Some(code), "{}{}", output.stdout, output.stderr);
    let text = if output.stdout.is_empty() { &output.stderr } else { &output.stdout };
    assert!(text.starts_with(prefix), "{text:?} does not begin with {prefix:?}");
}

/// Runs commands. Returns their output and exit codes, with a `!` before each line on stderr. The API port, the
/// folder and times are masked.
fn transcript(home: &Home, commands: &[&str]) -> String {
    let run = |command: &&str| {
        let arguments: Vec<&str> = command.split(' ').collect();
        format!("$ goclaw {command}\n{}", masked_output(home, &home.run(&arguments)))
    };
    commands.iter().map(run).collect()
}

/// Returns an output as [`transcript`] shows it.
fn masked_output(home: &Home, output: &CommandOutput) -> String {
    let stderr: String = output.stderr.lines().map(|line| format!("! {line}\n")).collect();
    let code = output.code.expect("an exit code");
    let text = format!("{}{stderr}[exit code {code}]", output.stdout);
    let text = text.replace(&home.path().display().to_string(), "HOME").replace(&home.port.to_string(), "PORT");
    text.lines().map(|line| format!("{}\n", with_masked_times(line).trim_end())).collect()
}

/// Masks all digits from the first date on.
fn with_masked_times(line: &str) -> String {
    let (text, times) = line.split_at(line.find(" 20").unwrap_or(line.len()));
    format!("{text}{}", times.replace(|letter: char| letter.is_ascii_digit(), "0"))
}

#[tokio::test]
async fn status_and_logout_print_the_documented_lines() {
    let provider = Provider::approving();
    let home = Home::new(&provider);
    let gateway = home.start().await;
    let status = [&["auth", "status"][..], &["auth", "status", "openai"], &["auth", "status", "openai-codex"]];
    for arguments in status {
        allow_duplicates!(assert_snapshot!(masked_output(&home, &home.run(arguments)), @r"
        No OAuth tokens found.
        Use the web UI to authenticate with ChatGPT OAuth.
        Or sign in from here: goclaw auth login
        [exit code 1]
        "));
    }
    gateway.sign_in().await;
    for arguments in status {
        allow_duplicates!(assert_snapshot!(masked_output(&home, &home.run(arguments)), @r"
        OpenAI OAuth: active (provider: openai-codex)
        Use model prefix 'openai-codex/' in agent config (e.g. openai-codex/gpt-4o).
        Account: person1@example.com (plan plus, workspace 00000000-0000-4000-8000-000000000001)
        Access token expires 0000-00-00 00:00 (in 0 d 00 h).
        Plan used: 12% of 5 h (until 0000-00-00 00:00), 0% of 0 d (until 0000-00-00 00:00).
        [exit code 0]
        "));
    }
    assert_snapshot!(transcript(&home, &["auth logout", "auth logout openai", "auth status"]), @r"
    $ goclaw auth logout
    Logged out of openai-codex: the stored tokens are deleted.
    The provider has revoked them too.
    [exit code 0]
    $ goclaw auth logout openai
    Nothing was stored for openai-codex.
    [exit code 0]
    $ goclaw auth status
    No OAuth tokens found.
    Use the web UI to authenticate with ChatGPT OAuth.
    Or sign in from here: goclaw auth login
    [exit code 1]
    ");
    assert_eq!(home.count_accounts_and_refresh_tokens(), (0, 0));
}

#[tokio::test]
async fn an_expired_token_is_reported_in_the_documented_words() {
    let provider = Provider::start(&["--approval", "auto", "--access-lifetime", "2s"]);
    let home = Home::new(&provider).with("GOCLAW_REFRESH__PROACTIVE", "false");
    let gateway = home.start().await;
    gateway.sign_in().await;
    let expired_status = || async { Some(gateway.status().await).filter(|status| status["authenticated"] == false) };
    let status = eventually("the token to expire", expired_status).await;
    assert_eq!(status["error"], "token invalid or expired");
    assert_snapshot!(transcript(&home, &["auth status"]), @r"
    $ goclaw auth status
    token invalid or expired
    Account: person1@example.com (plan plus, workspace 00000000-0000-4000-8000-000000000001)
    The access token has expired. The gateway refreshes it automatically.
    If this lasts, sign in again with: goclaw auth login
    [exit code 1]
    ");
    // The documented remedy works.
    provider.post_control("/settings", json!({"access_lifetime": "1h"})).await;
    assert_output(&home.run(&["auth", "logout"]), 0, "Logged out");
    gateway.sign_in().await;
    assert_output(&home.run(&["auth", "status"]), 0, ACTIVE);
}

#[tokio::test]
async fn each_failure_has_its_exit_code() {
    let home = Home::without_provider();
    let gateway = home.start().await;
    let failures = ["auth logout xyz", "auth status xyz", "providers enable suno", "auth status No/Name"];
    assert_snapshot!(transcript(&home, &failures), @r"
    $ goclaw auth logout xyz
    ! unknown provider: xyz
    [exit code 4]
    $ goclaw auth status xyz
    ! unknown provider: xyz
    [exit code 4]
    $ goclaw providers enable suno
    ! provider suno is not connected; connect it: goclaw providers set-secret suno
    [exit code 4]
    $ goclaw auth status No/Name
    ! error: invalid value 'No/Name' for '[PROVIDER]': an account name is 1 to 50 lower-case letters, digits and inner hyphens
    !
    ! For more information, try '--help'.
    [exit code 2]
    ");
    for usage in [&["auth"][..], &["auth", "state"], &["--nonsense"]] {
        assert_output(&home.run(usage), 2, "");
    }
    assert_output(&home.run(&["--version"]), 0, "goclaw ");
    for help in [&["--help"][..], &["auth", "--help"], &["providers", "set-secret", "--help"]] {
        assert_output(&home.run(help), 0, "");
    }
    drop(gateway);
    for command in [&["auth", "status"][..], &["auth", "logout"], &["auth", "login"], &["providers", "list", "--json"]]
    {
        allow_duplicates!(assert_snapshot!(masked_output(&home, &home.run(command)), @r"
        ! cannot reach gateway at http://127.0.0.1:PORT
        ! Cause: connection refused: nothing listens there.
        ! Start it with: goclaw
        [exit code 3]
        "));
    }
}

#[tokio::test]
async fn with_json_stdout_is_exactly_the_api_response() {
    let provider = Provider::approving();
    let home = Home::new(&provider);
    let gateway = home.start().await;
    let run_json = |arguments: &[&str]| {
        let output = home.run(arguments);
        (output.code, serde_json::from_str::<Value>(&output.stdout).expect("one JSON text"))
    };
    assert_eq!(run_json(&["auth", "status", "--json"]), (Some(1), gateway.status().await));
    gateway.sign_in().await;
    assert_eq!(run_json(&["auth", "status", "--json"]), (Some(0), gateway.status().await));
    assert_eq!(run_json(&["providers", "list", "--json"]), (Some(0), gateway.get("/v1/providers").await.json()));
    let (code, switched) = run_json(&["providers", "disable", "openai-codex", "--json"]);
    assert_eq!((code, &switched["enabled"]), (Some(0), &json!(false)));
    let expected = json!({"status": "logged out", "removed": true, "revocation": "revoked"});
    assert_eq!(run_json(&["auth", "logout", "--json"]), (Some(0), expected));
    assert_eq!(run_json(&["auth", "cancel", "--json"]), (Some(0), json!({"status": "no_pending_login"})));
}

#[tokio::test]
async fn providers_are_listed_enabled_and_disabled() {
    let provider = Provider::approving();
    let home = Home::new(&provider);
    let gateway = home.start().await;
    gateway.sign_in().await;
    let disable = ["providers list", "providers disable openai-codex", "auth status"];
    assert_snapshot!(transcript(&home, &disable), @r"
    $ goclaw providers list
    NAME          TYPE          STATE   ACCOUNT              ACCESS TOKEN
    dashscope     dashscope     absent  -                    -
    openai-codex  openai-codex  active  person1@example.com  expires 0000-00-00 00:00 (in 0 d 00 h)
    suno          suno          absent  -                    -
    [exit code 0]
    $ goclaw providers disable openai-codex
    Account openai-codex is off. Nothing is deleted.
    [exit code 0]
    $ goclaw auth status
    OpenAI OAuth: disabled (provider: openai-codex)
    The account is switched off. Nothing is deleted.
    Account: person1@example.com (plan plus, workspace 00000000-0000-4000-8000-000000000001)
    Access token expires 0000-00-00 00:00 (in 0 d 00 h).
    Switch it on with: goclaw providers enable openai-codex
    [exit code 1]
    ");
    assert_eq!(home.count_accounts_and_refresh_tokens(), (1, 1));
    assert_snapshot!(transcript(&home, &["providers enable openai-codex", "auth status"]), @r"
    $ goclaw providers enable openai-codex
    Account openai-codex is on.
    [exit code 0]
    $ goclaw auth status
    OpenAI OAuth: active (provider: openai-codex)
    Use model prefix 'openai-codex/' in agent config (e.g. openai-codex/gpt-4o).
    Account: person1@example.com (plan plus, workspace 00000000-0000-4000-8000-000000000001)
    Access token expires 0000-00-00 00:00 (in 0 d 00 h).
    Plan used: 12% of 5 h (until 0000-00-00 00:00), 0% of 0 d (until 0000-00-00 00:00).
    [exit code 0]
    ");
}

#[test]
fn openapi_prints_the_committed_document() {
    let committed = include_str!("../../openapi/v1.json");
    let output = Home::without_provider().run(&["openapi"]);
    assert_eq!(output.code, Some(0));
    assert!(output.stdout == committed, "openapi/v1.json differs from the code; write it with: goclaw openapi");
}

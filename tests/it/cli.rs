//! The command line with and without a running gateway: documented output, byte for byte, and exit codes.

mod accounts_and_tokens;
mod address;
mod connecting;
mod errors;
mod grammar;
mod login_state;
mod onboarding;
mod printing;
mod signing_in;
mod status_text;
mod transport;
mod words;

use serde_json::{Value, json};

use crate::support::{
    gateway::{CommandOutput, Home, eventually},
    provider::Provider,
};

/// The documented output for a connected account.
const ACTIVE: &str = "OpenAI OAuth: active (provider: openai-codex)\n\
                      Use model prefix 'openai-codex/' in agent config (e.g. openai-codex/gpt-4o).\n";
/// The documented output without a login.
const NOT_FOUND: &str = "No OAuth tokens found.\nUse the web UI to authenticate with ChatGPT OAuth.\n";

fn assert_output(output: &CommandOutput, code: i32, begins: &str) {
    assert_eq!(output.code, Some(code), "{}{}", output.stdout, output.stderr);
    let text = if begins.is_empty() || output.stdout.is_empty() { &output.stderr } else { &output.stdout };
    assert!(text.starts_with(begins), "{text:?} does not begin with {begins:?}");
}

#[tokio::test]
async fn status_and_logout_print_the_documented_lines() {
    let provider = Provider::approving();
    let home = Home::new(&provider);
    let gateway = home.start().await;
    for arguments in [&["auth", "status"][..], &["auth", "status", "openai"], &["auth", "status", "openai-codex"]] {
        assert_output(&home.run(arguments), 1, NOT_FOUND);
    }
    gateway.sign_in().await;
    for arguments in [&["auth", "status"][..], &["auth", "status", "openai"], &["auth", "status", "openai-codex"]] {
        let output = home.run(arguments);
        assert_output(&output, 0, ACTIVE);
        assert!(output.stdout.contains("\nAccount: person1@example.com (plan plus)\n"), "{}", output.stdout);
        assert_eq!(output.stderr, "");
    }
    assert_output(&home.run(&["auth", "logout"]), 0, "Logged out of openai-codex: the stored tokens are deleted.\n");
    assert_output(&home.run(&["auth", "logout", "openai"]), 0, "Nothing was stored for openai-codex.\n");
    assert_output(&home.run(&["auth", "status"]), 1, NOT_FOUND);
    assert_eq!(home.stored(), (0, 0));
}

#[tokio::test]
async fn an_expired_token_is_reported_in_the_documented_words() {
    let provider = Provider::start(&["--approval", "auto", "--access-lifetime", "2s"]);
    let home = Home::new(&provider).with("GOCLAW_REFRESH__PROACTIVE", "false");
    let gateway = home.start().await;
    gateway.sign_in().await;
    let expired = || async { Some(gateway.status().await).filter(|status| status["authenticated"] == false) };
    let status = eventually("the token to expire", expired).await;
    assert_eq!(status["error"], "token invalid or expired");
    let output = home.run(&["auth", "status"]);
    assert_output(&output, 1, "token invalid or expired\n");
    assert!(output.stdout.contains("goclaw auth logout"), "{}", output.stdout);
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
    assert_output(&home.run(&["auth", "logout", "xyz"]), 4, "unknown provider: xyz\n");
    assert_output(&home.run(&["auth", "status", "xyz"]), 4, "unknown provider: xyz\n");
    assert_output(&home.run(&["providers", "enable", "suno"]), 4, "provider suno is not connected");
    for usage in [&["auth"][..], &["auth", "state"], &["--nonsense"], &["auth", "status", "No/Name"]] {
        assert_output(&home.run(usage), 2, "");
    }
    assert_output(&home.run(&["--version"]), 0, "goclaw ");
    for help in [&["--help"][..], &["auth", "--help"], &["providers", "set-secret", "--help"]] {
        assert_output(&home.run(help), 0, "");
    }
    drop(gateway);
    let unreachable = format!("cannot reach gateway at http://127.0.0.1:{}\n", home.port);
    for command in [&["auth", "status"][..], &["auth", "logout"], &["auth", "login"], &["providers", "list", "--json"]]
    {
        let output = home.run(command);
        assert_output(&output, 3, &unreachable);
        assert_eq!(output.stdout, "", "errors go to stderr only");
    }
}

#[tokio::test]
async fn with_json_stdout_is_exactly_the_api_response() {
    let provider = Provider::approving();
    let home = Home::new(&provider);
    let gateway = home.start().await;
    let printed = |arguments: &[&str]| {
        let output = home.run(arguments);
        (output.code, serde_json::from_str::<Value>(&output.stdout).expect("one JSON text"))
    };
    assert_eq!(printed(&["auth", "status", "--json"]), (Some(1), gateway.status().await));
    gateway.sign_in().await;
    assert_eq!(printed(&["auth", "status", "--json"]), (Some(0), gateway.status().await));
    assert_eq!(printed(&["providers", "list", "--json"]), (Some(0), gateway.get("/v1/providers").await.json()));
    let (code, switched) = printed(&["providers", "disable", "openai-codex", "--json"]);
    assert_eq!((code, &switched["enabled"]), (Some(0), &json!(false)));
    let expected = json!({"status": "logged out", "removed": true, "revocation": "revoked"});
    assert_eq!(printed(&["auth", "logout", "--json"]), (Some(0), expected));
    assert_eq!(printed(&["auth", "cancel", "--json"]), (Some(0), json!({"status": "no_pending_login"})));
}

#[tokio::test]
async fn providers_are_listed_enabled_and_disabled() {
    let provider = Provider::approving();
    let home = Home::new(&provider);
    let gateway = home.start().await;
    gateway.sign_in().await;
    let output = home.run(&["providers", "list"]);
    assert_output(&output, 0, "NAME ");
    let rows: Vec<Vec<&str>> =
        output.stdout.lines().skip(1).map(|line| line.split_whitespace().take(4).collect()).collect();
    assert_eq!(
        rows,
        [
            vec!["dashscope", "dashscope", "absent", "-"],
            vec!["openai-codex", "openai-codex", "active", "person1@example.com"],
            vec!["suno", "suno", "absent", "-"],
        ]
    );
    assert_output(
        &home.run(&["providers", "disable", "openai-codex"]),
        0,
        "Provider openai-codex is off. Nothing is deleted.",
    );
    let output = home.run(&["auth", "status"]);
    assert_output(&output, 1, "OpenAI OAuth: disabled (provider: openai-codex)\n");
    assert_eq!(home.stored(), (1, 1));
    assert_output(&home.run(&["providers", "enable", "openai-codex"]), 0, "Provider openai-codex is on.");
    assert_output(&home.run(&["auth", "status"]), 0, ACTIVE);
}

#[test]
fn openapi_prints_the_committed_document() {
    let committed = include_str!("../../openapi/v1.json");
    let output = Home::without_provider().run(&["openapi"]);
    assert_eq!(output.code, Some(0));
    assert!(output.stdout == committed, "openapi/v1.json is not what the code says; write it with: goclaw openapi");
}

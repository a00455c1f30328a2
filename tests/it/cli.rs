//! The command line against a running gateway, and against none: the documented words, letter by letter, and the exit
//! codes that scripts rely on.

mod connecting;
mod onboarding;
mod signing_in;

use serde_json::{Value, json};

use crate::support::{
    gateway::{CommandOutput, Home, eventually},
    provider::Provider,
};

/// The documented answer of a gateway that is signed in.
const ACTIVE: &str = "OpenAI OAuth: active (provider: openai-codex)\n\
                      Use model prefix 'openai-codex/' in agent config (e.g. openai-codex/gpt-4o).\n";
/// And of one that is not.
const NOT_FOUND: &str = "No OAuth tokens found.\nUse the web UI to authenticate with ChatGPT OAuth.\n";

fn assert_said(said: &CommandOutput, code: i32, begins: &str) {
    assert_eq!(said.code, Some(code), "{}{}", said.stdout, said.stderr);
    let text = if begins.is_empty() || said.stdout.is_empty() { &said.stderr } else { &said.stdout };
    assert!(text.starts_with(begins), "{text:?} does not begin with {begins:?}");
}

#[tokio::test]
async fn status_and_logout_speak_the_documented_lines() {
    let provider = Provider::approving();
    let home = Home::new(&provider);
    let gateway = home.start().await;
    for arguments in [&["auth", "status"][..], &["auth", "status", "openai"], &["auth", "status", "openai-codex"]] {
        assert_said(&home.run(arguments), 1, NOT_FOUND);
    }
    gateway.sign_in().await;
    for arguments in [&["auth", "status"][..], &["auth", "status", "openai"], &["auth", "status", "openai-codex"]] {
        let said = home.run(arguments);
        assert_said(&said, 0, ACTIVE);
        assert!(said.stdout.contains("\nAccount: person1@example.com (plan plus)\n"), "{}", said.stdout);
        assert_eq!(said.stderr, "");
    }
    assert_said(&home.run(&["auth", "logout"]), 0, "Logged out of openai-codex: the stored tokens are deleted.\n");
    assert_said(&home.run(&["auth", "logout", "openai"]), 0, "Nothing was stored for openai-codex.\n");
    assert_said(&home.run(&["auth", "status"]), 1, NOT_FOUND);
    assert_eq!(home.stored(), (0, 0));
}

#[tokio::test]
async fn a_token_that_has_expired_is_told_in_the_documented_words() {
    let provider = Provider::start(&["--approval", "auto", "--access-lifetime", "2s"]);
    let home = Home::new(&provider).with("GOCLAW_REFRESH__PROACTIVE", "false");
    let gateway = home.start().await;
    gateway.sign_in().await;
    let expired = || async { Some(gateway.status().await).filter(|status| status["authenticated"] == false) };
    let status = eventually("the token to expire", expired).await;
    assert_eq!(status["error"], "token invalid or expired");
    let said = home.run(&["auth", "status"]);
    assert_said(&said, 1, "token invalid or expired\n");
    assert!(said.stdout.contains("goclaw auth logout"), "{}", said.stdout);
    // What the documentation advises works.
    provider.post_control("/settings", json!({"access_lifetime": "1h"})).await;
    assert_said(&home.run(&["auth", "logout"]), 0, "Logged out");
    gateway.sign_in().await;
    assert_said(&home.run(&["auth", "status"]), 0, ACTIVE);
}

#[tokio::test]
async fn every_way_to_fail_has_its_exit_code() {
    let home = Home::without_provider();
    let gateway = home.start().await;
    assert_said(&home.run(&["auth", "logout", "xyz"]), 4, "unknown provider: xyz\n");
    assert_said(&home.run(&["auth", "status", "xyz"]), 4, "unknown provider: xyz\n");
    assert_said(&home.run(&["providers", "enable", "suno"]), 4, "provider suno is not connected");
    for usage in [&["auth"][..], &["auth", "state"], &["--nonsense"], &["auth", "status", "No/Name"]] {
        assert_said(&home.run(usage), 2, "");
    }
    assert_said(&home.run(&["--version"]), 0, "goclaw ");
    for help in [&["--help"][..], &["auth", "--help"], &["providers", "set-secret", "--help"]] {
        assert_said(&home.run(help), 0, "");
    }
    drop(gateway);
    let unreachable = format!("cannot reach gateway at http://127.0.0.1:{}\n", home.port);
    for command in [&["auth", "status"][..], &["auth", "logout"], &["auth", "login"], &["providers", "list", "--json"]]
    {
        let said = home.run(command);
        assert_said(&said, 3, &unreachable);
        assert_eq!(said.stdout, "", "what went wrong is nothing to parse");
    }
}

#[tokio::test]
async fn with_json_stdout_is_the_answer_of_the_api_and_nothing_else() {
    let provider = Provider::approving();
    let home = Home::new(&provider);
    let gateway = home.start().await;
    let printed = |arguments: &[&str]| {
        let said = home.run(arguments);
        (said.code, serde_json::from_str::<Value>(&said.stdout).expect("one JSON text"))
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
async fn providers_are_listed_and_switched() {
    let provider = Provider::approving();
    let home = Home::new(&provider);
    let gateway = home.start().await;
    gateway.sign_in().await;
    let said = home.run(&["providers", "list"]);
    assert_said(&said, 0, "NAME ");
    let rows: Vec<Vec<&str>> =
        said.stdout.lines().skip(1).map(|line| line.split_whitespace().take(4).collect()).collect();
    assert_eq!(
        rows,
        [
            vec!["dashscope", "dashscope", "absent", "-"],
            vec!["openai-codex", "openai-codex", "active", "person1@example.com"],
            vec!["suno", "suno", "absent", "-"],
        ]
    );
    assert_said(
        &home.run(&["providers", "disable", "openai-codex"]),
        0,
        "Provider openai-codex is off. Nothing is deleted.",
    );
    let said = home.run(&["auth", "status"]);
    assert_said(&said, 1, "OpenAI OAuth: disabled (provider: openai-codex)\n");
    assert_eq!(home.stored(), (1, 1));
    assert_said(&home.run(&["providers", "enable", "openai-codex"]), 0, "Provider openai-codex is on.");
    assert_said(&home.run(&["auth", "status"]), 0, ACTIVE);
}

#[test]
fn the_contract_is_printed_as_it_is_committed() {
    let committed = include_str!("../../openapi/v1.json");
    let said = Home::without_provider().run(&["openapi"]);
    assert_eq!(said.code, Some(0));
    assert!(said.stdout == committed, "openapi/v1.json is not what the code says; write it with: goclaw openapi");
}

//! How a command finds the gateway and its token, and when it keeps the token to itself; and how secrets get in.

use serde_json::json;

use super::{ACTIVE, NOT_FOUND, assert_said};
use crate::support::{
    gateway::{CommandOutput, Home, free_port},
    provider::Provider,
};

#[tokio::test]
async fn the_token_file_is_used_for_this_machine_s_own_gateway_only() {
    let home = Home::without_provider();
    let gateway = home.start().await;
    assert_said(&home.run(&["auth", "status"]), 1, NOT_FOUND);
    let url = format!("http://127.0.0.1:{}", home.port);
    // Whoever names the gateway has to bring its token, even if the name happens to be this machine.
    for (name, value) in [("GOCLAW_HOST", "127.0.0.1"), ("GOCLAW_GATEWAY_URL", url.as_str())] {
        let with_token = |token: &str| {
            let mut command = home.command(&["auth", "status"]);
            command.env(name, value).env("GOCLAW_TOKEN", token);
            CommandOutput::of(command)
        };
        let mut command = home.command(&["auth", "status"]);
        command.env(name, value);
        let said = CommandOutput::of(command);
        assert_said(&said, 4, "the gateway wants its token");
        assert!(said.stderr.contains("GOCLAW_TOKEN is not set."), "{}", said.stderr);
        assert_said(&with_token(&gateway.token), 1, NOT_FOUND);
        let said = with_token("CANARY-wrong");
        assert_said(&said, 4, "This is not the gateway's token.");
        assert!(!said.stderr.contains("CANARY"), "{}", said.stderr);
    }
}

#[tokio::test]
async fn the_gateway_url_wins_over_host_and_port() {
    let home = Home::without_provider();
    let gateway = home.start().await;
    let nobody = free_port().to_string();
    let url = format!("http://127.0.0.1:{}", home.port);
    let status = |variables: &[(&str, &str)]| {
        let mut command = home.command(&["auth", "status"]);
        command.env("GOCLAW_TOKEN", &gateway.token).envs(variables.iter().copied());
        CommandOutput::of(command)
    };
    let unreachable = format!("cannot reach gateway at http://localhost:{nobody}\n");
    assert_said(&status(&[("GOCLAW_HOST", "localhost"), ("GOCLAW_PORT", &nobody)]), 3, &unreachable);
    let all = [("GOCLAW_GATEWAY_URL", url.as_str()), ("GOCLAW_HOST", "localhost"), ("GOCLAW_PORT", &nobody)];
    assert_said(&status(&all), 1, NOT_FOUND);
    assert_said(
        &status(&[("GOCLAW_GATEWAY_URL", "http://user:CANARY@localhost")]),
        2,
        "the gateway's address is not usable",
    );
}

#[tokio::test]
async fn a_configured_token_is_found_by_the_commands_on_the_same_machine() {
    let provider = Provider::approving();
    let home = Home::new(&provider).with("GOCLAW_SERVER__TOKEN", "a-token-of-the-owner");
    let mut gateway = home.start().await;
    gateway.sign_in().await;
    assert!(!home.data_dir().join("gateway.token").exists(), "a configured token is written nowhere");
    assert_said(&home.run(&["auth", "status"]), 0, ACTIVE);
    gateway.token = "another".to_owned();
    assert_eq!(gateway.get("/v1/providers").await.status, 401);
}

#[tokio::test]
async fn a_secret_comes_from_stdin_and_its_kind_from_the_provider() {
    let home = Home::without_provider();
    let gateway = home.start().await;
    let set = |name: &str, secret: &str| home.run_with_input(&["providers", "set-secret", "--unchecked", name], secret);
    assert_said(&set("suno", "CANARY-session\n"), 0, "suno is connected.\n");
    assert_said(&set("dashscope", "sk-CANARY"), 0, "dashscope is connected.\n");
    assert_eq!(home.stored(), (2, 0));
    let said = home.run(&["auth", "status", "suno"]);
    assert_said(&said, 0, "Suno: active (provider: suno)\n");
    for (name, secret, code, words) in [
        ("suno", "", 2, "the secret is empty"),
        ("suno", "CAN ARY", 2, "the secret holds white space"),
        ("openai", "CANARY", 1, "openai-codex connects with a sign-in in the browser"),
        ("xyz", "CANARY", 4, "unknown provider: xyz"),
    ] {
        let said = set(name, secret);
        assert_said(&said, code, words);
        assert!(!said.stderr.contains("CANARY") && !said.stderr.contains("CAN ARY"), "{}", said.stderr);
    }
    let status = gateway.get("/v1/auth/suno/status").await.json();
    assert_eq!(status["authenticated"], json!(true), "what was refused changed nothing");
}

#[tokio::test]
async fn a_secret_in_an_argument_is_refused_before_anybody_is_asked() {
    // No gateway runs: with any other command this would be exit code 3.
    let home = Home::without_provider();
    for arguments in [
        &["providers", "set-secret", "suno", "CANARY"][..],
        &["providers", "set-secret", "suno", "--session-token=CANARY"],
        &["providers", "set-secret", "suno", "--secret", "CANARY"],
    ] {
        let said = home.run(arguments);
        assert_eq!(said.code, Some(2), "{arguments:?}: {}", said.stderr);
        assert!(!said.stderr.contains("CANARY") && !said.stdout.contains("CANARY"), "{}", said.stderr);
    }
}

//! How commands find the gateway and its token, when they withhold the token, and how they read secrets.

use serde_json::json;

use super::{ACTIVE, NOT_FOUND, assert_output};
use crate::support::{
    gateway::{CommandOutput, Home, free_port},
    provider::Provider,
};

#[tokio::test]
async fn the_token_file_is_used_only_for_the_local_gateway() {
    let home = Home::without_provider();
    let gateway = home.start().await;
    assert_output(&home.run(&["auth", "status"]), 1, NOT_FOUND);
    let url = format!("http://127.0.0.1:{}", home.port);
    // With an explicit gateway URL the token file is not used, even if the URL names this machine.
    for (name, value) in [("GOCLAW_HOST", "127.0.0.1"), ("GOCLAW_GATEWAY_URL", url.as_str())] {
        let with_token = |token: &str| {
            let mut command = home.command(&["auth", "status"]);
            command.env(name, value).env("GOCLAW_TOKEN", token);
            CommandOutput::of(command)
        };
        let mut command = home.command(&["auth", "status"]);
        command.env(name, value);
        let output = CommandOutput::of(command);
        assert_output(&output, 4, "the gateway wants its token");
        assert!(output.stderr.contains("GOCLAW_TOKEN is not set."), "{}", output.stderr);
        assert_output(&with_token(&gateway.token), 1, NOT_FOUND);
        let output = with_token("CANARY-wrong");
        assert_output(&output, 4, "This is not the gateway's token.");
        assert!(!output.stderr.contains("CANARY"), "{}", output.stderr);
    }
}

#[tokio::test]
async fn the_gateway_url_overrides_host_and_port() {
    let home = Home::without_provider();
    let gateway = home.start().await;
    let unused_port = free_port().to_string();
    let url = format!("http://127.0.0.1:{}", home.port);
    let status = |variables: &[(&str, &str)]| {
        let mut command = home.command(&["auth", "status"]);
        command.env("GOCLAW_TOKEN", &gateway.token).envs(variables.iter().copied());
        CommandOutput::of(command)
    };
    let unreachable = format!("cannot reach gateway at http://localhost:{unused_port}\n");
    assert_output(&status(&[("GOCLAW_HOST", "localhost"), ("GOCLAW_PORT", &unused_port)]), 3, &unreachable);
    let all = [("GOCLAW_GATEWAY_URL", url.as_str()), ("GOCLAW_HOST", "localhost"), ("GOCLAW_PORT", &unused_port)];
    assert_output(&status(&all), 1, NOT_FOUND);
    assert_output(
        &status(&[("GOCLAW_GATEWAY_URL", "http://user:CANARY@localhost")]),
        2,
        "the gateway's address is not usable",
    );
}

#[tokio::test]
async fn commands_on_the_same_machine_use_the_configured_token() {
    let provider = Provider::approving();
    let home = Home::new(&provider).with("GOCLAW_SERVER__TOKEN", "a-token-of-the-owner");
    let mut gateway = home.start().await;
    gateway.sign_in().await;
    assert!(!home.data_dir().join("gateway.token").exists(), "a configured token is written nowhere");
    assert_output(&home.run(&["auth", "status"]), 0, ACTIVE);
    gateway.token = "another".to_owned();
    assert_eq!(gateway.get("/v1/providers").await.status, 401);
}

#[tokio::test]
async fn a_secret_is_read_from_stdin_and_the_provider_selects_its_kind() {
    let home = Home::without_provider();
    let gateway = home.start().await;
    let set = |name: &str, secret: &str| home.run_with_input(&["providers", "set-secret", "--unchecked", name], secret);
    assert_output(&set("suno", "CANARY-session\n"), 0, "suno is connected.\n");
    assert_output(&set("dashscope", "sk-CANARY"), 0, "dashscope is connected.\n");
    assert_eq!(home.stored(), (2, 0));
    let output = home.run(&["auth", "status", "suno"]);
    assert_output(&output, 0, "Suno: active (provider: suno)\n");
    for (name, secret, code, words) in [
        ("suno", "", 2, "the secret is empty"),
        ("suno", "CAN ARY", 2, "the secret holds white space"),
        ("openai", "CANARY", 1, "openai-codex connects with a sign-in in the browser"),
        ("xyz", "CANARY", 4, "unknown provider: xyz"),
    ] {
        let output = set(name, secret);
        assert_output(&output, code, words);
        assert!(!output.stderr.contains("CANARY") && !output.stderr.contains("CAN ARY"), "{}", output.stderr);
    }
    let status = gateway.get("/v1/auth/suno/status").await.json();
    assert_eq!(status["authenticated"], json!(true), "rejected secrets changed nothing");
}

#[tokio::test]
async fn a_secret_in_an_argument_is_rejected_without_a_request() {
    // No gateway runs, so a request would end with exit code 3.
    let home = Home::without_provider();
    for arguments in [
        &["providers", "set-secret", "suno", "CANARY"][..],
        &["providers", "set-secret", "suno", "--session-token=CANARY"],
        &["providers", "set-secret", "suno", "--secret", "CANARY"],
    ] {
        let output = home.run(arguments);
        assert_eq!(output.code, Some(2), "{arguments:?}: {}", output.stderr);
        assert!(!output.stderr.contains("CANARY") && !output.stdout.contains("CANARY"), "{}", output.stderr);
    }
}

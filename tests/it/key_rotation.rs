//! Tests of `goclaw keys rotate` while a gateway runs: no restart is needed, and killing the command loses nothing.

use std::{fs, os::unix::fs::PermissionsExt, process::Stdio, time::Duration};

use serde_json::json;

use crate::support::{
    gateway::{Gateway, Home, HttpResponse, eventually, http, pause},
    provider::Provider,
};

/// How often the command is killed: each time [`STEP`] later, the last time after its usual end.
const KILLS: u32 = 10;
const STEP: Duration = Duration::from_millis(250);

async fn refresh(gateway: &Gateway) -> u16 {
    gateway.post("/v1/auth/openai/refresh", json!({})).await.status
}

async fn models_status(gateway: &Gateway, token: &str) -> u16 {
    let request = http().get(format!("{}/v1/models", gateway.base)).bearer_auth(token);
    HttpResponse::of(request.send().await.expect("an answer")).await.status
}

async fn new_token(gateway: &Gateway) -> String {
    let number = gateway.get("/v1/tokens").await.json()["tokens"].as_array().expect("tokens").len();
    let created = gateway.post("/v1/tokens", json!({"name": format!("editor {number}")})).await;
    created.json()["token"].as_str().unwrap_or_else(|| panic!("{}", created.text)).to_owned()
}

fn key_lines(home: &Home) -> Vec<String> {
    let text = fs::read_to_string(home.data_dir().join("encryption.key")).expect("the key file");
    text.lines().map(str::to_owned).collect()
}

/// Removes all keys but the first, starts a gateway, and uses everything that was sealed.
async fn assert_the_first_key_suffices(home: &Home, token: &str) {
    write_keys(home, &key_lines(home)[0]);
    let gateway = home.start().await;
    assert_eq!(gateway.status().await["authenticated"], true);
    assert_eq!(refresh(&gateway).await, 200);
    assert_eq!(models_status(&gateway, token).await, 200);
    gateway.stop().await;
}

#[tokio::test]
async fn a_running_gateway_uses_a_new_key_without_a_restart() {
    let provider = Provider::approving();
    let home = Home::new(&provider);
    let gateway = home.start().await;
    gateway.sign_in().await;
    let token = new_token(&gateway).await;
    let rotated = home.run(&["keys", "rotate"]);
    assert_eq!(rotated.code, Some(0), "{}{}", rotated.stdout, rotated.stderr);
    let expected = "Resealed: 3 values";
    assert!(rotated.stdout.contains(expected), "access, refresh and API token: {}{}", rotated.stdout, rotated.stderr);
    assert_eq!((models_status(&gateway, &token).await, refresh(&gateway).await), (200, 200));
    eventually("the log line about the new key", || async {
        gateway.log().contains("encryption keys have changed").then_some(())
    })
    .await;
    // From then on the gateway seals with the new key, including its journal.
    let later = new_token(&gateway).await;
    let again = home.run(&["keys", "reseal"]);
    assert!(again.stdout.contains("Resealed: 0 values, 0 journal records."), "{}{}", again.stdout, again.stderr);
    gateway.stop().await;
    assert_eq!(key_lines(&home).len(), 2);
    assert_the_first_key_suffices(&home, &later).await;
}

#[tokio::test]
async fn a_rotation_that_is_killed_at_any_point_loses_nothing() {
    let provider = Provider::approving();
    let home = Home::new(&provider);
    let mut gateway = home.start().await;
    gateway.sign_in().await;
    let token = new_token(&gateway).await;
    for kill in 0..KILLS {
        let mut command = home.command(&["keys", "rotate"]);
        let mut rotation = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the command starts");
        pause(STEP * kill).await;
        let _ = rotation.kill();
        rotation.wait().expect("the command ends");
        assert_eq!((models_status(&gateway, &token).await, refresh(&gateway).await), (200, 200), "after kill {kill}");
    }
    assert!(gateway.is_running());
    let resealed = home.run(&["keys", "reseal"]);
    assert_eq!(resealed.code, Some(0), "{}{}", resealed.stdout, resealed.stderr);
    assert!(!resealed.stdout.contains("Could not be opened"), "{}{}", resealed.stdout, resealed.stderr);
    gateway.stop().await;
    assert!(key_lines(&home).len() > 2, "several rotations got as far as the key file");
    assert_the_first_key_suffices(&home, &token).await;
    let totals = provider.get_control("/presentations/totals").await;
    assert_eq!((&totals["reuse_refused"], &totals["families_killed"]), (&json!(0), &json!(0)), "{totals}");
}

fn write_keys(home: &Home, keys: &str) {
    let path = home.data_dir().join("encryption.key");
    fs::write(&path, keys).expect("the key file is written");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("the mode is set");
}

#[tokio::test]
async fn a_key_that_was_removed_too_early_is_named_as_the_remedy() {
    let provider = Provider::approving();
    let home = Home::new(&provider);
    let gateway = home.start().await;
    gateway.sign_in().await;
    new_token(&gateway).await;
    gateway.stop().await;
    let (old, new) = (key_lines(&home)[0].clone(), "2a".repeat(32));
    write_keys(&home, &format!("{new}\n{old}"));
    home.start().await.stop().await;
    write_keys(&home, &old);
    let verified = home.run(&["audit", "verify"]);
    assert_eq!(verified.code, Some(1), "{verified:?}");
    assert!(
        verified.stdout.contains("does not verify") && verified.stdout.contains("cannot be proven"),
        "{verified:?}"
    );
    write_keys(&home, &new);
    let resealed = home.run(&["keys", "reseal"]);
    assert_eq!(resealed.code, Some(1), "{resealed:?}");
    assert!(resealed.stdout.contains("Could not be opened"), "{resealed:?}");
    let gateway = home.start().await;
    let status = home.run(&["auth", "status"]);
    assert!(status.stdout.contains("add that key to this gateway"), "{status:?}");
    assert!(!status.stdout.contains("Sign in again with"), "a new login gives up the tokens: {status:?}");
    assert!(!status.stdout.contains("auth logout"), "a logout would give up the tokens: {status:?}");
    let log = gateway.log();
    assert!(log.contains("its mark needs a key that this gateway lacks") && !log.contains("somebody else"), "{log}");
}

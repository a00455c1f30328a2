//! Tests of rotating tokens: during the overlap, the old and the new token are valid on every gateway.

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    time::Duration,
};

use goclaw::{
    adapters::http::{GatewayToken, GatewayTokens},
    domain::api_token::TokenDigest,
    ports::Clock,
};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    replicas,
    support::{
        command_output::CommandOutput,
        fakes::{FakeClock, NOW},
        gateway::{Gateway, Home, eventually, http},
        postgres::Database,
        provider::Provider,
    },
};

async fn status_with(gateway: &Gateway, token: &str) -> u16 {
    let request = http().get(format!("{}/v1/models", gateway.base)).bearer_auth(token);
    request.send().await.expect("a response").status().as_u16()
}

async fn rotate(gateway: &Gateway, name: &str, overlap: Value) -> Value {
    let body = if overlap.is_null() { json!({}) } else { json!({"overlap": overlap}) };
    let response = gateway.post(&format!("/v1/tokens/{name}/rotate"), body).await;
    assert_eq!(response.status, 200, "{}", response.text);
    response.json()
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

async fn wait_for_status(gateway: &Gateway, token: &str, status: u16) {
    let look = || async { (status_with(gateway, token).await == status).then_some(()) };
    eventually("the token's new status", look).await;
}

#[tokio::test]
async fn both_tokens_of_a_program_are_valid_on_every_gateway_until_the_overlap_ends() {
    let (provider, database) = (Provider::approving(), Database::create().await);
    let homes = [replicas::home(&provider, &database), replicas::home(&provider, &database)];
    let (one, other) = (homes[0].start().await, homes[1].start().await);
    one.sign_in().await;
    let created = one.post("/v1/tokens", json!({"name": "editor", "scope": "models"})).await.json();
    let old = text(&created["token"]);
    wait_for_status(&other, &old, 200).await;
    let rotated = rotate(&one, "editor", json!(3)).await;
    let new = text(&rotated["token"]);
    assert_eq!((&rotated["id"], &rotated["name"]), (&created["id"], &created["name"]));
    assert!(rotated["previous_valid_until"].is_i64(), "{rotated}");
    // Both tokens are valid on both gateways.
    assert_eq!((status_with(&one, &old).await, status_with(&one, &new).await), (200, 200));
    wait_for_status(&other, &new, 200).await;
    let listed = other.get("/v1/tokens").await.json();
    assert_eq!(listed["tokens"].as_array().map(Vec::len), Some(1), "{listed}");
    assert_eq!(listed["tokens"][0]["previous_valid_until"], rotated["previous_valid_until"]);
    for gateway in [&one, &other] {
        wait_for_status(gateway, &old, 401).await;
        assert_eq!(status_with(gateway, &new).await, 200);
    }
    let entries = one.get("/v1/audit").await.json();
    assert!(entries.to_string().contains("token_rotated"), "{entries}");
}

#[tokio::test]
async fn the_old_token_ends_with_the_next_rotation_or_with_a_revocation() {
    let (_provider, _home, gateway) = crate::models::signed_in().await;
    let created = gateway.post("/v1/tokens", json!({"name": "editor"})).await.json();
    let first = text(&created["token"]);
    let prompt = json!({"model": "gpt-5.5", "input": "Hello"});
    let answer = gateway.call_as(&first, Method::POST, "/v1/responses", Some(prompt)).await.json();
    let path = format!("/v1/responses/{}", text(&answer["id"]));
    let second = text(&rotate(&gateway, "editor", Value::Null).await["token"]);
    for token in [&first, &second] {
        assert_eq!(
            gateway.call_as(token, Method::GET, &path, None).await.status,
            200,
            "the program keeps its responses"
        );
    }
    let third = text(&rotate(&gateway, &text(&created["id"]), json!(60)).await["token"]);
    assert_eq!(status_with(&gateway, &first).await, 401, "only two tokens are valid at once");
    assert_eq!((status_with(&gateway, &second).await, status_with(&gateway, &third).await), (200, 200));
    let fourth = text(&rotate(&gateway, "editor", json!(0)).await["token"]);
    assert_eq!((status_with(&gateway, &third).await, status_with(&gateway, &fourth).await), (401, 200));
    assert_eq!(gateway.call(Method::DELETE, "/v1/tokens/editor", None).await.status, 200);
    assert_eq!(status_with(&gateway, &fourth).await, 401);
    // The longest overlap is 30 days.
    for (name, overlap, status) in [("unknown", json!(1), 404), ("editor", json!(30 * 24 * 60 * 60 + 1), 400)] {
        let refused = gateway.post(&format!("/v1/tokens/{name}/rotate"), json!({"overlap": overlap})).await;
        assert_eq!(refused.status, status, "{}", refused.text);
    }
}

#[tokio::test]
async fn the_rotate_command_prints_only_the_new_token_under_both_of_its_names() {
    let home = Home::without_provider();
    let gateway = home.start().await;
    gateway.post("/v1/tokens", json!({"name": "editor"})).await;
    for command in ["token", "tokens"] {
        let done = home.run(&[command, "rotate", "editor", "--overlap", "1h"]);
        assert_eq!(done.code, Some(0), "{done:?}");
        assert_eq!(done.stdout.lines().count(), 1, "{done:?}");
        assert!(done.stderr.contains("The old one is valid until"), "{done:?}");
        assert_eq!(status_with(&gateway, done.stdout.trim()).await, 200);
    }
}

#[tokio::test]
async fn the_gateway_token_can_be_rotated_with_an_overlap() {
    let home = Home::without_provider();
    let early = home.run(&["token", "rotate"]);
    assert!(early.code == Some(1) && early.stderr.contains("start the gateway once"), "{early:?}");
    let gateway = home.start().await;
    let old = gateway.token.clone();
    let mut command = home.command(&["token", "rotate", "--overlap", "4s"]);
    command.env("TZ", "Asia/Kolkata");
    let done = CommandOutput::of(command);
    assert_eq!(done.code, Some(0), "{done:?}");
    let new = done.stdout.trim().to_owned();
    assert!(!done.stderr.contains("did not accept"), "{done:?}");
    assert_eq!((status_with(&gateway, &old).await, status_with(&gateway, &new).await), (200, 200));
    // Commands on this machine use the new token.
    assert_eq!(home.run(&["tokens", "list"]).code, Some(0));
    wait_for_status(&gateway, &old, 401).await;
    assert_eq!(status_with(&gateway, &new).await, 200);
    gateway.stop().await;
    let gateway = home.start().await;
    assert_eq!(status_with(&gateway, &new).await, 200);
    let newest = gateway.get("/v1/audit?limit=1").await.json()["entries"][0].clone();
    let (action, detail) = (text(&newest["action"]), text(&newest["detail"]));
    assert!(action == "token_rotated" && detail.ends_with('Z'), "the time of an entry is in UTC: {newest}");
    // After a restart within the overlap, the old token is still valid.
    let done = home.run(&["token", "rotate", "--json"]);
    let done: Value = serde_json::from_str(&done.stdout).expect("JSON");
    assert!(done["previous_valid_until"].is_i64(), "{done}");
    drop(gateway);
    let gateway = home.start().await;
    assert_eq!(status_with(&gateway, &new).await, 200);
    assert_eq!(status_with(&gateway, &text(&done["token"])).await, 200);
}

/// `goclaw onboard` writes the token into a file that a shell sources. The copy may be outdated or a program's token.
#[tokio::test]
async fn a_rotation_is_refused_while_a_variable_contradicts_the_token_file() {
    let home = Home::without_provider();
    let gateway = home.start().await;
    let mut command = home.command(&["token", "rotate"]);
    command.env("GOCLAW_TOKEN", &gateway.token);
    let refused = CommandOutput::of(command);
    assert!(refused.code == Some(1) && refused.stderr.contains("unset GOCLAW_TOKEN"), "{refused:?}");
    assert!(!home.data_dir().join("gateway.token.previous").exists());
}

/// The command would replace the token of this machine's gateway, which may never have run.
#[test]
fn a_rotation_is_refused_if_the_commands_go_to_another_gateway() {
    let home = Home::without_provider();
    let mut command = home.command(&["tokens", "rotate"]);
    command.env("GOCLAW_GATEWAY_URL", "https://gateway.example").env("GOCLAW_TOKEN", "t".repeat(40));
    let refused = CommandOutput::of(command);
    assert!(refused.code == Some(1) && refused.stderr.contains("GOCLAW_GATEWAY_URL"), "{refused:?}");
    assert!(!home.data_dir().exists());
}

#[tokio::test]
async fn a_rotation_that_fails_leaves_the_old_tokens_valid() {
    let home = Home::without_provider();
    home.start().await.stop().await;
    assert_eq!(home.run(&["token", "rotate", "--overlap", "1h"]).code, Some(0));
    let files = ["gateway.token", "gateway.token.previous"].map(|name| home.data_dir().join(name));
    let before = files.clone().map(|file| fs::read(file).expect("a file"));
    fs::write(home.data_dir().join("goclaw.db"), "no database").expect("it is written");
    let failed = home.run(&["token", "rotate", "--overlap", "1h"]);
    assert_eq!(failed.code, Some(1), "{failed:?}");
    assert_eq!(files.map(|file| fs::read(file).expect("a file")), before);
}

#[tokio::test]
async fn a_rotated_configured_token_stays_valid_after_its_setting_is_replaced() {
    let (old, new) = ("the-first-configured-token-of-them", "the-second-configured-token-of-them");
    let home = Home::without_provider().with("GOCLAW_SERVER__TOKEN", old);
    let gateway = home.start().await;
    let done = home.run(&["token", "rotate", "--overlap", "1h"]);
    assert!(done.code == Some(0) && done.stdout.contains("is configured"), "{done:?}");
    gateway.stop().await;
    let home = home.with("GOCLAW_SERVER__TOKEN", new);
    let gateway = home.start().await;
    assert_eq!((status_with(&gateway, old).await, status_with(&gateway, new).await), (200, 200));
    assert_eq!(status_with(&gateway, "another-token-that-nobody-configured").await, 401);
}

#[test]
fn the_token_files_are_reread_after_a_second_of_monotonic_time() {
    let clock = FakeClock::at(NOW);
    let tokens = |current| GatewayTokens { current: TokenDigest::of(current), previous: None };
    let hour = Duration::from_secs(60 * 60);
    let reads = Arc::new(AtomicUsize::default());
    let counted = Arc::clone(&reads);
    let source = move || {
        counted.fetch_add(1, Ordering::SeqCst);
        None
    };
    let token = GatewayToken::of(tokens("old"), Box::new(source), clock.clone());
    let reads_after = |advance| {
        clock.set_wall_clock(clock.now().minus(hour));
        clock.advance(advance);
        token.matches(&TokenDigest::of("guess"));
        reads.load(Ordering::SeqCst)
    };
    let [first, soon, later] = [0, 999, 1].map(|millis| reads_after(Duration::from_millis(millis)));
    assert_eq!((first, soon, later), (1, 1, 2));
}

#[test]
fn a_replaced_token_ends_although_nobody_sends_the_new_one() {
    let tokens = |current| GatewayTokens { current: TokenDigest::of(current), previous: None };
    let token = GatewayToken::of(tokens("old"), Box::new(move || Some(tokens("new"))), FakeClock::at(NOW));
    assert!(!token.matches(&TokenDigest::of("old")));
    assert!(token.matches(&TokenDigest::of("new")));
}

/// Both callers send the new token right after a rotation.
#[test]
#[expect(clippy::disallowed_methods, reason = "the second caller runs while the first one reads the files")]
fn a_caller_waits_while_another_one_rereads_the_token_files() {
    let tokens = |current| GatewayTokens { current: TokenDigest::of(current), previous: None };
    let (reading, begun) = mpsc::channel();
    let source = move || {
        reading.send(()).expect("the test waits");
        std::thread::sleep(Duration::from_millis(100));
        Some(tokens("new"))
    };
    let token = GatewayToken::of(tokens("old"), Box::new(source), FakeClock::at(NOW));
    let other = token.clone();
    let first = std::thread::spawn(move || other.matches(&TokenDigest::of("new")));
    begun.recv().expect("the files are read");
    assert!(token.matches(&TokenDigest::of("new")));
    assert!(first.join().expect("no panic"));
}

//! Tests of API tokens: the default scope, revocation on every replica, and the CLI.

use std::process::Stdio;

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    models::signed_in,
    support::{
        gateway::{Gateway, Home, HttpResponse, eventually, http},
        postgres::Database,
        provider::Provider,
    },
};

async fn create(gateway: &Gateway, name: &str) -> Value {
    let response = gateway.post("/v1/tokens", json!({"name": name})).await;
    assert_eq!(response.status, 200, "{}", response.text);
    response.json()
}

async fn get_models(gateway: &Gateway, token: &str) -> HttpResponse {
    let request = http().get(format!("{}/v1/models", gateway.base)).bearer_auth(token);
    HttpResponse::of(request.send().await.expect("a response")).await
}

#[tokio::test]
async fn by_default_an_api_token_permits_only_models() {
    let (_provider, home, gateway) = signed_in().await;
    let token = create(&gateway, "editor").await["token"].as_str().expect("a token").to_owned();
    assert_eq!(get_models(&gateway, &token).await.status, 200);
    let request =
        |method: Method, path: &str| http().request(method, format!("{}{path}", gateway.base)).bearer_auth(&token);
    for (method, path) in [
        (Method::GET, "/v1/auth/openai/status"),
        (Method::POST, "/v1/auth/openai/logout"),
        (Method::GET, "/v1/providers"),
        (Method::GET, "/v1/tokens"),
        (Method::POST, "/v1/tokens"),
        (Method::GET, "/v1/proxy/openai/wham/usage"),
    ] {
        let response = HttpResponse::of(request(method, path).send().await.expect("a response")).await;
        let body = response.json();
        let code = if path.contains("proxy") { &body["error"]["code"] } else { &body["code"] };
        assert_eq!((response.status, code), (403, &json!("insufficient_scope")), "{path}");
    }
    for path in ["/v1/proxy", "/v1/nothing", "/v1/responses/", "/responses"] {
        assert_eq!(request(Method::GET, path).send().await.expect("a response").status(), 404, "{path}");
    }
    assert_eq!(home.number("SELECT count(*) FROM api_tokens"), 1);
    let stored = home.text("SELECT id || name || scope || digest FROM api_tokens");
    assert!(!stored.contains(&token) && !gateway.log().contains(&token));
}

#[tokio::test]
async fn a_revoked_api_token_is_rejected_and_others_are_not() {
    let (_provider, _home, gateway) = signed_in().await;
    let (one, other) = (create(&gateway, "one").await, create(&gateway, "other").await);
    let text = |token: &Value| token["token"].as_str().expect("a token").to_owned();
    let path = format!("/v1/tokens/{}", one["id"].as_str().expect("an id"));
    let revoked = gateway.call(Method::DELETE, &path, None).await;
    assert_eq!((revoked.status, revoked.json()), (200, json!({"status": "revoked"})));
    assert_eq!(get_models(&gateway, &text(&one)).await.status, 401);
    assert_eq!(get_models(&gateway, &text(&other)).await.status, 200);
    assert_eq!(gateway.call(Method::DELETE, &path, None).await.json()["code"], "unknown_token");
    let remaining = gateway.get("/v1/tokens").await.json();
    assert_eq!(
        (remaining["tokens"].as_array().expect("tokens").len(), &remaining["tokens"][0]["name"]),
        (1, &json!("other"))
    );
    assert!(remaining["tokens"][0].get("token").is_none(), "the token is returned once");
    for body in [
        json!({"name": "x", "scope": "everything"}),
        json!({"name": "x", "scope": "proxy"}),
        json!({"name": "x", "scope": " "}),
        json!({"name": "x", "scope": null}),
        json!({"name": "x", "expires_in": 59}), // The minimum is 60.
        json!({"name": " "}),
        json!({}),
    ] {
        assert_eq!(gateway.post("/v1/tokens", body.clone()).await.status, 400, "{body}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn other_replicas_reject_a_revoked_token() {
    let (provider, database) = (Provider::approving(), Database::create().await);
    let home = || {
        Home::new(&provider)
            .with("GOCLAW_DATABASE__URL", &database.url)
            .with("GOCLAW_SERVER__TOKEN", "0123456789abcdef0123456789abcdef")
            .with("GOCLAW_ENCRYPTION__KEY", "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f")
    };
    let (one, other) = (home(), home());
    let (one, other) = (one.start().await, other.start().await);
    let created = create(&one, "editor").await;
    let token = created["token"].as_str().expect("a token");
    eventually("the other replica to accept the token", || async {
        (get_models(&other, token).await.status == 200).then_some(())
    })
    .await;
    let revoked =
        one.call(Method::DELETE, &format!("/v1/tokens/{}", created["id"].as_str().expect("an id")), None).await;
    assert_eq!(revoked.status, 200);
    eventually("the other replica to reject the token", || async {
        (get_models(&other, token).await.status == 401).then_some(())
    })
    .await;
}

#[tokio::test]
async fn the_cli_prints_a_token_once() {
    let home = Home::without_provider();
    let gateway = home.start().await;
    let created = home.run(&["tokens", "create", "editor"]);
    assert_eq!(created.code, Some(0), "{}", created.stderr);
    let token = created.stdout.trim();
    assert!(token.starts_with("goclaw_") && !created.stderr.contains(token), "{}", created.stdout);
    assert_eq!(get_models(&gateway, token).await.status, 200);
    let listed = home.run(&["tokens", "list"]);
    assert!(listed.stdout.contains("editor") && !listed.stdout.contains(token), "{}", listed.stdout);
    let id = listed.stdout.lines().nth(1).and_then(|line| line.split(' ').next()).expect("an id").to_owned();
    assert_eq!(home.run(&["tokens", "revoke", &id]).code, Some(0));
    assert_eq!(get_models(&gateway, token).await.status, 401);
    assert_eq!(home.run(&["tokens", "revoke", &id]).code, Some(4), "the token is unknown by now");
    let arguments =
        ["tokens", "create", "bot", "--scope", "proxy:suno", "--scope", "status:read", "--expires-in", "90d"];
    assert_eq!(home.run(&arguments).code, Some(0));
    let listed = home.run(&["tokens", "list", "--json"]).stdout;
    let listed: Value = serde_json::from_str(&listed).expect("JSON");
    let bot = &listed["tokens"][0];
    assert_eq!(bot["scope"], "proxy:suno status:read");
    let lifetime = bot["expires_at"].as_i64().expect("an end") - bot["created_at"].as_i64().expect("a time");
    assert_eq!(lifetime, 90 * 24 * 60 * 60);
    assert_eq!(home.run(&arguments).code, Some(4), "the name is taken");
    assert_eq!(home.run(&["tokens", "create", "x", "--scope", "everything"]).code, Some(2), "there is no such scope");
    assert_eq!(home.run(&["tokens", "revoke", "bot"]).code, Some(0));
}

#[tokio::test]
async fn a_token_that_could_not_be_printed_is_revoked() {
    let home = Home::without_provider();
    let gateway = home.start().await;
    let mut command = home.command(&["tokens", "create", "editor"]);
    // Every write to this stdout fails.
    command.stdout(std::fs::File::options().write(true).open("/dev/full").expect("/dev/full"));
    assert!(!command.status().expect("it runs").success());
    assert_eq!(gateway.get("/v1/tokens").await.json()["tokens"], json!([]));
    let mut command = home.command(&["tokens", "create", "editor"]);
    let mut child = command.stdout(Stdio::piped()).spawn().expect("it runs");
    // The reader has closed the pipe before the gateway responds.
    drop(child.stdout.take());
    assert!(!child.wait().expect("it ends").success());
    assert_eq!(gateway.get("/v1/tokens").await.json()["tokens"], json!([]));
}

#[tokio::test]
async fn a_rotated_token_that_could_not_be_printed_is_reported_with_the_next_step() {
    let home = Home::without_provider();
    let gateway = home.start().await;
    gateway.post("/v1/tokens", json!({"name": "editor"})).await;
    let mut command = home.command(&["tokens", "rotate", "editor", "--overlap", "0s"]);
    command.stdout(std::fs::File::options().write(true).open("/dev/full").expect("/dev/full"));
    let failed = command.output().expect("it runs");
    let stderr = String::from_utf8_lossy(&failed.stderr);
    assert!(!failed.status.success() && stderr.contains("Rotate again: goclaw tokens rotate 'editor'"), "{stderr}");
}

//! Tests of several replicas on one PostgreSQL database: they share logins and report the same status.

use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::support::{
    gateway::{Gateway, Home},
    postgres::Database,
    provider::Provider,
};

const TOKEN: &str = "a-gateway-token-that-all-of-them-share";
const KEY: &str = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";

/// Configures a gateway on `database`.
pub(crate) fn home(provider: &Provider, database: &Database) -> Home {
    Home::new(provider)
        .with("GOCLAW_DATABASE__URL", &database.url)
        .with("GOCLAW_SERVER__TOKEN", TOKEN)
        .with("GOCLAW_ENCRYPTION__KEY", KEY)
}

async fn paste(gateway: &Gateway, redirect_url: &str) -> (u16, Value) {
    let response = gateway.post("/v1/auth/openai/callback", json!({"redirect_url": redirect_url})).await;
    (response.status, response.json())
}

fn auth_url(started: &Value) -> &str {
    started["auth_url"].as_str().expect("an auth_url")
}

#[tokio::test]
async fn a_login_started_on_one_replica_completes_on_another() {
    let (provider, database) = (Provider::approving(), Database::create().await);
    let homes = [home(&provider, &database), home(&provider, &database)];
    let (first, second) = tokio::join!(homes[0].start(), homes[1].start());
    let started = first.start_login().await;
    assert_eq!(second.start_login().await["login_id"], started["login_id"], "both share one pending login");
    let redirect_url = provider.redirect_for(auth_url(&started)).await;
    let (status, connected) = paste(&second, &redirect_url).await;
    assert_eq!(status, 200, "{connected}");
    for gateway in [&first, &second] {
        let status = gateway.status().await;
        assert_eq!((&status["authenticated"], &status["login_id"]), (&json!(true), &started["login_id"]));
    }
    assert_eq!(paste(&first, &redirect_url).await.0, 410);
    let secret = database.cell("count(*)", "config_secrets WHERE key = 'oauth.openai-codex.refresh_token'").await;
    assert_eq!(secret.as_deref(), Some("1"));
}

#[tokio::test]
async fn another_replica_completes_the_login_of_a_killed_replica() {
    let (provider, database) = (Provider::approving(), Database::create().await);
    let homes = [home(&provider, &database), home(&provider, &database)];
    let first = homes[0].start().await;
    let started = first.start_login().await;
    let redirect_url = provider.redirect_for(auth_url(&started)).await;
    // Dropping a gateway sends SIGKILL.
    drop(first);
    let second = homes[1].start().await;
    assert_eq!(paste(&second, &redirect_url).await.0, 200);
    let first = homes[0].start().await;
    assert_eq!(first.status().await["login_id"], started["login_id"]);
    assert_eq!(first.post("/v1/auth/openai/logout", json!({})).await.status, 200);
    assert_eq!(second.status().await["state"], "absent");
}

#[tokio::test]
async fn fifty_pastes_on_two_replicas_redeem_the_code_once() {
    let (provider, database) = (Provider::approving(), Database::create().await);
    let homes = [home(&provider, &database), home(&provider, &database)];
    let (first, second) = tokio::join!(homes[0].start(), homes[1].start());
    let redirect_url = provider.redirect_for(auth_url(&first.start_login().await)).await;
    let gateways = [std::sync::Arc::new(first), std::sync::Arc::new(second)];
    let mut posts = JoinSet::new();
    for number in 0..50 {
        let (gateway, redirect_url) = (gateways[number % 2].clone(), redirect_url.clone());
        posts.spawn(async move { paste(&gateway, &redirect_url).await.0 });
    }
    let mut statuses = posts.join_all().await;
    statuses.sort_unstable();
    assert_eq!(statuses[0], 200);
    assert!(statuses[1..].iter().all(|status| [409, 410].contains(status)), "{statuses:?}");
    assert_eq!(provider.outcomes("/oauth/token").await, ["tokens_issued"]);
}

#[tokio::test]
async fn a_gateway_with_another_key_refuses_to_start_and_changes_nothing() {
    let (provider, database) = (Provider::approving(), Database::create().await);
    let right = home(&provider, &database);
    let gateway = right.start().await;
    let wrong = Home::new(&provider)
        .with("GOCLAW_DATABASE__URL", &database.url)
        .with("GOCLAW_SERVER__TOKEN", TOKEN)
        .with("GOCLAW_ENCRYPTION__KEY", &"ab".repeat(32));
    let contents = async || {
        let columns = "concat((SELECT json_agg(k) FROM key_checks k), (SELECT json_agg(p) FROM llm_providers p))";
        database.cell(columns, "(SELECT 1) AS one").await
    };
    for has_account in [false, true] {
        if has_account {
            gateway.sign_in().await;
        }
        let before = contents().await;
        let refused = wrong.run(&["serve"]);
        assert_eq!(refused.code, Some(1), "{}", refused.stderr);
        assert!(refused.stderr.contains("sealed with the key"), "{}", refused.stderr);
        assert_eq!(contents().await, before);
    }
    gateway.stop().await;
    assert_eq!(right.start().await.status().await["authenticated"], true);
}

#[tokio::test]
async fn a_shared_database_requires_a_configured_token_and_errors_hide_its_password() {
    let provider = Provider::approving();
    let url = "postgres://goclaw:canary@127.0.0.1:1/goclaw";
    let home = Home::new(&provider).with("GOCLAW_DATABASE__URL", url).with("GOCLAW_ENCRYPTION__KEY", KEY);
    let refused = home.run(&["serve"]);
    assert_eq!(refused.code, Some(2), "{}", refused.stderr);
    assert!(refused.stderr.contains("missing setting server.token"), "{}", refused.stderr);
    let refused = home.with("GOCLAW_SERVER__TOKEN", TOKEN).run(&["serve"]);
    assert_eq!(refused.code, Some(1), "{}", refused.stderr);
    assert!(refused.stderr.contains("cannot open the database goclaw on 127.0.0.1"), "{}", refused.stderr);
    assert!(!refused.stderr.contains("canary"), "{}", refused.stderr);
}

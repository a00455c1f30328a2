//! Tests of a failing database: what the gateway logs, how readiness changes, and what errors say.

use std::time::Duration;

use serde_json::json;

use crate::{
    models::signed_in,
    replicas,
    support::{
        gateway::{Gateway, Home, eventually, pause},
        postgres::Database,
        provider::Provider,
    },
};

/// Waits until the log contains `text`, and returns the line.
async fn wait_for_log(gateway: &Gateway, text: &str) -> String {
    let line = || async { gateway.log().lines().find(|line| line.contains(text)).map(str::to_owned) };
    eventually(text, line).await
}

#[tokio::test]
async fn a_database_failure_is_logged_once_at_its_beginning_and_once_at_its_end() {
    let home = Home::without_provider();
    let gateway = home.start().await;
    home.change_database("ALTER TABLE change_feed RENAME TO gone");
    let line = wait_for_log(&gateway, "the database fails").await;
    assert!(line.contains(" WARN ") && line.contains("no such table: change_feed"), "{line}");
    // The gateway reads the change feed every 500 ms, so several reads fail meanwhile.
    pause(Duration::from_millis(1_700)).await;
    home.change_database("ALTER TABLE gone RENAME TO change_feed");
    let line = wait_for_log(&gateway, "the database works again").await;
    assert!(line.contains(" INFO ") && line.contains("after_seconds="), "{line}");
    assert_eq!(gateway.log().matches("the database fails").count(), 1, "{}", gateway.log());
}

#[tokio::test]
async fn readiness_is_degraded_while_tokens_serve_without_the_database() {
    let (_provider, home, gateway) = signed_in().await;
    let wait_for = async |path: &'static str, status: &'static str| {
        eventually(status, || async {
            let response = gateway.get(path).await;
            (response.json()["status"] == status).then_some(response)
        })
        .await
    };
    let ready = wait_for("/readyz", "ready").await;
    assert_eq!((ready.status, ready.json().get("reason")), (200, None));
    home.change_database("ALTER TABLE change_feed RENAME TO gone");
    let degraded = wait_for("/readyz", "degraded").await;
    assert_eq!(degraded.status, 200, "a load balancer must keep the gateway");
    assert!(degraded.json()["reason"].as_str().is_some_and(|reason| reason.contains("database")), "{}", degraded.text);
    assert_eq!(gateway.post("/v1/responses", json!({"model": "gpt-5.5", "input": "Hi"})).await.status, 200);
    assert_eq!((wait_for("/livez", "ok").await.status, wait_for("/healthz", "ok").await.status), (200, 200));
    home.change_database("ALTER TABLE gone RENAME TO change_feed");
    wait_for("/readyz", "ready").await;
}

#[tokio::test]
async fn without_database_and_tokens_in_memory_the_gateway_is_not_ready() {
    let home = Home::without_provider();
    let gateway = home.start().await;
    assert_eq!(gateway.get("/readyz").await.status, 200, "the first login needs a ready gateway");
    home.change_database("ALTER TABLE change_feed RENAME TO gone");
    let not_ready = async || Some(gateway.get("/readyz").await).filter(|response| response.status == 503);
    let response = eventually("a 503", not_ready).await;
    assert_eq!(response.json()["status"], "unavailable");
}

/// A trigger raises SQLite's text for a full disk, because a test cannot fill the disk.
#[tokio::test]
async fn a_full_disk_is_named_in_errors_and_a_damaged_database_at_start() {
    let home = Home::without_provider();
    let gateway = home.start().await;
    home.change_database("CREATE TRIGGER full BEFORE INSERT ON login_sessions BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END");
    let refused = gateway.post("/v1/auth/openai/start", json!({})).await;
    let detail = refused.json()["detail"].as_str().expect("a detail").to_owned();
    assert_eq!(refused.status, 503);
    assert!(detail.contains("the disk of the database is full; free some space"), "{detail}");
    wait_for_log(&gateway, "the database fails").await;
    gateway.stop().await;

    std::fs::write(home.data_dir().join("goclaw.db"), "no database".repeat(1_000)).expect("the file is overwritten");
    let start = home.run(&["serve"]);
    assert!(
        start.stderr.contains("the database is damaged") && start.stderr.contains("restore a backup"),
        "{}",
        start.stderr
    );
}

#[tokio::test]
async fn a_commit_without_confirmation_is_not_reported_as_no_change() {
    let (provider, database) = (Provider::approving(), Database::create().await);
    let home = replicas::home(&provider, &database);
    let gateway = home.start().await;
    // A deferred trigger runs in the commit, which then takes longer than the gateway waits.
    database
        .execute(
            "CREATE FUNCTION wait_long() RETURNS trigger LANGUAGE plpgsql AS
                 $$ BEGIN PERFORM pg_sleep(7); RETURN NULL; END $$;
             CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON audit_log DEFERRABLE INITIALLY DEFERRED
                 FOR EACH ROW EXECUTE FUNCTION wait_long()",
        )
        .await;
    let refused = gateway.post("/v1/tokens", json!({"name": "editor"})).await;
    assert_eq!((refused.status, &refused.json()["code"]), (503, &json!("store_unavailable")), "{}", refused.text);
    assert!(refused.text.contains("not known whether the change was made"), "{}", refused.text);
    let is_stored = || async { (database.cell("count(*)", "api_tokens").await.as_deref() == Some("1")).then_some(()) };
    eventually("the change, which was made after all", is_stored).await;
}

//! Trouble with the database, as the log and the owner see it.

use std::time::Duration;

use serde_json::json;

use crate::support::gateway::{Gateway, Home, eventually, pause};

/// Waits until the log contains `text`, and returns the line.
async fn logged(gateway: &Gateway, text: &str) -> String {
    let line = || async { gateway.log().lines().find(|line| line.contains(text)).map(str::to_owned) };
    eventually(text, line).await
}

#[tokio::test]
async fn trouble_is_logged_once_when_it_begins_and_once_when_it_is_over() {
    let home = Home::without_provider();
    let gateway = home.start().await;
    home.change_database("ALTER TABLE change_feed RENAME TO gone");
    let line = logged(&gateway, "the database fails").await;
    assert!(line.contains(" WARN ") && line.contains("no such table: change_feed"), "{line}");
    // Several reads fail meanwhile.
    pause(Duration::from_millis(1_700)).await;
    home.change_database("ALTER TABLE gone RENAME TO change_feed");
    let line = logged(&gateway, "the database works again").await;
    assert!(line.contains(" INFO ") && line.contains("after_seconds="), "{line}");
    assert_eq!(gateway.log().matches("the database fails").count(), 1, "{}", gateway.log());
}

/// The texts of SQLite: the tests cannot fill a disk.
#[tokio::test]
async fn a_damaged_database_says_so_at_the_start_and_a_full_one_in_every_error() {
    let home = Home::without_provider();
    let gateway = home.start().await;
    home.change_database("CREATE TRIGGER full BEFORE INSERT ON login_sessions BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END");
    let refused = gateway.post("/v1/auth/openai/start", json!({})).await;
    let detail = refused.json()["detail"].as_str().expect("a detail").to_owned();
    assert_eq!(refused.status, 503);
    assert!(detail.contains("the disk of the database is full; free some space"), "{detail}");
    logged(&gateway, "the database fails").await;
    gateway.stop().await;

    std::fs::write(home.data_dir().join("goclaw.db"), "no database".repeat(1_000)).expect("the file is overwritten");
    let start = home.run(&["serve"]);
    assert!(
        start.stderr.contains("the database is damaged") && start.stderr.contains("restore a backup"),
        "{}",
        start.stderr
    );
}

//! Trouble with the database, as the log and the owner see it.

use crate::support::gateway::{Gateway, Home, eventually, pause};
use std::time::Duration;

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

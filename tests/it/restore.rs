//! Tests of restoring an older copy of the database. The gateway writes the newest tokens from its token journal into
//! the database, or reports that they are lost.

use std::{cell::RefCell, collections::BTreeMap, fs, path::Path};

use serde_json::{Value, json};

use crate::{
    replicas,
    support::{
        gateway::{Gateway, Home, eventually},
        postgres::Database,
        provider::Provider,
    },
};

async fn refresh(gateway: &Gateway) -> u16 {
    gateway.post("/v1/auth/openai/refresh", json!({})).await.status
}

/// Checks that no refresh token was presented twice and that the provider has not ended the login.
async fn assert_no_reuse(provider: &Provider) {
    let presented = provider.get_control("/presentations").await;
    let mut counts = BTreeMap::<&str, u32>::new();
    for presentation in presented.as_array().expect("presentations") {
        *counts.entry(presentation["token_sha256"].as_str().expect("a digest")).or_default() += 1;
    }
    assert!(counts.values().all(|count| *count == 1), "{presented}");
    let totals = provider.get_control("/presentations/totals").await;
    assert_eq!((&totals["reuse_refused"], &totals["families_killed"]), (&json!(0), &json!(0)), "{totals}");
}

async fn wait_for_status(gateway: &Gateway, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
    let matching_status = || async { Some(gateway.status().await).filter(&holds) };
    eventually(what, matching_status).await
}

/// Copies the files of the SQLite database, and nothing else.
fn copy_database(from: &Path, to: &Path) {
    for file in fs::read_dir(to).expect("a folder").map(|file| file.expect("a file").path()) {
        if file.file_name().is_some_and(|name| name.to_string_lossy().starts_with("goclaw.db")) {
            fs::remove_file(file).expect("it is removed");
        }
    }
    for file in fs::read_dir(from).expect("a folder").map(|file| file.expect("a file").path()) {
        let name = file.file_name().expect("a name");
        if name.to_string_lossy().starts_with("goclaw.db") {
            fs::copy(&file, to.join(name)).expect("it is copied");
        }
    }
}

#[tokio::test]
async fn the_newest_tokens_are_written_from_the_journal_into_a_restored_file() {
    for (refreshes, is_killed) in [(1, false), (1, true), (3, false)] {
        let provider = Provider::approving();
        let home = Home::new(&provider);
        let backup = tempfile::tempdir().expect("a folder");
        let gateway = home.start().await;
        gateway.sign_in().await;
        gateway.stop().await;
        copy_database(&home.data_dir(), backup.path());
        let gateway = home.start().await;
        for _ in 0..refreshes {
            assert_eq!(refresh(&gateway).await, 200);
        }
        if is_killed {
            drop(gateway)
        } else {
            gateway.stop().await
        }
        copy_database(backup.path(), &home.data_dir());

        let gateway = home.start().await;
        let status = gateway.status().await;
        assert_eq!((&status["state"], &status["authenticated"]), (&json!("active"), &json!(true)), "{status}");
        assert_eq!(status["generation"], json!(refreshes), "{status}");
        assert!(gateway.log().contains("a backup was restored"), "{}", gateway.log());
        assert_eq!(refresh(&gateway).await, 200);
        assert_eq!(gateway.status().await["generation"], json!(refreshes + 1));
        assert_no_reuse(&provider).await;
    }
}

/// Signs in, copies the database, runs `change`, stops the gateway, restores the copy and starts the gateway again.
async fn restore_after(provider: &Provider, home: &Home, change: impl AsyncFn(&Gateway)) -> Gateway {
    let backup = tempfile::tempdir().expect("a folder");
    let gateway = home.start().await;
    gateway.sign_in().await;
    gateway.stop().await;
    copy_database(&home.data_dir(), backup.path());
    let gateway = home.start().await;
    change(&gateway).await;
    gateway.stop().await;
    copy_database(backup.path(), &home.data_dir());
    let gateway = home.start().await;
    assert_no_reuse(provider).await;
    gateway
}

#[tokio::test]
async fn a_presentation_missing_from_the_restored_file_leaves_the_account_in_doubt() {
    for is_new_login in [false, true] {
        let provider = Provider::approving();
        let home = Home::new(&provider);
        let change = async |gateway: &Gateway| {
            if is_new_login {
                gateway.sign_in_again().await;
            }
            let fault = json!({"endpoint": "refresh", "fault": {"kind": "lose_answer"}});
            provider.post_control("/faults", fault).await;
            refresh(gateway).await;
            assert_eq!(gateway.status().await["state"], "in_doubt");
        };
        let gateway = restore_after(&provider, &home, change).await;
        let status = gateway.status().await;
        assert_eq!((&status["state"], &status["authenticated"]), (&json!("in_doubt"), &json!(true)), "{status}");
        assert!(status["reason"].as_str().is_some_and(|reason| reason.contains("restored")), "{status}");
        refresh(&gateway).await;
        assert_no_reuse(&provider).await;
    }
}

#[tokio::test]
async fn a_token_that_the_provider_declined_leaves_no_doubt_after_a_restore() {
    let provider = Provider::approving();
    let home = Home::new(&provider).with("GOCLAW_REFRESH__BACKOFF_MIN", "1ms");
    let change = async |gateway: &Gateway| {
        let fault = json!({"kind": "status", "status": 429, "body": "{}"});
        provider.post_control("/faults", json!({"endpoint": "refresh", "fault": fault})).await;
        refresh(gateway).await;
        assert_eq!(gateway.status().await["state"], "active");
    };
    let gateway = restore_after(&provider, &home, change).await;
    assert_eq!(gateway.status().await["state"], "active");
    assert_eq!(refresh(&gateway).await, 200);
    assert_eq!(gateway.status().await["generation"], 1);
}

/// Copies the tables of accounts. `RESTORE` copies them back.
const BACK_UP: &str =
    "CREATE TABLE old_providers AS TABLE llm_providers; CREATE TABLE old_secrets AS TABLE config_secrets;
    CREATE TABLE old_events AS TABLE credential_events;";
const RESTORE: &str = "BEGIN; TRUNCATE llm_providers, config_secrets, credential_events;
    INSERT INTO llm_providers TABLE old_providers; INSERT INTO config_secrets TABLE old_secrets;
    INSERT INTO credential_events OVERRIDING SYSTEM VALUE TABLE old_events;
    SELECT setval(pg_get_serial_sequence('credential_events', 'id'), (SELECT max(id) FROM old_events)); COMMIT;";

#[tokio::test]
async fn a_running_gateway_writes_its_newest_tokens_into_a_restored_database() {
    let (provider, database) = (Provider::approving(), Database::create().await);
    let home = replicas::home(&provider, &database);
    let gateway = home.start().await;
    gateway.sign_in().await;
    database.execute(BACK_UP).await;
    for _ in 0..2 {
        assert_eq!(refresh(&gateway).await, 200);
    }
    database.execute(RESTORE).await;
    wait_for_status(&gateway, "the newest tokens to be back", |status| status["generation"] == 2).await;
    assert_eq!(refresh(&gateway).await, 200);
    let status = gateway.status().await;
    assert_eq!((&status["state"], &status["generation"]), (&json!("active"), &json!(3)), "{status}");
    assert_no_reuse(&provider).await;
}

#[tokio::test]
async fn if_only_a_lost_gateway_had_the_newest_tokens_the_account_stays_in_doubt() {
    let (provider, database) = (Provider::approving(), Database::create().await);
    let home = replicas::home(&provider, &database);
    let first = home.start().await;
    first.sign_in().await;
    database.execute(BACK_UP).await;
    let lost = replicas::home(&provider, &database);
    let second = lost.start().await;
    assert_eq!(refresh(&second).await, 200);
    wait_for_status(&first, "the other gateway's refresh", |status| status["generation"] == 1).await;
    // The status comes from the database. The first gateway's own journal follows within half a second.
    eventually("the mark", || async { has_mark(&home).then_some(()) }).await;
    drop((second, lost));
    database.execute(RESTORE).await;

    let in_doubt = |status: &Value| status["state"] == "in_doubt";
    let status = wait_for_status(&first, "the doubt", in_doubt).await;
    assert_eq!((&status["generation"], &status["authenticated"]), (&json!(0), &json!(true)), "{status}");
    assert!(status["reason"].as_str().is_some_and(|reason| reason.contains("restored")), "{status}");
    // Neither an ordinary refresh nor a restart after another restore presents the token.
    refresh(&first).await;
    assert_eq!(provider.get_control("/presentations/totals").await["presentations"], json!(1));
    first.stop().await;
    database.execute(RESTORE).await;
    let first = home.start().await;
    assert!(in_doubt(&first.status().await), "{}", first.status().await);
    assert_no_reuse(&provider).await;
}

/// Returns whether the journal has a mark of generation 1.
fn has_mark(home: &Home) -> bool {
    let files = fs::read_dir(home.data_dir().join("escrow")).expect("the journal").flatten();
    files.map(|file| file.file_name()).any(|name| name.to_string_lossy().ends_with(".1.seen"))
}

#[tokio::test]
async fn an_account_that_is_absent_after_a_restore_stays_absent() {
    let provider = Provider::approving();
    let home = Home::new(&provider);
    let backup = tempfile::tempdir().expect("a folder");
    home.start().await.stop().await;
    copy_database(&home.data_dir(), backup.path());
    let gateway = home.start().await;
    gateway.sign_in().await;
    assert_eq!(refresh(&gateway).await, 200);
    gateway.stop().await;
    copy_database(backup.path(), &home.data_dir());
    let gateway = home.start().await;
    assert_eq!(gateway.status().await["state"], "absent");
    assert_eq!(provider.get_control("/presentations/totals").await["presentations"], json!(1));
}

/// The folder of the token journal is called `escrow`.
fn journal_files(home: &Home) -> Vec<String> {
    let files = fs::read_dir(home.data_dir().join("escrow")).expect("the journal").flatten();
    files.map(|file| file.file_name().to_string_lossy().into_owned()).collect()
}

#[tokio::test]
async fn a_logout_deletes_the_account_s_tokens_from_the_journal() {
    let provider = Provider::approving();
    let home = Home::new(&provider);
    let gateway = home.start().await;
    gateway.sign_in().await;
    assert_eq!(refresh(&gateway).await, 200);
    assert!(matches!(&journal_files(&home)[..], [record] if record.ends_with(".committed.json")));
    assert_eq!(gateway.post("/v1/auth/openai/logout", json!({})).await.status, 200);
    assert!(matches!(&journal_files(&home)[..], [end] if end.ends_with(".ended")));
}

#[tokio::test]
async fn an_account_that_was_logged_out_after_the_backup_is_logged_out_again() {
    let provider = Provider::approving();
    let home = Home::new(&provider);
    let backup = tempfile::tempdir().expect("a folder");
    let gateway = home.start().await;
    gateway.sign_in().await;
    gateway.stop().await;
    copy_database(&home.data_dir(), backup.path());
    let gateway = home.start().await;
    assert_eq!(gateway.post("/v1/auth/openai/logout", json!({})).await.status, 200);
    gateway.stop().await;
    copy_database(backup.path(), &home.data_dir());
    let gateway = home.start().await;
    assert_eq!(gateway.status().await["state"], "absent");
    assert!(gateway.log().contains("brought back an ended login"), "{}", gateway.log());
    assert_eq!(provider.get_control("/presentations/totals").await["presentations"], json!(0));
}

#[tokio::test]
async fn a_login_that_was_replaced_after_the_backup_is_replaced_again() {
    for refreshes in [1, 0] {
        let provider = Provider::approving();
        let home = Home::new(&provider);
        let new = RefCell::new(Value::Null);
        let change = async |gateway: &Gateway| {
            let old = gateway.status().await["login_id"].clone();
            gateway.sign_in_again().await;
            for _ in 0..refreshes {
                assert_eq!(refresh(gateway).await, 200);
            }
            new.replace(gateway.status().await["login_id"].clone());
            assert_ne!(*new.borrow(), old);
        };
        let gateway = restore_after(&provider, &home, change).await;
        let (status, new) = (gateway.status().await, new.take());
        assert_eq!((&status["login_id"], &status["state"]), (&new, &json!("active")), "{status}");
        assert_eq!(refresh(&gateway).await, 200);
        assert_eq!(gateway.status().await["generation"], refreshes + 1);
        assert_no_reuse(&provider).await;
    }
}

#[tokio::test]
async fn a_running_gateway_ends_a_logged_out_login_that_a_restore_brings_back() {
    let (provider, database) = (Provider::approving(), Database::create().await);
    let homes = [replicas::home(&provider, &database), replicas::home(&provider, &database)];
    let (gateway, other) = (homes[0].start().await, homes[1].start().await);
    gateway.sign_in().await;
    database.execute(BACK_UP).await;
    // The other gateway reads the logout from the event history.
    assert_eq!(gateway.post("/v1/auth/openai/logout", json!({})).await.status, 200);
    let has_recorded_end =
        || async { Some(()).filter(|()| journal_files(&homes[1]).iter().any(|file| file.ends_with(".ended"))) };
    eventually("the other gateway's journal to record the logout", has_recorded_end).await;
    gateway.stop().await;
    database.execute(RESTORE).await;
    wait_for_status(&other, "the account to be absent again", |status| status["state"] == "absent").await;
}

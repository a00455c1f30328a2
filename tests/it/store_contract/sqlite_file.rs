//! Tests of the SQLite file: permissions, reopening, newer schemas and concurrent writers.

use std::{fs, os::unix::fs::PermissionsExt, sync::Arc};

use goclaw::{
    adapters::{
        store::{OpenStoreError, SqliteStore},
        system::SystemClock,
    },
    ports::{BeginOutcome, LoginStore, TokenStore},
};
use tokio::task::JoinSet;

use super::{
    fixtures::{Fixture, Sqlite},
    samples::{HastyClock, at, author, credential, login, name},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reopened_file_has_all_data() {
    let sqlite = Sqlite::open().await;
    let (store, pending) = (sqlite.store(), login(1, "work", "alice", at(0)));
    store.save_login(&credential(1, "work"), &author(at(0))).await.unwrap();
    store.begin(&pending, &author(at(0))).await.unwrap();
    let account = store.load(&name("work")).await.unwrap();

    let reopened = SqliteStore::open(&sqlite.path(), Arc::new(SystemClock)).await.unwrap();
    assert_eq!(reopened.load(&name("work")).await.unwrap(), account);
    assert_eq!(reopened.find(&pending.state_digest).await.unwrap(), Some(pending));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn concurrent_opens_of_a_new_file_all_succeed() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut opening = JoinSet::new();
    for _ in 0..4 {
        let path = folder.path().join("goclaw.db");
        opening.spawn(async move { SqliteStore::open(&path, Arc::new(SystemClock)).await.map(drop) });
    }
    for opened in opening.join_all().await {
        opened.expect("it opens");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_wait_for_another_gateway_s_migration_is_bounded_and_reported() {
    let sqlite = Sqlite::open().await;
    let folder = fs::File::open(sqlite.path().parent().expect("a folder")).expect("a folder");
    folder.lock().expect("no other process migrates");
    let refusal = SqliteStore::open(&sqlite.path(), Arc::new(HastyClock)).await.map(drop).unwrap_err();
    assert!(matches!(refusal, OpenStoreError::Busy { .. }), "{refusal:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_the_owner_can_read_the_database_files() {
    let sqlite = Sqlite::open().await;
    sqlite.store().save_login(&credential(1, "work"), &author(at(0))).await.unwrap();
    let folder = sqlite.path().parent().expect("a folder").to_owned();
    let files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap()).collect();
    assert!(!files.is_empty());
    for file in files {
        // The write-ahead log contains the same rows.
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", file.file_name());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_newer_schema_is_rejected_and_unchanged() {
    let sqlite = Sqlite::open().await;
    sqlite.store().save_login(&credential(1, "work"), &author(at(0))).await.unwrap();
    let migrations = "__diesel_schema_migrations";
    let migrations_before: u32 = sqlite.cell("count(*)", migrations).unwrap().parse().unwrap();
    // The `c` marks a contraction of the schema, which older versions cannot use.
    sqlite.execute(
        "INSERT INTO __diesel_schema_migrations (version) VALUES ('99991231000000c');
         ALTER TABLE llm_providers ADD COLUMN of_the_future TEXT DEFAULT 'kept';",
    );
    let refusal = SqliteStore::open(&sqlite.path(), Arc::new(SystemClock)).await.map(drop).unwrap_err();
    assert!(matches!(&refusal, OpenStoreError::Newer { found, .. } if found == "99991231000000c"), "{refusal:?}");
    assert!(refusal.to_string().contains("newer goclaw"), "{refusal}");
    assert_eq!(sqlite.cell("of_the_future", "llm_providers").as_deref(), Some("kept"));
    assert_eq!(sqlite.cell("count(*)", migrations), Some((migrations_before + 1).to_string()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_schema_with_compatible_newer_migrations_is_accepted() {
    let sqlite = Sqlite::open().await;
    sqlite.execute(
        "INSERT INTO __diesel_schema_migrations (version) VALUES ('99991231000000');
         ALTER TABLE llm_providers ADD COLUMN of_the_future TEXT DEFAULT 'new';",
    );
    let store = SqliteStore::open(&sqlite.path(), Arc::new(SystemClock)).await.expect("it opens");
    store.save_login(&credential(1, "work"), &author(at(0))).await.unwrap();
    assert_eq!(sqlite.cell("of_the_future", "llm_providers").as_deref(), Some("new"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_is_not_a_database_is_rejected_and_unchanged() {
    let sqlite = Sqlite::open().await;
    let path = sqlite.path().with_file_name("notes.txt");
    let text = "Dear database,\n".repeat(100);
    fs::write(&path, &text).unwrap();
    let refusal = SqliteStore::open(&path, Arc::new(SystemClock)).await.map(drop).unwrap_err();
    assert!(refusal.to_string().contains("the database is damaged"), "{refusal:?}");
    assert_eq!(fs::read_to_string(&path).unwrap(), text);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_concurrent_writes_all_succeed() {
    const WRITES: u8 = 200;
    let sqlite = Sqlite::open().await;
    // Two pools on one file simulate two processes.
    let stores = [sqlite.store(), SqliteStore::open(&sqlite.path(), Arc::new(SystemClock)).await.unwrap().into()];
    let mut writes = JoinSet::new();
    for number in 0..WRITES {
        let store = stores[usize::from(number % 2)].clone();
        writes.spawn(async move {
            let account = format!("account-{number}");
            if number % 4 < 2 {
                store.save_login(&credential(number, &account), &author(at(0))).await.map(drop)
            } else {
                let begun = store.begin(&login(number, &account, "alice", at(0)), &author(at(0))).await?;
                assert_eq!(begun, BeginOutcome::Begun);
                Ok(())
            }
        });
    }
    for written in writes.join_all().await {
        written.expect("a busy database only delays the write");
    }
    assert_eq!(stores[0].list().await.unwrap().readable.len(), usize::from(WRITES) / 2);
    assert_eq!(stores[1].open_logins(at(1)).await.unwrap().len(), usize::from(WRITES) / 2);
}

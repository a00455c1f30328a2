//! Contract of `TokenJournal`, for the fake and for the folder. It does not test that `put` syncs the file.

use std::sync::Arc;

use goclaw::{
    adapters::journal::FolderJournal,
    domain::{
        ids::{Generation, LoginId},
        refresh::{Rotation, TokenVersion},
        sealed::SealedSecret,
    },
    ports::{JournalRecord, TokenJournal},
};
use tempfile::TempDir;
use tokio::task::JoinSet;

use super::contract;
use crate::{
    store_contract::samples::{credential, name},
    support::fakes::MemoryJournal,
};

contract!(memory: Memory, folder: Folder; [
    every_process_lists_a_record_unchanged,
    account_login_and_generation_identify_a_record,
    a_newer_record_replaces_an_older_one,
    removing_is_idempotent_and_removes_one_record,
    a_record_under_concurrent_writes_is_always_present_and_complete,
]);

trait Fixture {
    fn open() -> Self;

    /// Opens the journal as another process.
    fn process(&self) -> Arc<dyn TokenJournal>;
}

struct Memory(Arc<MemoryJournal>);

impl Fixture for Memory {
    fn open() -> Self {
        Self(Arc::default())
    }

    fn process(&self) -> Arc<dyn TokenJournal> {
        self.0.clone()
    }
}

struct Folder(TempDir);

impl Fixture for Folder {
    fn open() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    fn process(&self) -> Arc<dyn TokenJournal> {
        Arc::new(FolderJournal::in_folder(self.0.path().to_owned()))
    }
}

/// Builds the record of a refresh of `login` at `generation`. `number` makes its tokens unique.
fn entry(account: &str, login: u8, generation: u64, number: u8) -> JournalRecord {
    let sealed = |what: &str| SealedSecret::from_stored(format!("v1:key:{what}-{number}"));
    JournalRecord {
        name: name(account),
        rotation: Rotation {
            seen: TokenVersion { login_id: LoginId::from_bytes([login; 16]), generation: Generation(generation) },
            access_token: sealed("access"),
            refresh_token: number.is_multiple_of(2).then(|| sealed("refresh")),
            metadata: credential(number, account).metadata,
            same_account: number.is_multiple_of(3),
        },
    }
}

/// Lists all records, sorted by name.
async fn listed(journal: &Arc<dyn TokenJournal>) -> Vec<JournalRecord> {
    let mut entries = journal.list().await.expect("the records");
    entries.sort_by_key(|entry| format!("{}.{}", entry.name, entry.rotation.seen));
    entries
}

async fn every_process_lists_a_record_unchanged<F: Fixture>() {
    let fixture = F::open();
    assert_eq!(listed(&fixture.process()).await, []);
    let entries: Vec<JournalRecord> = (1..=6).map(|number| entry("work", number, 0, number)).collect();
    for entry in &entries {
        fixture.process().put(entry).await.expect("it is kept");
    }
    assert_eq!(listed(&fixture.process()).await, entries);
}

async fn account_login_and_generation_identify_a_record<F: Fixture>() {
    let fixture = F::open();
    let journal = fixture.process();
    let entries = [entry("home", 1, 0, 1), entry("work", 1, 0, 2), entry("work", 1, 1, 3), entry("work", 2, 0, 4)];
    for entry in &entries {
        journal.put(entry).await.expect("it is kept");
    }
    assert_eq!(listed(&journal).await, entries);
}

async fn a_newer_record_replaces_an_older_one<F: Fixture>() {
    let fixture = F::open();
    let (older, newer) = (entry("work", 1, 0, 1), entry("work", 1, 0, 2));
    fixture.process().put(&older).await.expect("it is kept");
    fixture.process().put(&newer).await.expect("it is kept");
    assert_eq!(listed(&fixture.process()).await, [newer]);
}

async fn removing_is_idempotent_and_removes_one_record<F: Fixture>() {
    let fixture = F::open();
    let journal = fixture.process();
    let (removed, kept) = (entry("work", 1, 0, 1), entry("work", 1, 1, 2));
    for entry in [&removed, &kept] {
        journal.put(entry).await.expect("it is kept");
    }
    for _ in 0..2 {
        journal.remove(&removed.name, &removed.rotation.seen).await.expect("it is gone");
        assert_eq!(listed(&fixture.process()).await, std::slice::from_ref(&kept));
    }
}

async fn a_record_under_concurrent_writes_is_always_present_and_complete<F: Fixture>() {
    const ROUNDS: usize = 60;
    let fixture = F::open();
    let versions = [entry("work", 1, 0, 1), entry("work", 1, 0, 2)];
    fixture.process().put(&versions[0]).await.expect("it is kept");
    let mut writers = JoinSet::new();
    for version in versions.clone() {
        let journal = fixture.process();
        writers.spawn(async move {
            for _ in 0..ROUNDS {
                journal.put(&version).await.expect("it is kept");
            }
        });
    }
    let reader = fixture.process();
    while !writers.is_empty() {
        let seen = reader.list().await.expect("the records");
        assert!(seen.len() == 1 && versions.contains(&seen[0]), "{seen:?}");
        while let Some(ended) = writers.try_join_next() {
            ended.expect("the writer does not panic");
        }
    }
}

#[tokio::test]
async fn foreign_files_are_kept_and_not_listed() {
    let fixture = Folder::open();
    let written = entry("work", 1, 0, 1);
    fixture.process().put(&written).await.expect("it is kept");
    for (file, text) in [("broken.json", "{"), ("other.json", "{}"), ("work.login.0.draft-1-0", "{")] {
        std::fs::write(fixture.0.path().join(file), text).expect("a file");
        assert_eq!(listed(&fixture.process()).await, std::slice::from_ref(&written), "{file}");
        assert_eq!(std::fs::read_to_string(fixture.0.path().join(file)).expect("it is left"), text, "{file}");
    }
}

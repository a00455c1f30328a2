//! Contract of `TokenJournal`, for the fake and for the folder. Whether `put` syncs the file is not tested.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use goclaw::{
    adapters::journal::FolderJournal,
    domain::{
        ids::{AccountName, Generation, KeyId, LoginId},
        refresh::{Rotation, TokenVersion},
        sealed_secret::SealedSecret,
    },
    ports::{EndedLogin, JournalRecord, LoginRecord, RecordState, TokenJournal},
};
use tempfile::TempDir;
use tokio::task::JoinSet;

use self::marks::{
    a_mark_replaces_only_older_committed_records_and_marks, a_presentation_is_listed_until_newer_tokens_are_stored,
    ending_a_login_deletes_its_presentations, removing_a_record_keeps_the_mark_of_the_version_that_it_replaces,
    the_tokens_of_a_login_can_be_confirmed_before_its_first_refresh,
};
use super::contract;
use crate::{
    store_contract::samples::{credential, name},
    support::fakes::MemoryJournal,
};

mod marks;

contract!(memory: Memory, folder: Folder; [
    every_process_lists_a_record_unchanged,
    account_login_and_generation_identify_a_record,
    a_newer_record_replaces_an_older_one,
    removing_is_idempotent_and_removes_one_record,
    removing_a_record_keeps_the_mark_of_the_version_that_it_replaces,
    list_without_leaves_out_committed_records_of_the_given_versions,
    key_use_counts_the_records_of_each_key,
    only_the_newest_committed_record_of_an_account_is_kept,
    a_record_that_was_never_put_can_be_confirmed,
    ending_a_login_deletes_only_its_own_committed_record,
    every_process_lists_the_ended_logins,
    a_mark_replaces_only_older_committed_records_and_marks,
    the_tokens_of_a_login_can_be_confirmed_before_its_first_refresh,
    a_presentation_is_listed_until_newer_tokens_are_stored,
    ending_a_login_deletes_its_presentations,
    concurrent_writes_never_leave_a_record_missing_or_partial,
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

fn version(login: u8, generation: u64) -> TokenVersion {
    TokenVersion { login_id: LoginId::from_bytes([login; 16]), generation: Generation(generation) }
}

/// Builds the record of a refresh of `login` at `generation`. `number` makes its tokens unique and varies its options.
fn refresh_record(account: &str, login: u8, generation: u64, number: u8) -> JournalRecord {
    let sealed = |what: &str| SealedSecret::from_stored(format!("v1:key:{what}-{number}"));
    let rotation = Rotation {
        version: version(login, generation).next(),
        access_token: sealed("access"),
        refresh_token: number.is_multiple_of(2).then(|| sealed("refresh")),
        metadata: credential(number, account).metadata,
        same_account: number.is_multiple_of(3),
    };
    JournalRecord::unsaved(name(account), rotation)
}

fn sort_key(name: &AccountName, version: &TokenVersion) -> (String, String, u64) {
    (name.to_string(), version.login_id.to_string(), version.generation.0)
}

/// Lists all records, sorted by account and version.
async fn list_sorted(journal: &Arc<dyn TokenJournal>) -> Vec<JournalRecord> {
    let mut records = journal.list().await.expect("the records");
    records.sort_by_key(|record| sort_key(&record.name, &record.rotation.version));
    records
}

async fn every_process_lists_a_record_unchanged<F: Fixture>() {
    let fixture = F::open();
    assert_eq!(list_sorted(&fixture.process()).await, []);
    let records: Vec<JournalRecord> = (1..=6).map(|number| refresh_record("work", number, 0, number)).collect();
    for record in &records {
        fixture.process().put(record).await.expect("the write succeeds");
    }
    assert_eq!(list_sorted(&fixture.process()).await, records);
}

async fn account_login_and_generation_identify_a_record<F: Fixture>() {
    let fixture = F::open();
    let journal = fixture.process();
    let records = [
        refresh_record("home", 1, 0, 1),
        refresh_record("work", 1, 0, 2),
        refresh_record("work", 1, 1, 3),
        refresh_record("work", 2, 0, 4),
    ];
    for record in &records {
        journal.put(record).await.expect("the write succeeds");
    }
    assert_eq!(list_sorted(&journal).await, records);
}

async fn a_newer_record_replaces_an_older_one<F: Fixture>() {
    let fixture = F::open();
    let (older, newer) = (refresh_record("work", 1, 0, 1), refresh_record("work", 1, 0, 2));
    fixture.process().put(&older).await.expect("the write succeeds");
    fixture.process().put(&newer).await.expect("the write succeeds");
    assert_eq!(list_sorted(&fixture.process()).await, [newer]);
}

async fn list_without_leaves_out_committed_records_of_the_given_versions<F: Fixture>() {
    let fixture = F::open();
    let journal = fixture.process();
    let (known, other, unsaved) =
        (refresh_record("home", 1, 0, 1), refresh_record("work", 2, 3, 2), refresh_record("third", 3, 0, 3));
    for committed in [&known, &other] {
        journal.confirm(committed).await.expect("the write succeeds");
    }
    journal.put(&unsaved).await.expect("the write succeeds");
    let versions = [&known, &unsaved].map(|record| (record.name.clone(), record.rotation.version.clone()));
    let older = TokenVersion { generation: Generation(3), ..other.rotation.version.clone() };
    let versions = versions.into_iter().chain([(other.name.clone(), older)]).collect();
    let mut rest = fixture.process().list_without(versions).await.expect("the records");
    rest.sort_by_key(|record| sort_key(&record.name, &record.rotation.version));
    assert_eq!(rest, [unsaved, JournalRecord { state: RecordState::Committed, ..other }]);
    assert_eq!(journal.list_without(HashMap::new()).await.expect("the records").len(), 3);
}

async fn key_use_counts_the_records_of_each_key<F: Fixture>() {
    let fixture = F::open();
    let journal = fixture.process();
    assert_eq!(journal.count_by_key().await.expect("the counts"), BTreeMap::new());
    let sealed = |key: &str| SealedSecret::from_stored(format!("v2:{key}:text"));
    let mut both = refresh_record("work", 1, 0, 2);
    (both.rotation.access_token, both.rotation.refresh_token) = (sealed("new"), Some(sealed("old")));
    journal.confirm(&both).await.expect("the write succeeds");
    journal.put(&refresh_record("home", 2, 0, 2)).await.expect("the write succeeds");
    let login = LoginRecord { name: name("third"), login_id: LoginId::from_bytes([3; 16]), tokens: sealed("new") };
    journal.put_login(&login).await.expect("the write succeeds");
    let expected = [("key", 1), ("new", 2), ("old", 1)].map(|(key, count)| (KeyId::new(key), count));
    assert_eq!(journal.count_by_key().await.expect("the counts"), BTreeMap::from(expected));
}

async fn removing_is_idempotent_and_removes_one_record<F: Fixture>() {
    let fixture = F::open();
    let journal = fixture.process();
    let (removed, kept) = (refresh_record("work", 1, 0, 1), refresh_record("work", 1, 1, 2));
    for record in [&removed, &kept] {
        journal.put(record).await.expect("the write succeeds");
    }
    for _ in 0..2 {
        journal.remove(&removed.name, &removed.rotation.version).await.expect("it is gone");
        assert_eq!(list_sorted(&fixture.process()).await, std::slice::from_ref(&kept));
    }
}

fn as_committed(record: &JournalRecord) -> JournalRecord {
    JournalRecord { state: RecordState::Committed, ..record.clone() }
}

async fn only_the_newest_committed_record_of_an_account_is_kept<F: Fixture>() {
    let fixture = F::open();
    let (first, second, next_login) =
        (refresh_record("work", 1, 0, 1), refresh_record("work", 1, 1, 2), refresh_record("work", 2, 0, 3));
    let (unsaved, other) = (refresh_record("work", 1, 2, 4), refresh_record("work-2", 1, 0, 5));
    for record in [&first, &second, &unsaved, &other] {
        fixture.process().put(record).await.expect("the write succeeds");
    }
    for (confirmed, kept) in [(&first, &first), (&second, &second), (&first, &second), (&next_login, &next_login)] {
        fixture.process().confirm(confirmed).await.expect("the write succeeds");
        let listed = list_sorted(&fixture.process()).await;
        let of_work: Vec<_> = listed.iter().filter(|record| record.state == RecordState::Committed).collect();
        assert_eq!(of_work, [&as_committed(kept)]);
        assert!(listed.contains(&unsaved) && listed.contains(&other), "{listed:?}");
    }
}

async fn a_record_that_was_never_put_can_be_confirmed<F: Fixture>() {
    let fixture = F::open();
    let written = refresh_record("work", 1, 0, 1);
    for _ in 0..2 {
        fixture.process().confirm(&written).await.expect("the write succeeds");
        assert_eq!(list_sorted(&fixture.process()).await, [as_committed(&written)]);
    }
}

fn ended_login(account: &str, login: u8, successor: Option<u8>) -> EndedLogin {
    let id = |login| LoginId::from_bytes([login; 16]);
    EndedLogin { name: name(account), login_id: id(login), successor: successor.map(id) }
}

async fn ending_a_login_deletes_only_its_own_committed_record<F: Fixture>() {
    let fixture = F::open();
    let (kept, unsaved, other) =
        (refresh_record("work", 1, 0, 1), refresh_record("work", 1, 1, 2), refresh_record("work-2", 2, 0, 3));
    let journal = fixture.process();
    for record in [&kept, &unsaved, &other] {
        journal.put(record).await.expect("the write succeeds");
    }
    journal.confirm(&kept).await.expect("the write succeeds");
    journal.confirm(&other).await.expect("the write succeeds");
    journal.end(&ended_login("work", 3, None)).await.expect("the write succeeds");
    assert_eq!(list_sorted(&journal).await.len(), 3);
    for _ in 0..2 {
        journal.end(&ended_login("work", 1, None)).await.expect("the write succeeds");
        assert_eq!(list_sorted(&fixture.process()).await, [unsaved.clone(), as_committed(&other)]);
    }
}

async fn every_process_lists_the_ended_logins<F: Fixture>() {
    let fixture = F::open();
    assert_eq!(fixture.process().ended().await.expect("the ends"), []);
    // If a login is ended twice, the last end wins.
    for ended in [
        ended_login("work", 1, None),
        ended_login("work", 2, Some(1)),
        ended_login("home", 4, Some(5)),
        ended_login("work", 1, Some(3)),
    ] {
        fixture.process().end(&ended).await.expect("the write succeeds");
    }
    let mut ends = fixture.process().ended().await.expect("the ends");
    ends.sort_by_key(|ended| ended.login_id.to_string());
    assert_eq!(
        ends,
        [ended_login("work", 1, Some(3)), ended_login("work", 2, Some(1)), ended_login("home", 4, Some(5))]
    );
    assert_eq!(list_sorted(&fixture.process()).await, [], "an ended login is not a token record");
}

async fn concurrent_writes_never_leave_a_record_missing_or_partial<F: Fixture>() {
    const ROUNDS: usize = 60;
    let fixture = F::open();
    let records = [refresh_record("work", 1, 0, 1), refresh_record("work", 1, 0, 2)];
    fixture.process().put(&records[0]).await.expect("the write succeeds");
    let mut writers = JoinSet::new();
    for record in records.clone() {
        let journal = fixture.process();
        writers.spawn(async move {
            for _ in 0..ROUNDS {
                journal.put(&record).await.expect("the write succeeds");
            }
        });
    }
    let reader = fixture.process();
    while !writers.is_empty() {
        let seen = reader.list().await.expect("the records");
        assert!(seen.len() == 1 && records.contains(&seen[0]), "{seen:?}");
        while let Some(ended) = writers.try_join_next() {
            ended.expect("the writer does not panic");
        }
    }
}

#[tokio::test]
async fn unknown_files_are_neither_listed_nor_deleted() {
    let fixture = Folder::open();
    let written = refresh_record("work", 1, 0, 1);
    fixture.process().put(&written).await.expect("the write succeeds");
    for (file, text) in [("broken.json", "{"), ("other.json", "{}"), ("work.login.0.draft-1-0", "{")] {
        std::fs::write(fixture.0.path().join(file), text).expect("a file");
        assert_eq!(list_sorted(&fixture.process()).await, std::slice::from_ref(&written), "{file}");
        assert_eq!(std::fs::read_to_string(fixture.0.path().join(file)).expect("it is left"), text, "{file}");
    }
}

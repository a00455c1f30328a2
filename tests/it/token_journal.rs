//! Tests of the token journal with damaged, duplicate and incomplete files, and on a full disk.

use std::{
    fs,
    path::{Path, PathBuf},
    slice,
};

use goclaw::{
    adapters::journal::FolderJournal,
    domain::{
        account::AccountLabels,
        ids::{Generation, LoginId},
        provider::AuthMethod,
        provider_settings::TokenMetadata,
        refresh::{Rotation, TokenVersion},
        sealed_secret::SealedSecret,
    },
    ports::{JournalRecord, TokenJournal},
};
use tempfile::TempDir;

use crate::support::fakes::{NOW, OPENAI, name};

#[path = "../proof/store_faults/disk.rs"]
#[expect(dead_code, reason = "the proof uses the rest of it")]
mod disk;

use disk::Disk;

/// Returns a record with a refresh token of `size` bytes.
fn record(generation: u64, size: usize) -> JournalRecord {
    let seen = TokenVersion { login_id: LoginId::from_stored("login".to_owned()), generation: Generation(generation) };
    let rotation = Rotation {
        version: seen.next(),
        access_token: SealedSecret::from_stored("access".to_owned()),
        refresh_token: Some(SealedSecret::from_stored("r".repeat(size))),
        metadata: TokenMetadata {
            auth_method: AuthMethod::OAuth,
            obtained_at: NOW,
            expires_at: None,
            scopes: Vec::new(),
            account: AccountLabels::default(),
            cookie_rotates: true,
        },
        same_account: true,
    };
    JournalRecord::unsaved(name(OPENAI), rotation)
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    files
}

/// Writes a record and returns its file.
async fn put(folder: &TempDir, record: &JournalRecord) -> (FolderJournal, PathBuf) {
    let journal = FolderJournal::in_folder(folder.path().to_owned());
    journal.put(record).await.unwrap();
    let [file] = files(folder.path()).try_into().unwrap();
    (journal, file)
}

/// Returns the name that the process `process` gives its draft of `file`.
fn draft_of(file: &Path, process: u32) -> PathBuf {
    file.with_extension(format!("draft-{process}-0"))
}

#[tokio::test]
async fn a_complete_draft_of_a_killed_process_is_listed_as_a_record() {
    let folder = tempfile::tempdir().unwrap();
    let record = record(0, 100);
    let (journal, file) = put(&folder, &record).await;
    let killed_process = 4_000_000;
    fs::rename(&file, draft_of(&file, killed_process)).unwrap();

    assert_eq!(journal.list().await.unwrap(), slice::from_ref(&record));
    journal.remove(&record.name, &record.rotation.version).await.unwrap();
    assert!(files(folder.path()).is_empty(), "removing a record removes its draft");
}

#[tokio::test]
async fn duplicate_files_of_a_record_are_listed_once_and_removed_together() {
    let folder = tempfile::tempdir().unwrap();
    let (record, other) = (record(1, 100), record(11, 100));
    let (journal, file) = put(&folder, &record).await;
    for process in [1, 2] {
        fs::copy(&file, draft_of(&file, process)).unwrap();
    }
    fs::copy(&file, folder.path().join("saved by hand")).unwrap();
    journal.put(&other).await.unwrap();

    let mut found = journal.list().await.unwrap();
    found.sort_by_key(|record| record.rotation.version.generation.0);
    assert_eq!(found, [record.clone(), other.clone()]);
    journal.remove(&record.name, &record.rotation.version).await.unwrap();
    assert_eq!(journal.list().await.unwrap(), [other], "the record of another generation stays");
    assert_eq!(files(folder.path()).len(), 1);
    journal.remove(&record.name, &record.rotation.version).await.unwrap();
}

#[tokio::test]
async fn unreadable_files_are_skipped_and_kept() {
    let folder = tempfile::tempdir().unwrap();
    let record = record(0, 100);
    let (journal, file) = put(&folder, &record).await;
    let text = fs::read(&file).unwrap();
    // An incomplete draft of another process, an empty file, a file that is not a record, and a folder.
    let half = file.with_file_name(format!("{OPENAI}.login.7.draft-1-0"));
    fs::write(&half, &text[..text.len() - 1]).unwrap();
    fs::write(folder.path().join("empty.json"), "").unwrap();
    fs::write(folder.path().join("other.json"), "{}").unwrap();
    fs::create_dir(folder.path().join("folder.json")).unwrap();

    assert_eq!(journal.list().await.unwrap(), [record]);
    assert_eq!(files(folder.path()).len(), 5, "no file is removed");
    // The other process completes its draft.
    fs::write(&half, &text).unwrap();
    assert_eq!(journal.list().await.unwrap().len(), 1, "a record with two names is listed once");
}

/// Process ids repeat in containers. A draft with the same name may be the only copy of another process's tokens.
#[tokio::test]
async fn an_existing_draft_is_not_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (record(0, 100), record(0, 200));
    let (journal, file) = put(&folder, &first).await;
    let draft = draft_of(&file, std::process::id());
    fs::rename(&file, &draft).unwrap();
    let before = fs::read(&draft).unwrap();

    journal.put(&second).await.unwrap();
    assert_eq!(fs::read(&draft).unwrap(), before);
    assert_eq!(journal.list().await.unwrap(), [second], "the final file takes precedence over a draft");
}

/// One write fails at its first byte, the other in the middle.
#[tokio::test]
async fn a_failed_write_to_a_full_disk_leaves_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Disk::at(folder.path().to_owned());
    let journal = FolderJournal::in_folder(disk.path_outside());
    let ballast = disk.path_outside().join("ballast");
    for (size, room) in [(100, 0), (32 * 1024, 8 * 1024)] {
        disk.fill();
        let filled = fs::metadata(&ballast).unwrap().len();
        fs::OpenOptions::new().write(true).open(&ballast).unwrap().set_len(filled - room).unwrap();

        let record = record(0, size);
        let error = journal.put(&record).await.expect_err("the disk is full");
        let cause = error.source.downcast_ref::<std::io::Error>().map(std::io::Error::kind);
        assert_eq!(cause, Some(std::io::ErrorKind::StorageFull), "{}", error.source);
        assert_eq!(files(&disk.path_outside()), slice::from_ref(&ballast), "no incomplete file is left");
        assert!(journal.list().await.unwrap().is_empty());

        disk.free();
        journal.put(&record).await.unwrap();
        assert_eq!(journal.list().await.unwrap(), slice::from_ref(&record));
        journal.remove(&record.name, &record.rotation.version).await.unwrap();
    }
}

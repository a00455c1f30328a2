//! Tests of archives: compatibility with age, files that a reader refuses, and drafts.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use base64::{Engine, engine::general_purpose::STANDARD};
use goclaw::adapters::{
    archive::{ArchiveError, ArchiveKind, ArchiveReader, ArchiveWriter, Draft, Header, Line},
    system::SystemRandom,
};
use secrecy::SecretString;
use serde_json::{json, value::RawValue};

const PASSPHRASE: &str = "correct horse battery staple";
const CREATED_AT: i64 = 7;
/// Made by age 1.1.1: `age --passphrase`.
const MADE_BY_AGE: &str = "
YWdlLWVuY3J5cHRpb24ub3JnL3YxCi0+IHNjcnlwdCBQNi8vSGE2cjJLRkI4dys2Ukc5K1FBIDE4CkkzczlFV0FyazVSUkxVc0hF
WUY3QWVqeHQzekdOaHU3R25vNkk0aWVteUUKLS0tIE1HQTA0eTdlem1QZmtlaVRkQjN0d2wzMlZESFNrQ3ZtQW9FeVNzMlF1QTAK
GLPtwv6l5RDJlstdcb0QvTaZfb6HCvFodeanRjMeoM39laPFac5+GROSdSNHgHxi2pWMbHMmPXNgLst2mMcTDRByB1Iar5xnUq6s
yl8xCyA+xZ+JouO/Dh7tXjwJ/aYs0c6t3NOG5xj3t3OIDHXjA4Xmz2CvqFkrb7D6JNnOgvwIsUCYBWN0wuoS0FKaPx9TG6SCZy0f
dzrWsWrIh8/U";

fn passphrase() -> SecretString {
    PASSPHRASE.into()
}

fn line(number: usize, size: usize) -> Line {
    let rows = format!("[{{\"number\":{number},\"text\":\"{}\"}}]", "x".repeat(size));
    let rows = RawValue::from_string(rows).expect("JSON");
    Line {
        table: Some("table".into()),
        columns: vec!["number".into(), "text".into()],
        rows: Some(rows),
        ..Line::default()
    }
}

/// Writes an archive with this number of lines, each with a text of `size` bytes.
fn write(path: &Path, lines: usize, size: usize) {
    let header = Header::new(ArchiveKind::Backup, CREATED_AT);
    let mut archive = ArchiveWriter::create(path, &passphrase(), &SystemRandom, &header).expect("a file");
    for number in 0..lines {
        archive.write(&line(number, size)).expect("it is written");
    }
    archive.write(&Line { end: Some(lines as u64), ..Line::default() }).expect("it is written");
    archive.finish().and_then(|draft| draft.publish()).expect("it is published");
}

fn read(path: &Path) -> Result<usize, ArchiveError> {
    let mut archive = ArchiveReader::open(path, &passphrase())?;
    let mut lines = 0;
    while archive.next_line()?.is_some() {
        lines += 1;
    }
    Ok(lines)
}

#[test]
fn a_file_made_by_age_opens() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("made-by.age");
    fs::write(&path, STANDARD.decode(MADE_BY_AGE.replace('\n', "")).expect("base64")).expect("a file");
    assert_eq!(read(&path).expect("it opens"), 1);
}

#[test]
fn an_archive_of_any_length_is_private_and_reads_back_whole() {
    let folder = tempfile::tempdir().expect("a folder");
    // Around the chunk size of 64 KiB, of which header and member names need fewer than 260 bytes.
    for (lines, size) in [(0, 0), (1, 65_536 - 260), (1, 65_536), (3, 65_536), (1_000, 300)] {
        let path = folder.path().join(format!("{lines}-{size}"));
        write(&path, lines, size);
        assert_eq!(read(&path).expect("it opens"), lines, "{lines} of {size}");
        assert_eq!(fs::metadata(&path).expect("a file").permissions().mode() & 0o777, 0o600);
    }
    let names = fs::read_dir(folder.path()).expect("a folder").count();
    assert_eq!(names, 5, "no draft is left");
}

#[test]
fn a_truncated_or_changed_archive_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("whole");
    write(&path, 3, 65_536);
    let whole = fs::read(&path).expect("a file");
    let header_end = whole.iter().enumerate().filter(|(_, byte)| **byte == b'\n').nth(3).expect("four lines").0;
    let damaged = folder.path().join("damaged");
    // After the last line feed of age's header come a nonce of 16 bytes and the chunks, each with a tag of 16 bytes.
    let (chunks, sealed_chunk) = (header_end + 1 + 16, 65_536 + 16);
    for length in [0, 10, header_end, chunks, chunks + sealed_chunk, chunks + 2 * sealed_chunk, whole.len() - 1] {
        fs::write(&damaged, &whole[..length]).expect("a file");
        assert!(read(&damaged).is_err(), "cut at {length} of {}", whole.len());
    }
    for place in [0, 30, header_end - 3, header_end + 3, header_end + 30, whole.len() - 1] {
        let mut changed = whole.clone();
        changed[place] ^= 1;
        fs::write(&damaged, changed).expect("a file");
        assert!(read(&damaged).is_err(), "changed at {place}");
    }
}

#[test]
fn a_wrong_passphrase_a_file_of_another_format_and_an_existing_name_are_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("archive");
    write(&path, 1, 1);
    let refused = ArchiveReader::open(&path, &"incorrect horse battery".into()).err();
    assert!(matches!(refused, Some(ArchiveError::WrongPassphrase(_))), "{refused:?}");
    let header = Header::new(ArchiveKind::Backup, CREATED_AT);
    let again = ArchiveWriter::create(&path, &passphrase(), &SystemRandom, &header).err();
    assert!(matches!(again, Some(ArchiveError::Exists(_))), "{again:?}");
    fs::write(folder.path().join("text"), "a text\nof\nfour\nlines\n").expect("a file");
    let text = read(&folder.path().join("text")).err();
    assert!(matches!(text, Some(ArchiveError::NotAnArchive(_))), "{text:?}");
}

#[test]
fn publishing_replaces_no_file_and_a_dropped_draft_is_deleted() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("archive");
    let header = Header::new(ArchiveKind::Backup, CREATED_AT);
    let begin = || ArchiveWriter::create(&path, &passphrase(), &SystemRandom, &header).expect("a file");
    drop(begin());
    drop(begin().finish().expect("it is written"));
    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 0);
    let draft = begin().finish().expect("it is written");
    fs::write(&path, "somebody else's").expect("a file");
    assert!(matches!(draft.publish(), Err(ArchiveError::Exists(_))));
    assert_eq!(fs::read_to_string(&path).expect("a file"), "somebody else's");
    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 1);
}

/// After an interrupted export, the draft may be the only copy of the tokens. In a container, the next process often
/// has the same id.
#[test]
fn an_earlier_draft_is_neither_deleted_nor_overwritten() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("archive");
    let header = Header::new(ArchiveKind::Accounts, CREATED_AT);
    let begin = || ArchiveWriter::create(&path, &passphrase(), &SystemRandom, &header).expect("a file");
    let mut draft = begin().finish().expect("it is written");
    draft.keep();
    let earlier = draft.name().to_owned();
    drop(draft);
    drop(begin());
    begin().finish().and_then(|draft| draft.publish()).expect("it is published");
    assert!(earlier.exists() && path.exists());
    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 2);
}

#[test]
fn an_archive_without_its_end_line_is_damaged() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("archive");
    let header = Header::new(ArchiveKind::Backup, CREATED_AT);
    let mut archive = ArchiveWriter::create(&path, &passphrase(), &SystemRandom, &header).expect("a file");
    archive.write(&line(1, 1)).expect("it is written");
    archive.finish().and_then(Draft::publish).expect("it is published");
    assert!(matches!(read(&path), Err(ArchiveError::Damaged { .. })));
}

#[test]
fn an_archive_with_fewer_rows_than_its_end_line_says_is_damaged() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("archive");
    let header = Header::new(ArchiveKind::Backup, CREATED_AT);
    let mut archive = ArchiveWriter::create(&path, &passphrase(), &SystemRandom, &header).expect("a file");
    archive.write(&line(1, 1)).expect("it is written");
    archive.write(&Line { end: Some(2), ..Line::default() }).expect("it is written");
    archive.finish().and_then(Draft::publish).expect("it is published");
    assert!(matches!(read(&path), Err(ArchiveError::Damaged { .. })));
}

#[test]
fn an_error_about_a_line_quotes_none_of_its_values() {
    let folder = tempfile::tempdir().expect("a folder");
    for (number, content) in [json!({"account": "CANARY"}), json!({"table": "t", "rows": "CANARY"})].iter().enumerate()
    {
        let path = folder.path().join(number.to_string());
        let header = Header::new(ArchiveKind::Accounts, CREATED_AT);
        let mut archive = ArchiveWriter::create(&path, &passphrase(), &SystemRandom, &header).expect("a file");
        archive.write(content).expect("it is written");
        archive.finish().and_then(Draft::publish).expect("it is published");
        let error = read(&path).expect_err("it is damaged").to_string();
        assert!(error.contains("a line is invalid at column") && !error.contains("CANARY"), "{error}");
    }
}

#[test]
fn a_failed_rename_frees_the_reserved_name() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("archive");
    let header = Header::new(ArchiveKind::Backup, CREATED_AT);
    let archive = ArchiveWriter::create(&path, &passphrase(), &SystemRandom, &header).expect("a file");
    let draft = archive.finish().expect("it is written");
    fs::remove_file(draft.name()).expect("the draft");
    assert!(matches!(draft.publish(), Err(ArchiveError::Io { .. })));
    assert!(!path.exists());
}

//! The token journal as a folder: one file for each account, login and generation.
//!
//! A record is written to a draft file, read back and compared, and then renamed. A process killed before the rename
//! leaves a complete draft, so every file that parses is a record, whatever its name. The tokens in it are sealed, as
//! in the database.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    domain::{
        ids::{AccountName, Generation, LoginId},
        provider_settings::ProviderSettings,
        refresh::{Rotation, TokenVersion},
        sealed::SealedSecret,
    },
    ports::{JournalError, JournalRecord, TokenJournal},
};

#[derive(Clone)]
pub struct FolderJournal {
    folder: PathBuf,
    /// Files that `list` found under names that `put` does not use, e.g. manual copies, each with its record's stem.
    misnamed: Arc<Mutex<Vec<(String, PathBuf)>>>,
}

impl FolderJournal {
    /// Uses an existing private folder.
    pub fn in_folder(folder: PathBuf) -> Self {
        Self { folder, misnamed: Arc::default() }
    }

    /// Runs file I/O of std on a blocking thread. tokio's `File` reports a write error only at the next write or flush,
    /// so a `sync_all` after a failed write would succeed.
    async fn blocking<T: Send + 'static>(
        &self,
        doing: &'static str,
        work: impl FnOnce(Self) -> io::Result<T> + Send + 'static,
    ) -> Result<T, JournalError> {
        let journal = self.clone();
        #[expect(clippy::disallowed_methods, reason = "the calling task is tracked and waits for it")]
        let done = tokio::task::spawn_blocking(move || work(journal)).await;
        let result = done.unwrap_or_else(|panic| Err(io::Error::other(panic)));
        result.map_err(|source| JournalError { doing, source: Box::new(source) })
    }

    /// Returns the final path of a record.
    fn path(&self, stem: &str) -> PathBuf {
        self.folder.join(format!("{stem}.json"))
    }

    fn write(&self, stem: &str, text: &[u8]) -> io::Result<()> {
        let (mut file, draft) = self.create_draft(stem)?;
        if let Err(error) = write_and_compare(&mut file, &draft, text) {
            // If this fails too, the remaining file does not parse and is skipped.
            let _ = fs::remove_file(&draft);
            return Err(error);
        }
        // From here on the draft counts as a record, so it stays if a later step fails.
        fs::rename(&draft, self.path(stem))?;
        File::open(&self.folder)?.sync_all()
    }

    /// Creates a new file. An existing draft may be the only copy of another process's tokens: processes in different
    /// containers can share the folder and have the same process id.
    fn create_draft(&self, stem: &str) -> io::Result<(File, PathBuf)> {
        let mut attempt = 0_u32;
        loop {
            let draft = self.folder.join(format!("{stem}.draft-{}-{attempt}", std::process::id()));
            match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft) {
                Ok(file) => return Ok((file, draft)),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => attempt += 1,
                Err(error) => return Err(error),
            }
        }
    }

    fn read_all(&self) -> io::Result<Vec<JournalRecord>> {
        let mut found = Vec::new();
        for file in fs::read_dir(&self.folder)? {
            let path = file?.path();
            match read(&path) {
                Ok(record) => found.push((stem(&record.name, &record.rotation.seen), path, record)),
                // Its writer has committed or renamed it.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => {
                    tracing::warn!(path = %path.display(), error = %error,
                        "skipped a file in the token journal: it is not a complete record (its writer was killed or is still writing)"
                    );
                }
            }
        }
        let misnamed = found.iter().filter(|(stem, path, _)| !is_named_after(path, stem));
        let misnamed = misnamed.map(|(stem, path, _)| (stem.clone(), path.clone())).collect();
        *self.misnamed.lock().unwrap_or_else(PoisonError::into_inner) = misnamed;
        // Of several files of one version, the one with the final name is used.
        found.sort_by_cached_key(|(stem, path, _)| (stem.clone(), *path != self.path(stem), path.clone()));
        found.dedup_by(|(later, ..), (earlier, ..)| later == earlier);
        Ok(found.into_iter().map(|(_, _, record)| record).collect())
    }

    fn remove_all(&self, stem: &str) -> io::Result<()> {
        let mut paths = Vec::new();
        for file in fs::read_dir(&self.folder)? {
            paths.push(file?.path());
        }
        paths.retain(|path| is_named_after(path, stem));
        let mut misnamed = self.misnamed.lock().unwrap_or_else(PoisonError::into_inner);
        paths.extend(misnamed.extract_if(.., |(of, _)| of == stem).map(|(_, path)| path));
        drop(misnamed);
        let removed: Vec<io::Result<()>> = paths.iter().map(fs::remove_file).collect();
        removed.into_iter().filter(|result| !is_not_found(result)).collect()
    }
}

#[async_trait]
impl TokenJournal for FolderJournal {
    async fn put(&self, record: &JournalRecord) -> Result<(), JournalError> {
        let (stem, file) = (stem(&record.name, &record.rotation.seen), RecordFile::of(record));
        self.blocking("write to", move |journal| journal.write(&stem, &serde_json::to_vec(&file)?)).await
    }

    async fn list(&self) -> Result<Vec<JournalRecord>, JournalError> {
        self.blocking("read", |journal| journal.read_all()).await
    }

    async fn remove(&self, name: &AccountName, seen: &TokenVersion) -> Result<(), JournalError> {
        let stem = stem(name, seen);
        self.blocking("empty", move |journal| journal.remove_all(&stem)).await
    }
}

/// Returns the beginning of the file names of a token version, up to a dot.
fn stem(name: &AccountName, seen: &TokenVersion) -> String {
    format!("{name}.{seen}")
}

fn is_named_after(path: &Path, stem: &str) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.strip_prefix(stem).is_some_and(|rest| rest.starts_with('.'))
}

fn is_not_found(result: &io::Result<()>) -> bool {
    result.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
}

/// Writes and syncs `text`, then reads it back and compares it.
fn write_and_compare(file: &mut File, path: &Path, text: &[u8]) -> io::Result<()> {
    file.write_all(text)?;
    file.flush()?;
    file.sync_all()?;
    if fs::read(path)? == text { Ok(()) } else { Err(io::Error::other("the file does not contain what was written")) }
}

fn read(path: &Path) -> io::Result<JournalRecord> {
    // Reading a named pipe would wait for a writer.
    if !fs::symlink_metadata(path)?.is_file() {
        return Err(invalid("it is not a regular file"));
    }
    let file: RecordFile = serde_json::from_slice(&fs::read(path)?)?;
    file.into_record().ok_or_else(|| invalid("it has invalid values"))
}

fn invalid(why: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

/// The JSON form of a record.
#[derive(Serialize, Deserialize)]
struct RecordFile {
    name: String,
    login_id: String,
    generation: u64,
    access_token: String,
    refresh_token: Option<String>,
    same_account: bool,
    settings: Value,
}

impl RecordFile {
    fn of(record: &JournalRecord) -> Self {
        let rotation = &record.rotation;
        Self {
            name: record.name.to_string(),
            login_id: rotation.seen.login_id.to_string(),
            generation: rotation.seen.generation.0,
            access_token: rotation.access_token.as_str().to_owned(),
            refresh_token: rotation.refresh_token.as_ref().map(|token| token.as_str().to_owned()),
            same_account: rotation.same_account,
            settings: ProviderSettings::default().with_metadata(&rotation.metadata).into_json(),
        }
    }

    fn into_record(self) -> Option<JournalRecord> {
        Some(JournalRecord {
            name: AccountName::parse(&self.name).ok()?,
            rotation: Rotation {
                seen: TokenVersion {
                    login_id: LoginId::from_stored(self.login_id),
                    generation: Generation(self.generation),
                },
                access_token: SealedSecret::from_stored(self.access_token),
                refresh_token: self.refresh_token.map(SealedSecret::from_stored),
                metadata: ProviderSettings::from_json(self.settings).ok()?.metadata().ok()?,
                same_account: self.same_account,
            },
        })
    }
}

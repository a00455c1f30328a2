//! The journal as a folder: one file for each account, login and generation.
//!
//! A record is written to a draft, compared with what was meant, and then renamed. A process that is killed before the rename
//! leaves a complete draft, so every file that parses is a record, whatever its name. The tokens in it are sealed, as in the
//! database.

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
        ids::{Generation, LoginId, ProviderName},
        provider_settings::ProviderSettings,
        refresh::{Rotation, TokenVersion},
        sealed::SealedSecret,
    },
    ports::{JournalError, JournalRecord, TokenJournal},
};

#[derive(Clone)]
pub struct FolderJournal {
    folder: PathBuf,
    /// Records that `list` found under names that `put` does not give, e.g. copies made by hand, each with its stem.
    misnamed: Arc<Mutex<Vec<(String, PathBuf)>>>,
}

impl FolderJournal {
    /// The folder must be there, and private.
    pub fn in_folder(folder: PathBuf) -> Self {
        Self { folder, misnamed: Arc::default() }
    }

    /// Does file I/O where it may block. With std, each call returns its own error. tokio's `File` returns the error of a
    /// write only from the next write or flush, so a `sync_all` that follows a failed write succeeds.
    async fn blocking<T: Send + 'static>(
        &self,
        doing: &'static str,
        work: impl FnOnce(Self) -> io::Result<T> + Send + 'static,
    ) -> Result<T, JournalError> {
        let journal = self.clone();
        #[expect(clippy::disallowed_methods, reason = "the tracked task that calls it waits for it")]
        let done = tokio::task::spawn_blocking(move || work(journal)).await;
        let result = done.unwrap_or_else(|panic| Err(io::Error::other(panic)));
        result.map_err(|source| JournalError { doing, source: Box::new(source) })
    }

    /// Where a record is once it is complete.
    fn path(&self, stem: &str) -> PathBuf {
        self.folder.join(format!("{stem}.json"))
    }

    fn write(&self, stem: &str, text: &[u8]) -> io::Result<()> {
        let (mut file, draft) = self.create_draft(stem)?;
        if let Err(error) = write_and_compare(&mut file, &draft, text) {
            // If this fails too, what stays does not parse and does not count.
            let _ = fs::remove_file(&draft);
            return Err(error);
        }
        // The draft counts from here on. If a later step fails it stays: the caller keeps the tokens in memory as well.
        fs::rename(&draft, self.path(stem))?;
        File::open(&self.folder)?.sync_all()
    }

    /// Creates a file of its own. A draft that is already there may be the only copy of another process's tokens: processes in
    /// different containers can share both the folder and the process id.
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
                Ok(entry) => found.push((stem(&entry.name, &entry.rotation.seen), path, entry)),
                // Its owner has committed it or moved it into place.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => {
                    tracing::warn!(path = %path.display(), error = %error,
                        "a file in the journal is skipped: it is not a complete record; its writer was killed or is still writing"
                    );
                }
            }
        }
        let misnamed = found.iter().filter(|(stem, path, _)| !is_named_after(path, stem));
        let misnamed = misnamed.map(|(stem, path, _)| (stem.clone(), path.clone())).collect();
        *self.misnamed.lock().unwrap_or_else(PoisonError::into_inner) = misnamed;
        // Several files of one version: the one with the final name comes first and counts.
        found.sort_by_cached_key(|(stem, path, _)| (stem.clone(), *path != self.path(stem), path.clone()));
        found.dedup_by(|(later, ..), (earlier, ..)| later == earlier);
        Ok(found.into_iter().map(|(_, _, entry)| entry).collect())
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
    async fn put(&self, entry: &JournalRecord) -> Result<(), JournalError> {
        let (stem, record) = (stem(&entry.name, &entry.rotation.seen), Letter::of(entry));
        self.blocking("write to", move |journal| journal.write(&stem, &serde_json::to_vec(&record)?)).await
    }

    async fn list(&self) -> Result<Vec<JournalRecord>, JournalError> {
        self.blocking("read", |journal| journal.read_all()).await
    }

    async fn remove(&self, name: &ProviderName, seen: &TokenVersion) -> Result<(), JournalError> {
        let stem = stem(name, seen);
        self.blocking("empty", move |journal| journal.remove_all(&stem)).await
    }
}

/// How the names of a version's files begin, up to a dot.
fn stem(name: &ProviderName, seen: &TokenVersion) -> String {
    format!("{name}.{seen}")
}

fn is_named_after(path: &Path, stem: &str) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.strip_prefix(stem).is_some_and(|rest| rest.starts_with('.'))
}

fn is_not_found(result: &io::Result<()>) -> bool {
    result.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
}

/// Returns once `text` is on disk, and was found there.
fn write_and_compare(file: &mut File, path: &Path, text: &[u8]) -> io::Result<()> {
    file.write_all(text)?;
    file.flush()?;
    file.sync_all()?;
    if fs::read(path)? == text { Ok(()) } else { Err(io::Error::other("the disk holds other bytes than were written")) }
}

fn read(path: &Path) -> io::Result<JournalRecord> {
    // Opening a named pipe would wait for a writer.
    if !fs::symlink_metadata(path)?.is_file() {
        return Err(invalid("it is not a regular file"));
    }
    let letter: Letter = serde_json::from_slice(&fs::read(path)?)?;
    letter.into_entry().ok_or_else(|| invalid("it is not what the gateway writes"))
}

fn invalid(why: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

/// An entry as written.
#[derive(Serialize, Deserialize)]
struct Letter {
    name: String,
    login_id: String,
    generation: u64,
    access_token: String,
    refresh_token: Option<String>,
    same_account: bool,
    settings: Value,
}

impl Letter {
    fn of(entry: &JournalRecord) -> Self {
        let rotation = &entry.rotation;
        Self {
            name: entry.name.to_string(),
            login_id: rotation.seen.login_id.to_string(),
            generation: rotation.seen.generation.0,
            access_token: rotation.access_token.as_str().to_owned(),
            refresh_token: rotation.refresh_token.as_ref().map(|token| token.as_str().to_owned()),
            same_account: rotation.same_account,
            settings: ProviderSettings::default().with_metadata(&rotation.metadata).into_json(),
        }
    }

    fn into_entry(self) -> Option<JournalRecord> {
        Some(JournalRecord {
            name: ProviderName::parse(&self.name).ok()?,
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

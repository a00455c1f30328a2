//! The token journal as a folder: one file for each account, login and generation.
//!
//! A record is written to a draft file, read back and compared, and then renamed. A process killed before the rename
//! may leave a complete draft, so every file that parses is a record, whatever its name. The tokens in records are
//! sealed, as in the database. The other files, except those of `login_file`, are empty. Their names are their content:
//!
//! - `<account>.<login>.<generation>.json` is a record; it ends in `.committed.json` after the commit.
//! - `<account>.<login>.<generation>.seen` is a mark.
//! - `<account>.<login>.<generation>-<attempt>.sent` is a presented token.
//! - `<account>.<login>.<successor>.ended` or `<account>.<login>.ended` is the end of a login.
//!
//! A record's name has the generation that the record replaces, or `first` for the first tokens of a login. The other
//! names have the generation of the token itself. `login_file` stores the tokens of unsaved logins.

mod ended;
mod login_file;
mod marks;
mod presented;
mod record_file;

use std::{
    collections::{BTreeMap, HashMap},
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use rustix::system::uname;

use crate::{
    adapters::draft::create_draft,
    domain::{
        ids::{AccountName, Generation, KeyId, LoginId},
        refresh::TokenVersion,
    },
    ports::{EndedLogin, JournalError, JournalRecord, LoginRecord, PresentedToken, RecordState, TokenJournal},
};
use ended::ENDED;
use login_file::is_login;
use marks::MARK;
use presented::SENT;
use record_file::{RecordFile, read};

/// File name suffix of a committed record.
const COMMITTED: &str = ".committed.json";
/// Replaces the generation in the name of a record that replaces no version.
const FIRST: &str = "first";

#[derive(Clone)]
pub struct FolderJournal {
    folder: PathBuf,
    /// Files that `list` found under names that `put` does not use, such as manual copies, each with its record's stem.
    misnamed: Arc<Mutex<Vec<(String, PathBuf)>>>,
}

impl FolderJournal {
    /// Uses an existing private folder.
    pub fn in_folder(folder: PathBuf) -> Self {
        Self { folder, misnamed: Arc::default() }
    }

    /// Runs file I/O of std on a blocking thread. tokio's `File` reports a write error only at the next write or flush,
    /// so a `sync_all` after a failed write would succeed.
    async fn run_blocking<T: Send + 'static>(
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
    fn path(&self, stem: &str, state: RecordState) -> PathBuf {
        self.folder.join(match state {
            RecordState::Unsaved => format!("{stem}.json"),
            RecordState::Committed => format!("{stem}{COMMITTED}"),
        })
    }

    fn write(&self, stem: &str, state: RecordState, text: &[u8]) -> io::Result<()> {
        self.write_file(stem, &self.path(stem, state), text)
    }

    fn write_file(&self, stem: &str, path: &Path, text: &[u8]) -> io::Result<()> {
        let (mut file, draft) = create_draft(&self.folder.join(stem))?;
        if let Err(error) = write_and_compare(&mut file, &draft, text) {
            // If this fails too, the remaining file does not parse and is skipped.
            let _ = fs::remove_file(&draft);
            return Err(error);
        }
        // From here on the draft counts as a record, so it stays if a later step fails.
        fs::rename(&draft, path)?;
        File::open(&self.folder)?.sync_all()
    }

    /// Gives the record its committed name, or writes it if its file is missing. Removes its other copies and the
    /// account's older records. If a newer record of the login exists, removes this one instead: it may come from a
    /// restored database.
    fn confirm_record(&self, record: &JournalRecord) -> io::Result<()> {
        let (name, version) = (&record.name, &record.rotation.version);
        let stem = record_stem(name, version);
        let [unsaved, committed] = [RecordState::Unsaved, RecordState::Committed].map(|state| self.path(&stem, state));
        if self
            .paths()?
            .iter()
            .filter_map(|path| committed_version(path, name))
            .any(|other| other.is_later_than(version))
        {
            return self.remove_where(&stem, |path| is_named_after(path, &stem));
        }
        match fs::rename(&unsaved, &committed) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.write(&stem, RecordState::Committed, &serde_json::to_vec(&RecordFile::of(record))?)?;
            }
            renamed => renamed?,
        }
        self.remove_where(&stem, |path| {
            *path != committed && (is_named_after(path, &stem) || committed_version(path, name).is_some())
        })?;
        self.forget_presented_before(name, version)
    }

    fn paths(&self) -> io::Result<Vec<PathBuf>> {
        fs::read_dir(&self.folder)?.map(|file| Ok(file?.path())).collect()
    }

    /// Reads the records, except for committed ones with a version in `known`, whose content the caller does not need.
    fn read_all(&self, known: &HashMap<AccountName, TokenVersion>) -> io::Result<Vec<JournalRecord>> {
        let mut found = Vec::new();
        for path in self.paths()? {
            if is_empty_file(&path)
                || committed_of(&path).is_some_and(|(name, version)| known.get(&name) == Some(&version))
            {
                continue;
            }
            match read(&path) {
                Ok(record) => found.push((record_stem(&record.name, &record.rotation.version), path, record)),
                // The file was renamed or removed meanwhile.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(_) if is_login(&path) => {}
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
        // Of several files of a version, use the committed one, or else the one with the final name.
        found.sort_by_cached_key(|(stem, path, record)| {
            let is_other = *path != self.path(stem, RecordState::Unsaved);
            (stem.clone(), record.state == RecordState::Unsaved, is_other, path.clone())
        });
        found.dedup_by(|(later, ..), (earlier, ..)| later == earlier);
        Ok(found.into_iter().map(|(_, _, record)| record).collect())
    }

    /// Counts the records that each key has sealed. Reads one file at a time.
    fn count_by_key(&self) -> io::Result<BTreeMap<KeyId, usize>> {
        let mut counts = BTreeMap::new();
        for path in self.paths()?.into_iter().filter(|path| !is_empty_file(path)) {
            // `read_all` reports files that are not records.
            let key_ids = read(&path).map(|record| record.rotation.key_ids()).unwrap_or_default();
            key_ids.into_iter().for_each(|key_id| *counts.entry(key_id).or_default() += 1);
        }
        for key_id in self.read_logins()?.iter().filter_map(|login| login.tokens.key_id()) {
            *counts.entry(key_id).or_default() += 1;
        }
        Ok(counts)
    }

    /// Removes the files that `is_selected` accepts and, unless `stem` is empty, the misnamed files of that record.
    fn remove_where(&self, stem: &str, is_selected: impl Fn(&PathBuf) -> bool) -> io::Result<()> {
        let mut paths = self.paths()?;
        paths.retain(is_selected);
        let mut misnamed = self.misnamed.lock().unwrap_or_else(PoisonError::into_inner);
        paths.extend(misnamed.extract_if(.., |(of, _)| of == stem).map(|(_, path)| path));
        drop(misnamed);
        let removed: Vec<io::Result<()>> = paths.iter().map(fs::remove_file).collect();
        removed.into_iter().filter(|result| !is_not_found(result)).collect()
    }
}

#[async_trait]
impl TokenJournal for FolderJournal {
    fn place(&self) -> String {
        let system = uname();
        format!("{}:{}", system.nodename().to_string_lossy(), self.folder.display())
    }

    async fn put(&self, record: &JournalRecord) -> Result<(), JournalError> {
        let stem = record_stem(&record.name, &record.rotation.version);
        let (state, file) = (record.state, RecordFile::of(record));
        self.run_blocking("write to", move |journal| journal.write(&stem, state, &serde_json::to_vec(&file)?)).await
    }

    async fn confirm(&self, record: &JournalRecord) -> Result<(), JournalError> {
        let record = record.clone();
        self.run_blocking("write to", move |journal| journal.confirm_record(&record)).await
    }

    async fn mark(&self, name: &AccountName, version: &TokenVersion) -> Result<bool, JournalError> {
        let (name, version) = (name.clone(), version.clone());
        self.run_blocking("write to", move |journal| journal.write_mark(&name, &version)).await
    }

    async fn mark_all(&self, versions: HashMap<AccountName, TokenVersion>) -> Result<(), JournalError> {
        self.run_blocking("write to", move |journal| journal.write_marks(versions)).await
    }

    async fn marks(&self) -> Result<Vec<(AccountName, TokenVersion)>, JournalError> {
        self.run_blocking("read", |journal| journal.read_marks()).await
    }

    async fn note_presented(&self, token: &PresentedToken) -> Result<(), JournalError> {
        let token = token.clone();
        self.run_blocking("write to", move |journal| journal.write_presented(&token)).await
    }

    async fn presented(&self) -> Result<Vec<PresentedToken>, JournalError> {
        self.run_blocking("read", |journal| journal.read_presented()).await
    }

    async fn end(&self, ended: &EndedLogin) -> Result<(), JournalError> {
        let ended = ended.clone();
        self.run_blocking("write to", move |journal| journal.write_end(&ended)).await
    }

    async fn ended(&self) -> Result<Vec<EndedLogin>, JournalError> {
        self.run_blocking("read", |journal| journal.read_ends()).await
    }

    async fn put_login(&self, record: &LoginRecord) -> Result<(), JournalError> {
        let record = record.clone();
        self.run_blocking("write to", move |journal| journal.write_login(&record)).await
    }

    async fn logins(&self) -> Result<Vec<LoginRecord>, JournalError> {
        self.run_blocking("read", |journal| journal.read_logins()).await
    }

    async fn remove_login(&self, name: &AccountName, login_id: &LoginId) -> Result<(), JournalError> {
        let (name, login_id) = (name.clone(), login_id.clone());
        self.run_blocking("remove a login from", move |journal| journal.remove_login_files(&name, &login_id)).await
    }

    async fn list(&self) -> Result<Vec<JournalRecord>, JournalError> {
        self.list_without(HashMap::new()).await
    }

    async fn list_without(
        &self,
        known: HashMap<AccountName, TokenVersion>,
    ) -> Result<Vec<JournalRecord>, JournalError> {
        self.run_blocking("read", move |journal| journal.read_all(&known)).await
    }

    async fn count_by_key(&self) -> Result<BTreeMap<KeyId, usize>, JournalError> {
        self.run_blocking("read", |journal| journal.count_by_key()).await
    }

    async fn remove(&self, name: &AccountName, version: &TokenVersion) -> Result<(), JournalError> {
        let stem = record_stem(name, version);
        // The mark with this generation belongs to the version that the record replaces.
        let is_selected = |stem: &str, path: &Path| is_named_after(path, stem) && !is_empty_file(path);
        self.run_blocking("remove a record from", move |journal| {
            journal.remove_where(&stem, |path| is_selected(&stem, path))
        })
        .await
    }
}

/// Returns the part that the names of a record's files share; a dot follows it.
fn record_stem(name: &AccountName, version: &TokenVersion) -> String {
    let login_id = &version.login_id;
    match version.previous_generation() {
        Some(generation) => format!("{name}.{login_id}.{}", generation.0),
        None => format!("{name}.{login_id}.{FIRST}"),
    }
}

fn is_named_after(path: &Path, stem: &str) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.strip_prefix(stem).is_some_and(|rest| rest.starts_with('.'))
}

/// Returns whether this is one of the empty files, whose names are their content.
fn is_empty_file(path: &Path) -> bool {
    path.to_str().is_some_and(|path| [MARK, ENDED, SENT].iter().any(|end| path.ends_with(end)))
}

/// Parses the account and the version of a committed record from the file's name.
fn committed_of(path: &Path) -> Option<(AccountName, TokenVersion)> {
    let file = path.file_name()?.to_str().filter(|file| file.ends_with(COMMITTED))?;
    let name = AccountName::parse(file.split_once('.')?.0).ok()?;
    let version = committed_version(path, &name)?;
    Some((name, version))
}

/// Parses the version of an account's committed record or mark from the file's name.
fn committed_version(path: &Path, name: &AccountName) -> Option<TokenVersion> {
    let file = path.file_name()?.to_str()?.strip_prefix(name.as_str())?.strip_prefix('.')?;
    if let Some(record) = file.strip_suffix(COMMITTED) {
        return match record.split_once('.')? {
            (login_id, FIRST) => Some(TokenVersion::first_of(LoginId::from_stored(login_id.to_owned()))),
            _ => Some(version_of(record)?.next()),
        };
    }
    version_of(file.strip_suffix(MARK)?)
}

/// Parses `<login>.<generation>`.
fn version_of(text: &str) -> Option<TokenVersion> {
    let (login_id, generation) = text.split_once('.')?;
    let generation = Generation(generation.parse().ok()?);
    Some(TokenVersion { login_id: LoginId::from_stored(login_id.to_owned()), generation })
}

fn is_not_found<T>(result: &io::Result<T>) -> bool {
    result.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
}

/// Writes and syncs `text`, then reads it back and compares it.
fn write_and_compare(file: &mut File, path: &Path, text: &[u8]) -> io::Result<()> {
    file.write_all(text)?;
    file.flush()?;
    file.sync_all()?;
    if fs::read(path)? == text { Ok(()) } else { Err(io::Error::other("the file does not contain what was written")) }
}

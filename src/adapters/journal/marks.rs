//! Stores marks as empty files. The name consists of the account and a token version. The tokens themselves are only in
//! the journal of another gateway.

use std::{
    collections::{HashMap, HashSet},
    fs::{File, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use super::{FolderJournal, committed_version, ended::read_name, presented::read_presented};
use crate::{
    domain::{ids::AccountName, refresh::TokenVersion},
    ports::PresentedToken,
};

/// The file extension of a mark.
pub(super) const MARK: &str = ".seen";

impl FolderJournal {
    pub(super) fn write_mark(&self, name: &AccountName, version: &TokenVersion) -> io::Result<bool> {
        let committed: Vec<_> = self.paths()?.iter().filter_map(|path| committed_version(path, name)).collect();
        if committed.iter().any(|other| other.is_later_than(version)) {
            return Ok(false);
        }
        // Another process on the same folder may have stored the tokens of this version.
        if !committed.contains(version) {
            self.create_marks(&HashMap::from([(name.clone(), version.clone())]))?;
        }
        self.forget_presented_before(name, version)?;
        Ok(true)
    }

    /// Writes marks, unless the login has ended or the journal has the same or a later version. Reads the folder at most
    /// three times in all.
    pub(super) fn write_marks(&self, mut versions: HashMap<AccountName, TokenVersion>) -> io::Result<()> {
        for path in self.paths()? {
            if let Some(end) = read_name(&path)
                && versions.get(&end.name).is_some_and(|version| version.login_id == end.login_id)
            {
                versions.remove(&end.name);
            }
            let Some((name, known)) = version_in(&path) else { continue };
            if versions.get(&name).is_some_and(|version| *version == known || known.is_later_than(version)) {
                versions.remove(&name);
            }
        }
        if versions.is_empty() { Ok(()) } else { self.create_marks(&versions) }
    }

    /// Creates marks in place of the accounts' earlier committed records, marks and presented tokens.
    fn create_marks(&self, versions: &HashMap<AccountName, TokenVersion>) -> io::Result<()> {
        // A login that is saved meanwhile adds its own record, which must stay.
        let before: HashSet<PathBuf> = self.paths()?.into_iter().collect();
        for (name, version) in versions {
            let path = self.folder.join(format!("{name}.{version}{MARK}"));
            OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
        }
        // Sync the marks before the records that they replace are removed.
        File::open(&self.folder)?.sync_all()?;
        self.remove_where("", |path| {
            let is_replaced = |(name, known): (AccountName, TokenVersion)| {
                versions.get(&name).is_some_and(|version| *version != known && !known.is_later_than(version))
            };
            let is_spent = |token: PresentedToken| {
                versions.get(&token.name).is_some_and(|version| version.is_later_than(&token.version))
            };
            before.contains(path)
                && (version_in(path).is_some_and(is_replaced) || read_presented(path).is_some_and(is_spent))
        })
    }

    pub(super) fn read_marks(&self) -> io::Result<Vec<(AccountName, TokenVersion)>> {
        let is_mark = |path: &PathBuf| path.to_str().is_some_and(|path| path.ends_with(MARK));
        Ok(self.paths()?.iter().filter(|path| is_mark(path)).filter_map(|path| version_in(path)).collect())
    }
}

/// Parses the account and the version of a committed record or mark from the file's name.
fn version_in(path: &Path) -> Option<(AccountName, TokenVersion)> {
    let name = AccountName::parse(path.file_name()?.to_str()?.split_once('.')?.0).ok()?;
    let version = committed_version(path, &name)?;
    Some((name, version))
}

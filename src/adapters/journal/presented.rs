//! Stores presented tokens as empty files. The name consists of the account, the token version and the attempt.

use std::{
    fs::{self, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use super::{FolderJournal, version_of};
use crate::{
    domain::{ids::AccountName, refresh::TokenVersion},
    ports::PresentedToken,
};

/// The file extension of a presented token.
pub(super) const SENT: &str = ".sent";

impl FolderJournal {
    /// Creates the file before it removes the replaced ones, so that a reader always finds one. Attempt 0 has no file.
    pub(super) fn write_presented(&self, token: &PresentedToken) -> io::Result<()> {
        let path = self.folder.join(file_name(token));
        if token.attempt > 0 {
            OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&path)?;
        }
        self.remove_where("", |other| {
            let is_replaced = |stored: &PresentedToken| {
                stored.name == token.name
                    && stored.version.login_id == token.version.login_id
                    && !stored.version.is_later_than(&token.version)
            };
            (token.attempt == 0 || *other != path) && read_presented(other).as_ref().is_some_and(is_replaced)
        })?;
        fs::File::open(&self.folder)?.sync_all()
    }

    pub(super) fn read_presented(&self) -> io::Result<Vec<PresentedToken>> {
        let mut found: Vec<PresentedToken> = self.paths()?.iter().filter_map(|path| read_presented(path)).collect();
        // Two files of a version exist while one replaces the other. The higher attempt counts.
        found.sort_by_cached_key(|token| (token.name.to_string(), token.version.to_string(), u32::MAX - token.attempt));
        found.dedup_by(|less, more| less.name == more.name && less.version == more.version);
        Ok(found)
    }

    /// Removes the files of earlier tokens of the login.
    pub(super) fn forget_presented_before(&self, name: &AccountName, version: &TokenVersion) -> io::Result<()> {
        self.remove_where("", |path| {
            let presented = read_presented(path).filter(|token| token.name == *name);
            presented.is_some_and(|token| version.is_later_than(&token.version))
        })
    }
}

fn file_name(PresentedToken { name, version, attempt }: &PresentedToken) -> String {
    format!("{name}.{version}-{attempt}{SENT}")
}

pub(super) fn read_presented(path: &Path) -> Option<PresentedToken> {
    let (name, rest) = path.file_name()?.to_str()?.strip_suffix(SENT)?.split_once('.')?;
    let (version, attempt) = rest.rsplit_once('-')?;
    let (version, attempt) = (version_of(version)?, attempt.parse().ok()?);
    Some(PresentedToken { name: AccountName::parse(name).ok()?, version, attempt })
}

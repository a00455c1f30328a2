//! Stores ended logins as empty files. The name consists of the account, the login and its successor, if there is one.

use std::{
    fs::{self, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    time::SystemTime,
};

use super::{FolderJournal, committed_version, is_not_found, presented::read_presented};
use crate::{
    domain::ids::{AccountName, LoginId},
    ports::{EndedLogin, MIN_ENDED_LOGINS},
};

/// The file extension of an ended login.
pub(super) const ENDED: &str = ".ended";

impl FolderJournal {
    pub(super) fn write_end(&self, ended: &EndedLogin) -> io::Result<()> {
        let path = self.folder.join(file_name(ended));
        if !path.exists() {
            OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&path)?;
            self.remove_oldest_ends()?;
        }
        // Sync the end before the login's tokens are removed, also if an earlier sync has failed.
        fs::File::open(&self.folder)?.sync_all()?;
        let EndedLogin { name, login_id, .. } = ended;
        self.remove_where("", |other| {
            let is_earlier_end = *other != path && read_name(other).is_some_and(|end| end.login_id == *login_id);
            let version = committed_version(other, name).or_else(|| Some(read_presented(other)?.version));
            is_earlier_end || version.is_some_and(|version| version.login_id == *login_id)
        })
    }

    pub(super) fn read_ends(&self) -> io::Result<Vec<EndedLogin>> {
        Ok(self.paths()?.iter().filter_map(|path| read_name(path)).collect())
    }

    fn remove_oldest_ends(&self) -> io::Result<()> {
        let mut ends: Vec<(SystemTime, PathBuf)> = Vec::new();
        for path in self.paths()?.into_iter().filter(|path| read_name(path).is_some()) {
            // Another process on the same folder may remove a file meanwhile.
            match fs::symlink_metadata(&path).and_then(|file| file.modified()) {
                found if is_not_found(&found) => {}
                found => ends.push((found?, path)),
            }
        }
        ends.sort();
        let surplus = ends.len().saturating_sub(MIN_ENDED_LOGINS);
        let removed = ends.into_iter().take(surplus).map(|(_, path)| fs::remove_file(path));
        removed.filter(|result| !is_not_found(result)).collect()
    }
}

fn file_name(EndedLogin { name, login_id, successor }: &EndedLogin) -> String {
    match successor {
        Some(successor) => format!("{name}.{login_id}.{successor}{ENDED}"),
        None => format!("{name}.{login_id}{ENDED}"),
    }
}

pub(super) fn read_name(path: &Path) -> Option<EndedLogin> {
    let mut parts = path.file_name()?.to_str()?.strip_suffix(ENDED)?.split('.');
    let name = AccountName::parse(parts.next()?).ok()?;
    let login_id = LoginId::from_stored(parts.next()?.to_owned());
    let successor = parts.next().map(|id| LoginId::from_stored(id.to_owned()));
    if parts.next().is_some() { None } else { Some(EndedLogin { name, login_id, successor }) }
}

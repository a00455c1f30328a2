//! Stores logins whose tokens are not in the database yet: files `<account>.<login>.login.json` with the sealed tokens.

use std::{fs, io, path::Path};

use serde::{Deserialize, Serialize};

use super::{COMMITTED, ENDED, FolderJournal, is_named_after, record_file::invalid};
use crate::{
    domain::{
        ids::{AccountName, LoginId},
        sealed_secret::SealedSecret,
    },
    ports::LoginRecord,
};

/// The JSON of a record. No `RecordFile` has the same members, so the content identifies the kind of a file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct LoginFile {
    name: String,
    login_id: String,
    tokens: String,
}

impl FolderJournal {
    pub(super) fn write_login(&self, record: &LoginRecord) -> io::Result<()> {
        let LoginRecord { name, login_id, tokens } = record;
        let file =
            LoginFile { name: name.to_string(), login_id: login_id.to_string(), tokens: tokens.as_str().to_owned() };
        let stem = stem(name, login_id);
        self.write_file(&stem, &self.folder.join(format!("{stem}.json")), &serde_json::to_vec(&file)?)
    }

    /// Returns all complete records, including drafts whose writer was killed before it renamed them.
    pub(super) fn read_logins(&self) -> io::Result<Vec<LoginRecord>> {
        let mut found: Vec<LoginRecord> = self.paths()?.iter().filter_map(|path| read(path).ok()).collect();
        found.sort_by_cached_key(|record| stem(&record.name, &record.login_id));
        found.dedup_by(|later, earlier| later.login_id == earlier.login_id);
        Ok(found)
    }

    pub(super) fn remove_login_files(&self, name: &AccountName, login_id: &LoginId) -> io::Result<()> {
        let stem = stem(name, login_id);
        self.remove_where(&stem, |path| is_named_after(path, &stem))
    }
}

/// Returns whether the file is the record of a login.
pub(super) fn is_login(path: &Path) -> bool {
    read(path).is_ok()
}

fn read(path: &Path) -> io::Result<LoginRecord> {
    // Skip committed records and ended logins without reading them: there may be many.
    if path.to_str().is_some_and(|path| path.ends_with(COMMITTED) || path.ends_with(ENDED)) {
        return Err(invalid("it is another record"));
    }
    if !fs::symlink_metadata(path)?.is_file() {
        return Err(invalid("it is not a regular file"));
    }
    let file: LoginFile = serde_json::from_slice(&fs::read(path)?)?;
    Ok(LoginRecord {
        name: AccountName::parse(&file.name).map_err(|_invalid| invalid("it has invalid values"))?,
        login_id: LoginId::from_stored(file.login_id),
        tokens: SealedSecret::from_stored(file.tokens),
    })
}

fn stem(name: &AccountName, login_id: &LoginId) -> String {
    format!("{name}.{login_id}.login")
}

//! Reads and writes the content of a record's file in the token journal. The tokens in it are sealed.

use std::{fs, io, path::Path};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::COMMITTED;
use crate::{
    domain::{
        ids::{AccountName, Generation, LoginId},
        provider_settings::ProviderSettings,
        refresh::{Rotation, TokenVersion},
        sealed_secret::SealedSecret,
    },
    ports::{JournalRecord, RecordState},
};

/// The JSON of a record.
#[derive(Serialize, Deserialize)]
pub(super) struct RecordFile {
    name: String,
    login_id: String,
    /// The generation that a refresh replaced; absent for the tokens of a login.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    generation: Option<u64>,
    access_token: String,
    refresh_token: Option<String>,
    /// Whether the tokens belong to the same user and workspace as those that they replace.
    same_account: bool,
    settings: Value,
}

impl RecordFile {
    pub(super) fn of(record: &JournalRecord) -> Self {
        let rotation = &record.rotation;
        Self {
            name: record.name.to_string(),
            login_id: rotation.version.login_id.to_string(),
            generation: rotation.version.previous_generation().map(|previous| previous.0),
            access_token: rotation.access_token.as_str().to_owned(),
            refresh_token: rotation.refresh_token.as_ref().map(|token| token.as_str().to_owned()),
            same_account: rotation.same_account,
            settings: ProviderSettings::default().with_metadata(&rotation.metadata).into_json(),
        }
    }

    fn into_record(self, state: RecordState) -> Option<JournalRecord> {
        let login_id = LoginId::from_stored(self.login_id);
        let version = match self.generation {
            Some(replaced) => TokenVersion { login_id, generation: Generation(replaced) }.next(),
            None => TokenVersion::first_of(login_id),
        };
        Some(JournalRecord {
            name: AccountName::parse(&self.name).ok()?,
            rotation: Rotation {
                version,
                access_token: SealedSecret::from_stored(self.access_token),
                refresh_token: self.refresh_token.map(SealedSecret::from_stored),
                metadata: ProviderSettings::from_json(self.settings).ok()?.metadata().ok()?,
                same_account: self.same_account,
            },
            state,
        })
    }
}

/// Reads a record. Its state depends on the name of the file.
pub(super) fn read(path: &Path) -> io::Result<JournalRecord> {
    // Opening a named pipe would block until it has a writer.
    if !fs::symlink_metadata(path)?.is_file() {
        return Err(invalid("it is not a regular file"));
    }
    let file: RecordFile = serde_json::from_slice(&fs::read(path)?)?;
    let is_committed = path.to_string_lossy().ends_with(COMMITTED);
    let state = if is_committed { RecordState::Committed } else { RecordState::Unsaved };
    file.into_record(state).ok_or_else(|| invalid("it has invalid values"))
}

pub(super) fn invalid(why: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

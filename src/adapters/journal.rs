//! The journal as a folder: one file for each account, login and generation, written whole or not at all.
//!
//! The tokens in it are sealed, as in the database.

use std::{
    io,
    path::{Path, PathBuf},
};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::{
    fs::{self, File, OpenOptions},
    io::AsyncWriteExt,
};

use crate::{
    domain::{
        ids::{Generation, LoginId, ProviderName},
        provider_settings::ProviderSettings,
        refresh::{Rotation, TokenVersion},
        sealed::SealedSecret,
    },
    ports::{JournalError, JournalRecord, TokenJournal},
};

const SUFFIX: &str = ".json";

pub struct FolderJournal {
    folder: PathBuf,
}

impl FolderJournal {
    /// The folder must be there, and private.
    pub fn in_folder(folder: PathBuf) -> Self {
        Self { folder }
    }

    fn path(&self, name: &ProviderName, seen: &TokenVersion) -> PathBuf {
        self.folder.join(format!("{name}.{seen}{SUFFIX}"))
    }

    async fn write(&self, entry: &JournalRecord) -> io::Result<()> {
        let path = self.path(&entry.name, &entry.rotation.seen);
        let draft = path.with_extension(format!("draft-{}", std::process::id()));
        let text = serde_json::to_vec(&Letter::of(entry))?;
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft).await?;
        file.write_all(&text).await?;
        file.sync_all().await?;
        fs::rename(&draft, &path).await?;
        File::open(&self.folder).await?.sync_all().await
    }

    async fn read_all(&self) -> io::Result<Vec<JournalRecord>> {
        let (mut entries, mut files) = (Vec::new(), fs::read_dir(&self.folder).await?);
        while let Some(file) = files.next_entry().await? {
            let path = file.path();
            if !path.to_string_lossy().ends_with(SUFFIX) {
                continue;
            }
            match read(&path).await {
                Ok(entry) => entries.push(entry),
                // Somebody else has brought it in meanwhile.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => {
                    tracing::error!(path = %path.display(), error = %error, "tokens in the journal cannot be read");
                }
            }
        }
        Ok(entries)
    }
}

#[async_trait]
impl TokenJournal for FolderJournal {
    async fn put(&self, entry: &JournalRecord) -> Result<(), JournalError> {
        self.write(entry).await.map_err(|source| JournalError { doing: "write to", source: Box::new(source) })
    }

    async fn list(&self) -> Result<Vec<JournalRecord>, JournalError> {
        self.read_all().await.map_err(|source| JournalError { doing: "read", source: Box::new(source) })
    }

    async fn remove(&self, name: &ProviderName, seen: &TokenVersion) -> Result<(), JournalError> {
        match fs::remove_file(self.path(name, seen)).await {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(JournalError { doing: "empty", source: Box::new(error) })
            }
            _ => Ok(()),
        }
    }
}

async fn read(path: &Path) -> io::Result<JournalRecord> {
    let letter: Letter = serde_json::from_slice(&fs::read(path).await?)?;
    letter.into_entry().ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "it is not what the gateway writes"))
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

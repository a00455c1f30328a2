//! Opens the configured storage: the database, the token journal, and the cipher with the encryption keys.

use std::{sync::Arc, time::Duration};

use super::{
    StartError,
    first_start::{self, JOURNAL_FOLDER},
};
use crate::{
    adapters::{
        cipher::XChaChaCipher,
        journal::FolderJournal,
        secret_file::create_private_folder,
        settings::{DatabaseSettings, PostgresSettings, Settings},
        store::{PostgresOptions, PostgresStore, SqliteStore, TableCopy},
        system::{SystemClock, SystemRandom},
    },
    ports::{
        ApiTokenStore, AuditLog, ChangeFeed, Clock, CredentialHistory, KeyStore, LoginStore, RequestLog,
        ResponseMemory, RevocationQueue, StoreError, TokenStore,
    },
};

pub(super) struct Storage {
    pub(super) stores: Stores,
    pub(super) journal: Arc<FolderJournal>,
    pub(super) cipher: Arc<XChaChaCipher>,
}

impl Storage {
    /// Opens the storage. Creates missing folders, and an encryption key if there is none.
    pub(super) async fn open(settings: &Settings, random: Arc<SystemRandom>) -> Result<Self, StartError> {
        first_start::check_data_folder(settings)?;
        // Read the keys now, so that an invalid key fails before anything is created.
        first_start::existing_keys(settings)?;
        let journal = settings.data_dir.join(JOURNAL_FOLDER);
        create_private_folder(&settings.data_dir)?;
        create_private_folder(&journal)?;
        let stores = Stores::open(&settings.database).await?;
        let has_sealed_values = stores.has_sealed_values().await?;
        let keys = first_start::encryption_keys(settings, random.as_ref(), &stores.name, has_sealed_values)?;
        let cipher = XChaChaCipher::new(&keys, random).with_source(first_start::key_source(settings));
        Ok(Self { stores, journal: Arc::new(FolderJournal::in_folder(journal)), cipher: Arc::new(cipher) })
    }
}

/// Checks the database's address without connecting.
pub(super) fn check(settings: &DatabaseSettings) -> Result<(), StartError> {
    match settings {
        DatabaseSettings::Sqlite(_) => Ok(()),
        DatabaseSettings::Postgres(settings) => Ok(PostgresStore::check(&settings.url)?),
    }
}

/// Checks that the file of a SQLite database exists, for a command that has nothing to do without it.
pub(super) fn check_exists(settings: &DatabaseSettings) -> Result<(), StartError> {
    match settings {
        DatabaseSettings::Sqlite(path) if !path.exists() => Err(StartError::NoDatabase(path.display().to_string())),
        DatabaseSettings::Sqlite(_) | DatabaseSettings::Postgres(_) => Ok(()),
    }
}

/// The ports that the database implements.
pub(super) struct Stores {
    pub(super) credentials: Arc<dyn TokenStore>,
    pub(super) changes: Arc<dyn ChangeFeed>,
    pub(super) history: Arc<dyn CredentialHistory>,
    pub(super) logins: Arc<dyn LoginStore>,
    pub(super) revocations: Arc<dyn RevocationQueue>,
    pub(super) api_tokens: Arc<dyn ApiTokenStore>,
    pub(super) responses: Arc<dyn ResponseMemory>,
    pub(super) requests: Arc<dyn RequestLog>,
    pub(super) keys: Arc<dyn KeyStore>,
    pub(super) audit: Arc<dyn AuditLog>,
    pub(super) tables: Arc<dyn TableCopy>,
    /// The tables of the responses: `tables` itself on PostgreSQL, a separate file with SQLite.
    pub(super) response_tables: Arc<dyn TableCopy>,
    /// The clock: with PostgreSQL, the same for all replicas on the database.
    pub(super) clock: Arc<dyn Clock>,
    /// The database's name for messages, without a password.
    pub(super) name: String,
}

impl Stores {
    /// Opens the database and migrates its schema. Waits as configured for a server that is not up yet.
    pub(super) async fn open(settings: &DatabaseSettings) -> Result<Self, StartError> {
        Self::open_within(settings, None).await
    }

    /// Opens the database like [`Stores::open`], but does not wait for the server.
    pub(super) async fn open_now(settings: &DatabaseSettings) -> Result<Self, StartError> {
        Self::open_within(settings, Some(Duration::ZERO)).await
    }

    async fn open_within(settings: &DatabaseSettings, wait: Option<Duration>) -> Result<Self, StartError> {
        let local = Arc::new(SystemClock);
        Ok(match settings {
            DatabaseSettings::Sqlite(path) => {
                let store = SqliteStore::open(path, local.clone()).await?;
                // Responses and requests have a file of their own, so that no refresh waits for their writer.
                let responses =
                    SqliteStore::open_for_responses(&path.with_extension("responses.db"), local.clone()).await?;
                let responses = Arc::new(responses);
                Self {
                    requests: responses.clone(),
                    response_tables: responses.clone(),
                    responses,
                    ..Self::of(store, local, path.display().to_string())
                }
            }
            DatabaseSettings::Postgres(PostgresSettings { url, pool_size, wait: configured, ca_file }) => {
                let wait = wait.unwrap_or(*configured);
                let options = PostgresOptions { pool_size: *pool_size, wait, ca_file: ca_file.clone() };
                let store = PostgresStore::open(url, &options, local).await?;
                let (clock, name) = (store.shared_clock(), store.name().to_owned());
                Self::of(store, clock, name)
            }
        })
    }

    fn of<S>(store: S, clock: Arc<dyn Clock>, name: String) -> Self
    where
        S: TokenStore
            + ChangeFeed
            + CredentialHistory
            + LoginStore
            + RevocationQueue
            + ApiTokenStore
            + RequestLog
            + ResponseMemory
            + KeyStore
            + AuditLog
            + TableCopy
            + 'static,
    {
        let store = Arc::new(store);
        Self {
            credentials: store.clone(),
            changes: store.clone(),
            history: store.clone(),
            logins: store.clone(),
            revocations: store.clone(),
            api_tokens: store.clone(),
            responses: store.clone(),
            requests: store.clone(),
            keys: store.clone(),
            audit: store.clone(),
            tables: store.clone(),
            response_tables: store,
            clock,
            name,
        }
    }

    /// Whether the database has anything that only an existing key opens.
    pub(super) async fn has_sealed_values(&self) -> Result<bool, StoreError> {
        Ok(!self.keys.key_checks().await?.is_empty() || !self.keys.sealed_values().await?.is_empty())
    }
}

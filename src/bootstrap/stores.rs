//! Opens the configured database and returns it as the ports that it implements.

use std::sync::Arc;

use super::StartError;
use crate::{
    adapters::{
        settings::DatabaseSettings,
        store::{PostgresStore, SqliteStore},
    },
    ports::{ApiTokenStore, CredentialHistory, KeyStore, LoginStore, RevocationQueue, StoreError, TokenStore},
};

pub(super) struct Stores {
    pub(super) credentials: Arc<dyn TokenStore>,
    pub(super) history: Arc<dyn CredentialHistory>,
    pub(super) logins: Arc<dyn LoginStore>,
    pub(super) revocations: Arc<dyn RevocationQueue>,
    pub(super) api_tokens: Arc<dyn ApiTokenStore>,
    pub(super) keys: Arc<dyn KeyStore>,
    /// The database's name for messages, without a password.
    pub(super) name: String,
}

impl Stores {
    /// Opens the database and migrates its schema.
    pub(super) async fn open(settings: &DatabaseSettings) -> Result<Self, StartError> {
        match settings {
            DatabaseSettings::Sqlite(path) => {
                let store = Arc::new(SqliteStore::open(path).await?);
                Ok(Self {
                    credentials: store.clone(),
                    history: store.clone(),
                    logins: store.clone(),
                    revocations: store.clone(),
                    api_tokens: store.clone(),
                    keys: store,
                    name: path.display().to_string(),
                })
            }
            DatabaseSettings::Postgres(url) => {
                let store = Arc::new(PostgresStore::open(url).await?);
                Ok(Self {
                    name: store.name().to_owned(),
                    credentials: store.clone(),
                    history: store.clone(),
                    logins: store.clone(),
                    revocations: store.clone(),
                    api_tokens: store.clone(),
                    keys: store,
                })
            }
        }
    }
    /// Whether the database holds anything that only an existing key opens.
    pub(super) async fn need_a_key(&self) -> Result<bool, StoreError> {
        Ok(!self.keys.key_checks().await?.is_empty() || !self.keys.sealed_values().await?.is_empty())
    }
}

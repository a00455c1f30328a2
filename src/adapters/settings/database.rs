//! The section `database`.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use secrecy::SecretString;
use serde::Deserialize;

use super::values::{DatabaseUrl, connections, database, duration_or_zero};

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct DatabaseSection {
    #[serde(deserialize_with = "database")]
    url: Option<DatabaseUrl>,
    /// The maximum number of connections of one gateway.
    #[serde(deserialize_with = "connections")]
    pool_size: usize,
    /// How long the start waits for a server that is not up yet; zero: not at all.
    #[serde(deserialize_with = "duration_or_zero")]
    wait: Duration,
}

impl Default for DatabaseSection {
    fn default() -> Self {
        Self { url: None, pool_size: 16, wait: Duration::from_secs(30) }
    }
}

#[derive(Debug)]
pub enum DatabaseSettings {
    /// A file, the default.
    Sqlite(PathBuf),
    /// A server that several replicas can share.
    Postgres(PostgresSettings),
}

#[derive(Debug)]
pub struct PostgresSettings {
    /// The URL, which may hold a password.
    pub url: SecretString,
    pub pool_size: usize,
    pub wait: Duration,
    /// The value of `tls.ca_file`.
    pub ca_file: Option<PathBuf>,
}

impl DatabaseSection {
    pub(super) fn settings(self, data_dir: &Path, ca_file: Option<&Path>) -> DatabaseSettings {
        let Self { url, pool_size, wait } = self;
        match url {
            None => DatabaseSettings::Sqlite(data_dir.join("goclaw.db")),
            Some(DatabaseUrl::Sqlite(path)) => DatabaseSettings::Sqlite(path),
            Some(DatabaseUrl::Postgres(url)) => {
                let ca_file = ca_file.map(Path::to_owned);
                DatabaseSettings::Postgres(PostgresSettings { url, pool_size, wait, ca_file })
            }
        }
    }
}

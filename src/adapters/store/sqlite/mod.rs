//! SQLite: one file, write-ahead log, every commit on disk before it counts.
//!
//! Write transactions begin with `BEGIN IMMEDIATE`, so two writers queue up instead of failing halfway. Dropping the
//! future of a write would leave its transaction open, so callers run writes in tracked tasks (`app::Tasks`).

mod credentials;
mod logins;
mod opening;
pub(super) mod schema;

use std::time::Duration;

use diesel::{SqliteConnection, result::Error as DieselError};
use diesel_async::{
    pooled_connection::deadpool::{Object, Pool},
    sync_connection_wrapper::SyncConnectionWrapper,
};

use tokio::time::timeout;

pub use opening::OpenStoreError;

use crate::ports::StoreError;

/// How long a caller waits for a free connection.
const WAIT_FOR_CONNECTION: Duration = Duration::from_secs(5);

type Connection = SyncConnectionWrapper<SqliteConnection>;

/// Both stores in one database file.
#[derive(Clone)]
pub struct SqliteStore {
    pool: Pool<Connection>,
}

impl SqliteStore {
    /// A connection to do something with; `doing` completes "the database is not available while it should ...".
    async fn connection(&self, doing: &'static str) -> Result<Object<Connection>, StoreError> {
        match timeout(WAIT_FOR_CONNECTION, self.pool.get()).await {
            Ok(Ok(connection)) => Ok(connection),
            Ok(Err(source)) => Err(StoreError::Unavailable { doing, source: Box::new(source) }),
            Err(source) => Err(StoreError::Unavailable { doing, source: Box::new(source) }),
        }
    }
}

/// What goes wrong inside a transaction: the database, or what it holds.
enum TransactionError {
    Database(DieselError),
    Store(StoreError),
}

impl TransactionError {
    fn while_doing(self, doing: &'static str) -> StoreError {
        match self {
            Self::Database(source) => unavailable(doing)(source),
            Self::Store(error) => error,
        }
    }
}

impl From<DieselError> for TransactionError {
    fn from(error: DieselError) -> Self {
        Self::Database(error)
    }
}

impl From<StoreError> for TransactionError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

fn unavailable(doing: &'static str) -> impl Fn(DieselError) -> StoreError {
    move |source| StoreError::Unavailable { doing, source: Box::new(source) }
}

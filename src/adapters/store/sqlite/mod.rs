//! SQLite: one file, write-ahead log, every commit on disk before it counts.
//!
//! Write transactions begin with `BEGIN IMMEDIATE`, so two writers queue up instead of failing halfway. Dropping the
//! future of a write would leave its transaction open, so callers run writes in tracked tasks (`app::Tasks`).

mod opening;

use std::time::Duration;

use diesel::{QueryResult, SqliteConnection};
use diesel_async::{
    pooled_connection::deadpool::{Object, Pool},
    sync_connection_wrapper::SyncConnectionWrapper,
};
use tokio::time::timeout;

use super::error::TransactionError;
use crate::{domain::time::Timestamp, ports::StoreError};

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

    /// A file answers, if only with an error: SQLite waits for a lock no longer than `busy_timeout`. And to leave a write
    /// before its end would leave its transaction open.
    async fn limited<T>(&self, work: impl Future<Output = T>) -> T {
        work.await
    }

    /// Gives a connection back.
    fn settled<T>(
        &self,
        doing: &'static str,
        _connection: Object<Connection>,
        outcome: Result<T, TransactionError>,
    ) -> Result<T, StoreError> {
        outcome.map_err(|error| error.while_doing(doing))
    }

    /// The file is on one machine, so the caller's clock is everybody's.
    async fn clock(&self, _connection: &mut Connection, now: Timestamp) -> QueryResult<Timestamp> {
        Ok(now)
    }
}

/// Nothing to do: whoever began with `BEGIN IMMEDIATE` writes alone.
async fn write_alone(_connection: &mut Connection) -> QueryResult<()> {
    Ok(())
}

mod credentials {
    //! Connected accounts in SQLite.
    token_store!(super::SqliteStore, super::Connection, super::Connection::immediate_transaction, super::write_alone);
}

mod history {
    //! What happened to accounts, in SQLite.
    credential_history!(super::SqliteStore);
}

mod logins {
    //! Logins under way in SQLite.
    login_store!(super::SqliteStore, super::Connection, super::Connection::immediate_transaction, super::write_alone);
}

mod revocations {
    //! Tokens that wait to be revoked, in SQLite.
    revocation_queue!(super::SqliteStore);
}

mod api_tokens {
    //! The tokens of programs, in SQLite.
    api_token_store!(super::SqliteStore);
}

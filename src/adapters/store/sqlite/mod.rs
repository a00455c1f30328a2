//! SQLite: one file with a write-ahead log. Every commit is synced to disk.
//!
//! Write transactions begin with `BEGIN IMMEDIATE`, so a second writer waits instead of failing halfway. Dropping the
//! future of a write would leave its transaction open, so callers run writes in tracked tasks (`app::Tasks`).

mod opening;
#[expect(clippy::duplicate_mod, reason = "the queries are compiled once for each database")]
#[path = "../queries/mod.rs"]
mod queries;

use diesel::{QueryResult, SqliteConnection};
use diesel_async::{pooled_connection::deadpool::Pool, sync_connection_wrapper::SyncConnectionWrapper};

use super::{
    connection::{Work, take},
    error::TransactionError,
};
use crate::{domain::time::Timestamp, ports::StoreError};

type Backend = diesel::sqlite::Sqlite;
type Connection = SyncConnectionWrapper<SqliteConnection>;
type Store = SqliteStore;

/// All stores in one database file.
#[derive(Clone)]
pub struct SqliteStore {
    pool: Pool<Connection>,
}

impl SqliteStore {
    /// Runs `work` on a connection. It needs no time limit: SQLite waits for a lock no longer than `busy_timeout`.
    #[tracing::instrument(level = "debug", name = "store", skip_all, fields(operation = doing))]
    async fn run<T: Send, F>(&self, doing: &'static str, work: F) -> Result<T, StoreError>
    where
        F: for<'c> AsyncFnOnce(&'c mut Connection) -> Result<T, TransactionError> + for<'c> Work<&'c mut Connection, T>,
    {
        let mut connection = take(self.pool.get(), doing).await?;
        work(&mut connection).await.map_err(|error| error.while_doing(doing))
    }

    /// Runs `work` in a write transaction. Write transactions run one at a time.
    #[tracing::instrument(level = "debug", name = "store", skip_all, fields(operation = doing))]
    async fn write<T: Send, F>(&self, doing: &'static str, work: F) -> Result<T, StoreError>
    where
        F: for<'c> AsyncFnOnce(&'c mut Connection) -> Result<T, TransactionError> + for<'c> Work<&'c mut Connection, T>,
    {
        let mut connection = take(self.pool.get(), doing).await?;
        connection.immediate_transaction(work).await.map_err(|error| error.while_doing(doing))
    }

    /// Returns `now`: all users of the file share its machine's clock.
    async fn clock(&self, _connection: &mut Connection, now: Timestamp) -> QueryResult<Timestamp> {
        Ok(now)
    }
}

//! SQLite: one file, write-ahead log, every commit on disk before it counts.
//!
//! Write transactions begin with `BEGIN IMMEDIATE`, so two writers queue up instead of failing halfway. Dropping the
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
    /// Works on a connection. There is no time limit: SQLite waits for a lock no longer than `busy_timeout`.
    async fn run<T: Send, F>(&self, doing: &'static str, work: F) -> Result<T, StoreError>
    where
        F: for<'c> AsyncFnOnce(&'c mut Connection) -> Result<T, TransactionError> + for<'c> Work<&'c mut Connection, T>,
    {
        let mut connection = take(self.pool.get(), doing).await?;
        work(&mut connection).await.map_err(|error| error.while_doing(doing))
    }

    /// Works in a transaction that no other write can come between.
    async fn write<T: Send, F>(&self, doing: &'static str, work: F) -> Result<T, StoreError>
    where
        F: for<'c> AsyncFnOnce(&'c mut Connection) -> Result<T, TransactionError> + for<'c> Work<&'c mut Connection, T>,
    {
        let mut connection = take(self.pool.get(), doing).await?;
        connection.immediate_transaction(work).await.map_err(|error| error.while_doing(doing))
    }

    /// Returns `now`: the file is on one machine, so all callers share its clock.
    async fn clock(&self, _connection: &mut Connection, now: Timestamp) -> QueryResult<Timestamp> {
        Ok(now)
    }
}

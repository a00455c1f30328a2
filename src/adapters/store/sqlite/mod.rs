//! The stores in SQLite, in a file with a write-ahead log.
//!
//! Write transactions begin with `BEGIN IMMEDIATE`, so a second writer waits instead of failing halfway. Dropping the
//! future of a write would leave its transaction open, so callers run writes in tracked tasks (`app::Tasks`).

mod clock;
mod inserting;
mod opening;
#[expect(clippy::duplicate_mod, reason = "the queries are compiled once for each database")]
#[path = "../queries/mod.rs"]
mod queries;
mod tables;

use std::sync::Arc;

use diesel::{
    QueryResult, SqliteConnection,
    dsl::sql,
    expression::SqlLiteral,
    sql_types::{BigInt, Nullable},
};
use diesel_async::{pooled_connection::deadpool::Pool, sync_connection_wrapper::SyncConnectionWrapper};

use super::{
    connection::{Work, take},
    error::TransactionError,
    health::Health,
    rows::SkippedRows,
    timed::TimedQuery,
};
use crate::{
    domain::time::Timestamp,
    ports::{Clock, StoreError},
};

type Backend = diesel::sqlite::Sqlite;
type Connection = SyncConnectionWrapper<SqliteConnection>;
type Store = SqliteStore;

/// Implements the storage ports on one database file.
#[derive(Clone)]
pub struct SqliteStore {
    pool: Pool<Connection>,
    /// This machine's clock.
    local: Arc<dyn Clock>,
    health: Arc<Health>,
    /// None if stored times are not corrected: on systems without a boot id, and after [`Self::on_callers_clock`].
    boot_id: Option<Arc<str>>,
    skipped: SkippedRows,
}

impl SqliteStore {
    /// Runs `work` on a connection. No time limit is needed: SQLite waits for a lock no longer than `busy_timeout`.
    #[tracing::instrument(level = "debug", name = "store", skip_all, fields(operation = doing))]
    async fn run<T: Send, F>(&self, doing: &'static str, work: F) -> Result<T, StoreError>
    where
        F: for<'c> AsyncFnOnce(&'c mut Connection) -> Result<T, TransactionError> + for<'c> Work<&'c mut Connection, T>,
    {
        let _timed = TimedQuery::begin(doing);
        let outcome = match take(self.pool.get(), doing).await {
            Ok(mut connection) => work(&mut connection).await.map_err(|error| error.while_doing(doing)),
            Err(error) => Err(error),
        };
        self.health.note(doing, outcome, self.local.as_ref())
    }

    /// Runs `work` in a write transaction. Write transactions run one at a time.
    #[tracing::instrument(level = "debug", name = "store", skip_all, fields(operation = doing))]
    async fn write<T: Send, F>(&self, doing: &'static str, work: F) -> Result<T, StoreError>
    where
        F: for<'c> AsyncFnOnce(&'c mut Connection) -> Result<T, TransactionError> + for<'c> Work<&'c mut Connection, T>,
    {
        let _timed = TimedQuery::begin(doing);
        let outcome = match take(self.pool.get(), doing).await {
            Ok(mut connection) => {
                connection.immediate_transaction(work).await.map_err(|error| error.while_doing(doing))
            }
            Err(error) => Err(error),
        };
        self.health.note(doing, outcome, self.local.as_ref())
    }

    /// Uses the times that callers pass, without correcting stored times. For tests that set the time.
    #[must_use]
    pub fn on_callers_clock(self) -> Self {
        Self { boot_id: None, ..self }
    }

    /// Returns the machine's time, after correcting stored times if its clock was set.
    async fn clock(&self, connection: &mut Connection, now: Timestamp) -> QueryResult<Timestamp> {
        match &self.boot_id {
            Some(boot_id) => clock::corrected_now(connection, self.local.as_ref(), boot_id).await,
            None => Ok(now),
        }
    }

    /// Does nothing: SQLite has no clock of its own.
    fn clock_comparison(&self) -> impl FnOnce(Option<i64>) + use<> {
        drop
    }
}

/// Returns SQL for NULL: SQLite has no clock of its own.
fn now_on_server() -> SqlLiteral<Nullable<BigInt>> {
    sql("NULL")
}

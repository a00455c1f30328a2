//! The stores in PostgreSQL, which several replicas can share.
//!
//! A write transaction first locks the tables against other writers. Readers are not blocked. Writes are rare and
//! short, and because of the lock they run one at a time, as in SQLite.

mod address;
mod clock;
mod inserting;
mod opening;
#[expect(clippy::duplicate_mod, reason = "the queries are compiled once for each database")]
#[path = "../queries/mod.rs"]
mod queries;
mod server;
mod tables;
mod tls;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use diesel::{
    QueryResult,
    dsl::sql,
    expression::SqlLiteral,
    sql_query,
    sql_types::{BigInt, Nullable},
};
use diesel_async::{
    AsyncConnection, AsyncPgConnection, RunQueryDsl,
    pooled_connection::deadpool::{Object, Pool},
};
use tokio::time::{error::Elapsed, timeout};

use super::{
    connection::{Work, take},
    error::{TransactionError, unavailable},
    health::Health,
    rows::SkippedRows,
    timed::{TimedQuery, set_pool},
};
use crate::{
    domain::time::Timestamp,
    ports::{Clock, StoreError},
};
use clock::{ClockOffset, ServerClock};

pub(super) use address::is_on_this_machine;
pub use opening::PostgresOptions;

/// Time limit for an operation, including the wait for another replica's write. Without it, a network that drops
/// packets would block callers forever. An operation that times out may have been committed.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(5);
/// Waits for the running write transaction and blocks further ones until this one ends.
const LOCK: &str = "LOCK TABLE llm_providers, config_secrets, login_sessions, credential_events, revocations, \
                    audit_log IN SHARE ROW EXCLUSIVE MODE";

type Backend = diesel::pg::Pg;
type Connection = AsyncPgConnection;
type Store = PostgresStore;

/// Implements the storage ports on one database.
#[derive(Clone)]
pub struct PostgresStore {
    pool: Pool<Connection>,
    name: String,
    /// This machine's clock.
    local: Arc<dyn Clock>,
    health: Arc<Health>,
    offset: Arc<ClockOffset>,
    /// False in tests that pass the time.
    has_own_clock: bool,
    skipped: SkippedRows,
}

impl PostgresStore {
    /// Returns `DATABASE on HOST`, for messages.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Runs `work` on a connection.
    #[tracing::instrument(level = "debug", name = "store", skip_all, fields(operation = doing))]
    async fn run<T: Send, F>(&self, doing: &'static str, work: F) -> Result<T, StoreError>
    where
        F: for<'c> AsyncFnOnce(&'c mut Connection) -> Result<T, TransactionError> + for<'c> Work<&'c mut Connection, T>,
    {
        let _timed = TimedQuery::begin(doing);
        let mut connection = self.connection(doing).await?;
        let outcome = timeout(OPERATION_TIMEOUT, work(&mut connection)).await;
        self.settle(doing, connection, outcome)
    }

    /// Runs `work` in a write transaction. Write transactions run one at a time.
    #[tracing::instrument(level = "debug", name = "store", skip_all, fields(operation = doing))]
    async fn write<T: Send, F>(&self, doing: &'static str, work: F) -> Result<T, StoreError>
    where
        F: for<'c> AsyncFnOnce(&'c mut Connection) -> Result<T, TransactionError> + for<'c> Work<&'c mut Connection, T>,
    {
        let _timed = TimedQuery::begin(doing);
        let mut connection = self.connection(doing).await?;
        // Until the commit begins, the server undoes the work of a lost connection.
        let is_committing = AtomicBool::new(false);
        let transaction = connection.transaction(async |connection| {
            sql_query(LOCK).execute(connection).await?;
            let done = work(connection).await?;
            is_committing.store(true, Ordering::Relaxed);
            Ok::<T, TransactionError>(done)
        });
        let outcome = timeout(OPERATION_TIMEOUT, transaction).await;
        let outcome = self.settle(doing, connection, outcome);
        outcome.map_err(|error| if is_committing.into_inner() { error.unconfirmed() } else { error })
    }

    async fn connection(&self, doing: &'static str) -> Result<Object<Connection>, StoreError> {
        let pool = self.pool.status();
        set_pool(pool.available, pool.size);
        let connection = take(self.pool.get(), doing).await;
        connection.or_else(|error| self.health.note(doing, Err(error), self.local.as_ref()))
    }

    /// Returns a connection to the pool. After a timeout, closes it and all idle connections, which lead to the same
    /// server.
    fn settle<T>(
        &self,
        doing: &'static str,
        connection: Object<Connection>,
        outcome: Result<Result<T, TransactionError>, Elapsed>,
    ) -> Result<T, StoreError> {
        let outcome = match outcome {
            Ok(outcome) => outcome.map_err(|error| error.while_doing(doing)),
            Err(_elapsed) => {
                drop(Object::take(connection));
                self.pool.retain(|_, _| false);
                Err(unavailable(doing, "it did not respond in time"))
            }
        };
        self.health.note(doing, outcome, self.local.as_ref())
    }

    /// Returns this machine's clock, corrected to the server's.
    pub fn shared_clock(&self) -> Arc<dyn Clock> {
        Arc::new(ServerClock { local: Arc::clone(&self.local), offset: Arc::clone(&self.offset) })
    }

    /// Uses the times that callers pass instead of the server's clock. For tests that set the time.
    #[must_use]
    pub fn on_callers_clock(self) -> Self {
        Self { has_own_clock: false, ..self }
    }

    /// Returns the server's time, because all replicas must measure leases with one clock. Returns `now` in some tests.
    async fn clock(&self, connection: &mut Connection, now: Timestamp) -> QueryResult<Timestamp> {
        if !self.has_own_clock {
            return Ok(now);
        }
        let millis: Option<i64> = diesel::select(now_on_server()).get_result(connection).await?;
        Ok(millis.map_or(now, Timestamp::from_unix_millis))
    }

    /// Begins to measure the clock offset. The returned function takes the server's time, which was read in between.
    fn clock_comparison(&self) -> impl FnOnce(Option<i64>) + use<'_> {
        let before = self.local.now();
        move |server| {
            if let Some(millis) = server.filter(|_| self.has_own_clock) {
                self.offset.measure(before, Timestamp::from_unix_millis(millis), self.local.now());
            }
        }
    }
}

/// Returns SQL for the server's time, in milliseconds since the Unix epoch.
fn now_on_server() -> SqlLiteral<Nullable<BigInt>> {
    sql("(extract(epoch FROM clock_timestamp()) * 1000)::bigint")
}

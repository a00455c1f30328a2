//! PostgreSQL: the database that several replicas share.
//!
//! A write transaction starts by locking the tables against other writers, not against readers. Such writes are rare and
//! short, and this makes them behave exactly as in SQLite.

mod opening;
#[expect(clippy::duplicate_mod, reason = "the queries are compiled once for each database")]
#[path = "../queries/mod.rs"]
mod queries;

use std::time::Duration;

use diesel::{QueryResult, QueryableByName, sql_query, sql_types::BigInt};
use diesel_async::{
    AsyncConnection, AsyncPgConnection, RunQueryDsl,
    pooled_connection::deadpool::{Object, Pool},
};
use tokio::time::{error::Elapsed, timeout};

use super::{
    connection::{Work, take},
    error::{TransactionError, unavailable},
};
use crate::{domain::time::Timestamp, ports::StoreError};

/// How long any work on a connection may take. All of it is short, including the wait for another replica's write, and all
/// of it can be repeated. Without a limit, a link that swallows packets would block callers forever.
const LONGEST_WORK: Duration = Duration::from_secs(5);
/// Waits until no other write transaction is under way, and keeps further ones waiting until this one ends.
const LOCK: &str = "LOCK TABLE llm_providers, config_secrets, login_sessions, credential_events, revocations \
                    IN SHARE ROW EXCLUSIVE MODE";

type Backend = diesel::pg::Pg;
type Connection = AsyncPgConnection;
type Store = PostgresStore;

/// All stores in one database.
#[derive(Clone)]
pub struct PostgresStore {
    pool: Pool<Connection>,
    name: String,
    has_own_clock: bool,
}

impl PostgresStore {
    /// Database and host, for messages.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Works on a connection.
    async fn run<T: Send, F>(&self, doing: &'static str, work: F) -> Result<T, StoreError>
    where
        F: for<'c> AsyncFnOnce(&'c mut Connection) -> Result<T, TransactionError> + for<'c> Work<&'c mut Connection, T>,
    {
        let mut connection = take(self.pool.get(), doing).await?;
        let outcome = timeout(LONGEST_WORK, work(&mut connection)).await;
        self.settle(doing, connection, outcome)
    }

    /// Works in a transaction that no other write can come between.
    async fn write<T: Send, F>(&self, doing: &'static str, work: F) -> Result<T, StoreError>
    where
        F: for<'c> AsyncFnOnce(&'c mut Connection) -> Result<T, TransactionError> + for<'c> Work<&'c mut Connection, T>,
    {
        let mut connection = take(self.pool.get(), doing).await?;
        let transaction = connection.transaction(async |connection| {
            sql_query(LOCK).execute(connection).await?;
            work(connection).await
        });
        let outcome = timeout(LONGEST_WORK, transaction).await;
        self.settle(doing, connection, outcome)
    }

    /// Returns a connection to the pool. One that did not answer in time is discarded, with all idle ones: they lead to the
    /// same server.
    fn settle<T>(
        &self,
        doing: &'static str,
        connection: Object<Connection>,
        outcome: Result<Result<T, TransactionError>, Elapsed>,
    ) -> Result<T, StoreError> {
        let outcome = outcome.map_err(|late| {
            drop(Object::take(connection));
            self.pool.retain(|_, _| false);
            unavailable(doing, late)
        })?;
        outcome.map_err(|error| error.while_doing(doing))
    }

    /// Uses the callers' clocks instead of the server's. They must agree: for tests that set the time.
    #[must_use]
    pub fn on_callers_clock(self) -> Self {
        Self { has_own_clock: false, ..self }
    }

    /// Returns the server's time: leases of several machines must be measured on one clock.
    async fn clock(&self, connection: &mut Connection, now: Timestamp) -> QueryResult<Timestamp> {
        if !self.has_own_clock {
            return Ok(now);
        }
        let query = sql_query("SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS millis");
        query.get_result::<ServerTime>(connection).await.map(|time| Timestamp::from_unix_millis(time.millis))
    }
}

#[derive(QueryableByName)]
struct ServerTime {
    #[diesel(sql_type = BigInt)]
    millis: i64,
}

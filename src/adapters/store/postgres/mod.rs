//! PostgreSQL, which several replicas can share.
//!
//! A write transaction first locks the tables against other writers, not against readers. Writes are rare and short,
//! and the lock makes them behave exactly as in SQLite.

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

/// Time limit for work on a connection, the wait for another replica's write included. Without it, a network that drops
/// packets would block callers forever. All work can be repeated.
const LONGEST_WORK: Duration = Duration::from_secs(5);
/// Waits for the running write transaction and blocks further ones until this one ends.
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
    /// Returns database and host, for messages.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Runs `work` on a connection.
    #[tracing::instrument(level = "debug", name = "store", skip_all, fields(operation = doing))]
    async fn run<T: Send, F>(&self, doing: &'static str, work: F) -> Result<T, StoreError>
    where
        F: for<'c> AsyncFnOnce(&'c mut Connection) -> Result<T, TransactionError> + for<'c> Work<&'c mut Connection, T>,
    {
        let mut connection = take(self.pool.get(), doing).await?;
        let outcome = timeout(LONGEST_WORK, work(&mut connection)).await;
        self.settle(doing, connection, outcome)
    }

    /// Runs `work` in a write transaction. Write transactions run one at a time.
    #[tracing::instrument(level = "debug", name = "store", skip_all, fields(operation = doing))]
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

    /// Returns a connection to the pool. After a time-out, discards it and all idle connections: they lead to the same
    /// server.
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

    /// Uses the callers' clocks, which must agree, instead of the server's. For tests that set the time.
    #[must_use]
    pub fn on_callers_clock(self) -> Self {
        Self { has_own_clock: false, ..self }
    }

    /// Returns the server's time: all replicas must measure leases on one clock.
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

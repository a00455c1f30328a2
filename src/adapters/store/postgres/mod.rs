//! PostgreSQL: what several gateways share.
//!
//! A write transaction that reads before it writes first takes the tables for itself, which leaves readers alone.
//! Such writes are rare and short, and this makes them behave exactly as in SQLite.

mod opening;

use std::time::Duration;

use diesel::{QueryResult, QueryableByName, sql_query, sql_types::BigInt};
use diesel_async::{
    AsyncPgConnection, RunQueryDsl,
    pooled_connection::deadpool::{Object, Pool},
};
use tokio::time::{error::Elapsed, timeout};

use super::error::TransactionError;
use crate::{domain::time::Timestamp, ports::StoreError};

/// How long a caller waits for a connection, a new one included.
const WAIT_FOR_CONNECTION: Duration = Duration::from_secs(5);

/// How long anything on a connection may take. All of it is short, a wait for another gateway's write included, and all of it
/// may be done again.
const LONGEST_WORK: Duration = Duration::from_secs(5);

type Connection = AsyncPgConnection;

/// Both stores in one database.
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

    /// A connection to do something with; `doing` completes "the database is not available while it should ...".
    async fn connection(&self, doing: &'static str) -> Result<Object<Connection>, StoreError> {
        match timeout(WAIT_FOR_CONNECTION, self.pool.get()).await {
            Ok(Ok(connection)) => Ok(connection),
            Ok(Err(source)) => Err(StoreError::Unavailable { doing, source: Box::new(source) }),
            Err(source) => Err(StoreError::Unavailable { doing, source: Box::new(source) }),
        }
    }

    /// Gives up what takes too long: behind a link that swallows answers, nothing would ever come.
    async fn limited<T>(&self, work: impl Future<Output = T>) -> Result<T, Elapsed> {
        timeout(LONGEST_WORK, work).await
    }

    /// Gives a connection back; one that did not answer in time is thrown away, with all that are idle: they lead to the same
    /// place.
    fn settled<T>(
        &self,
        doing: &'static str,
        connection: Object<Connection>,
        outcome: Result<Result<T, TransactionError>, Elapsed>,
    ) -> Result<T, StoreError> {
        outcome
            .map_err(|late| {
                drop(Object::take(connection));
                self.pool.retain(|_, _| false);
                StoreError::Unavailable { doing, source: Box::new(late) }
            })?
            .map_err(|error| error.while_doing(doing))
    }

    /// Goes by its callers' clocks, which then must agree: for tests that set the time.
    #[must_use]
    pub fn on_callers_clock(self) -> Self {
        Self { has_own_clock: false, ..self }
    }

    /// The server's clock: leases of several machines are counted on one.
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

/// Waits until no other write transaction is under way, and keeps further ones waiting until this one ends.
async fn write_alone(connection: &mut Connection) -> QueryResult<()> {
    let lock = "LOCK TABLE llm_providers, config_secrets, login_sessions, credential_events, revocations IN SHARE ROW EXCLUSIVE MODE";
    sql_query(lock).execute(connection).await.map(drop)
}

mod credentials {
    //! Connected accounts in PostgreSQL.
    token_store!(
        super::PostgresStore,
        super::Connection,
        diesel_async::AsyncConnection::transaction,
        super::write_alone
    );
}

mod history {
    //! What happened to accounts, in PostgreSQL.
    credential_history!(super::PostgresStore);
}

mod logins {
    //! Logins under way in PostgreSQL.
    login_store!(
        super::PostgresStore,
        super::Connection,
        diesel_async::AsyncConnection::transaction,
        super::write_alone
    );
}

mod revocations {
    //! Tokens that wait to be revoked, in PostgreSQL.
    revocation_queue!(super::PostgresStore);
}

mod api_tokens {
    //! The tokens of programs, in PostgreSQL.
    api_token_store!(super::PostgresStore);
}

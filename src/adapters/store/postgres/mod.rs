//! PostgreSQL: what several gateways share.
//!
//! A write transaction that reads before it writes first takes the three tables for itself, which leaves readers alone.
//! Such writes are rare and short, and this makes them behave exactly as in SQLite.

mod opening;

use std::time::Duration;

use diesel::{QueryResult, sql_query};
use diesel_async::{
    AsyncPgConnection, RunQueryDsl,
    pooled_connection::deadpool::{Object, Pool},
};
use tokio::time::timeout;

use crate::ports::StoreError;

/// How long a caller waits for a connection, a new one included.
const WAIT_FOR_CONNECTION: Duration = Duration::from_secs(5);

type Connection = AsyncPgConnection;

/// Both stores in one database.
#[derive(Clone)]
pub struct PostgresStore {
    pool: Pool<Connection>,
    name: String,
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
}

/// Waits until no other write transaction is under way, and keeps further ones waiting until this one ends.
async fn write_alone(connection: &mut Connection) -> QueryResult<()> {
    let lock = "LOCK TABLE llm_providers, config_secrets, login_sessions IN SHARE ROW EXCLUSIVE MODE";
    sql_query(lock).execute(connection).await.map(drop)
}

mod credentials {
    //! Connected accounts in PostgreSQL.
    credential_store!(
        super::PostgresStore,
        super::Connection,
        diesel_async::AsyncConnection::transaction,
        super::write_alone
    );
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

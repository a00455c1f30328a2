//! The stores for credentials, their history, logins, revocations and the tokens of programs, on diesel: SQLite as the embedded default, PostgreSQL
//! as what replicas share.
//!
//! One schema, one set of rows, one text for each query. What differs (connections, how a write is kept alone, opening
//! and migrating) is in [`sqlite`] and [`postgres`]; [`credentials`], [`history`], [`logins`], [`revocations`] and [`api_tokens`] hold the
//! queries as macros that each of the two fills in, since diesel checks a query against one backend at a time.

/// Does something on a connection of a store. `$doing` completes "the database is not available while it should ...", and
/// `$work` comes to a `Result<_, TransactionError>`.
macro_rules! on_connection {
    ($store:expr, $doing:literal, $connection:ident => $work:expr) => {{
        let mut $connection = $store.connection($doing).await?;
        let outcome = $store.limited(async { $work }).await;
        $store.settled($doing, $connection, outcome)
    }};
}

#[macro_use]
mod api_tokens;
#[macro_use]
mod credentials;
#[macro_use]
mod history;
#[macro_use]
mod logins;
#[macro_use]
mod revocations;
mod error;
mod json_text;
mod migrating;
mod postgres;
mod rows;
mod schema;
mod sqlite;

pub use error::OpenStoreError;
pub use postgres::PostgresStore;
pub use sqlite::SqliteStore;

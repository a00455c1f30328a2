//! The store for accounts, their history, logins, revocations and API tokens, on diesel: SQLite as the embedded default,
//! PostgreSQL for several replicas.
//!
//! Both databases share one schema, one set of [`rows`] and the text of every query. [`sqlite`] and [`postgres`] hold what
//! differs (connections, exclusive write transactions, opening, migrations), and each compiles the files in `queries`.

mod connection;
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

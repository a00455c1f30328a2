//! Implements the ports of storage with diesel: in SQLite by default, and in PostgreSQL for several replicas.
//!
//! Both databases share the schema, the [`rows`] and the queries. [`sqlite`] and [`postgres`] contain what differs
//! (connections, write transactions, opening, migrations), and each compiles the files in `queries`.

mod account_rows;
mod connection;
mod copying;
mod error;
mod go_service;
mod health;
mod json_text;
mod migrating;
mod postgres;
mod request_rows;
mod response_rows;
mod rows;
mod schema;
mod sqlite;
mod stored_text;
mod timed;

pub use copying::{CopyError, RestoreRequest, Restored, Sink, Source, TableCopy, TableRows, Tables};
pub use error::OpenStoreError;
pub use go_service::{StoredGoAccount, read_postgres as read_go_postgres, read_sqlite as read_go_sqlite};
pub use postgres::{PostgresOptions, PostgresStore};
pub use sqlite::SqliteStore;
pub use timed::describe_metrics;

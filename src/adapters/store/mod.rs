//! The stores for credentials and logins, on diesel. SQLite is the embedded default.
//!
//! [`rows`] is what a row looks like and how it becomes a domain value; [`sqlite`] holds the queries.

mod rows;
mod sqlite;

pub use sqlite::{OpenStoreError, SqliteStore};

//! The queries, written once and compiled for both databases.
//!
//! diesel checks a query against one backend at a time, so [`sqlite`](super::sqlite) and [`postgres`](super::postgres)
//! each include this folder as a module. The parent module provides the differences:
//!
//! - `Store` with `run` (work on a connection), `write` (work in a write transaction) and `clock`,
//! - `Connection` and `Backend`, diesel's types for the database,
//! - `tables`, the SQL for copying whole tables,
//! - `inserting`, which inserts many rows at once,
//! - `now_on_server` and `Store::clock_comparison`, for a database with a clock of its own.

mod api_tokens;
mod audit;
mod changes;
mod copying;
mod credentials;
mod feedback;
mod history;
mod keys;
mod logins;
mod requests;
mod responses;
mod revocations;

use super::{Backend, Connection, Store, inserting, now_on_server, tables};

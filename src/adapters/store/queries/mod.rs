//! The queries: plain functions, each written once and compiled for both databases.
//!
//! diesel checks a query against one backend at a time, so [`sqlite`](super::sqlite) and [`postgres`](super::postgres)
//! each mount this folder as a module of their own. The parent module provides what differs:
//!
//! - `Store` with `run` (work on a connection) and `write` (work in a transaction that no other write can come between),
//! - `Connection` and `Backend`, diesel's types for the database.

mod api_tokens;
mod credentials;
mod history;
mod logins;
mod revocations;

use super::{Backend, Connection, Store};

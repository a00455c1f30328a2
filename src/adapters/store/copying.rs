//! Copies whole tables out of a database and into one, for backups.
//!
//! The database itself converts rows to JSON objects and back. Therefore SQLite and PostgreSQL can exchange rows, and a
//! new table needs only its name here.

use async_trait::async_trait;
use diesel::result::Error as DieselError;

use super::{
    error::{Cause, TransactionError},
    stored_text::StoredText,
};
use crate::{
    domain::{credential::SealedCredential, ids::AccountName},
    ports::{Author, StoreError},
};

/// Returns the number of rows in a batch, which becomes one line of an archive. A remembered response may have 16 MiB.
pub(super) fn batch_size(table: &str) -> usize {
    if table == "responses" { 8 } else { 100 }
}

/// The tables of accounts. Tables that are local to a machine or short-lived are not copied: changes and reports of
/// replicas, a clock, recent logins, records of requests, and the schema's version.
const MAIN: [&str; 8] = [
    "llm_providers",
    "config_secrets",
    "credential_events",
    "revocations",
    "api_tokens",
    "key_checks",
    "audit_log",
    "provider_feedback",
];
/// Remembered responses and the usage of programs. With SQLite, these tables are in a separate file.
const OF_RESPONSES: [&str; 3] = ["responses", "response_items", "usage"];

/// Which tables are copied. The lists are fixed, because a PostgreSQL schema may have tables of other applications.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tables {
    /// All copied tables except those of `Responses`.
    Main,
    /// The tables of remembered responses and usage.
    Responses,
}

impl Tables {
    /// Returns the names of the tables. Each follows those that it references.
    pub fn names(self) -> &'static [&'static str] {
        match self {
            Self::Main => &MAIN,
            Self::Responses => &OF_RESPONSES,
        }
    }

    /// Returns whether rows of an archive belong to this part. Those of unknown tables belong to `Main`, whose restore
    /// then fails and changes nothing.
    pub fn include(self, table: &str) -> bool {
        OF_RESPONSES.contains(&table) == (self == Self::Responses)
    }
}

/// Rows of one table.
#[derive(Debug)]
pub struct TableRows {
    pub table: String,
    pub columns: Vec<String>,
    pub count: usize,
    /// A JSON array of objects.
    pub rows: String,
}

/// Receives the rows, batch by batch.
pub type Sink<'s> = dyn FnMut(TableRows) -> Result<(), Cause> + Send + 's;
/// Returns the next batch; None after the last one.
pub type Source<'s> = dyn FnMut() -> Result<Option<TableRows>, Cause> + Send + 's;

/// Why tables cannot be copied. Except for [`CopyError::Unconfirmed`], the transaction was rolled back.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    #[error("the tables of the database cannot be copied")]
    Database(#[from] DieselError),
    #[error(
        "the connection to the database ended before it confirmed the end of the restore, so the database may have its old \
         content or the restored one; run the command again with --replace"
    )]
    Unconfirmed(#[source] DieselError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Archive(#[from] Cause),
    #[error(
        "this version does not know {0}; the archive was made by a newer goclaw, or by an earlier one that also copied the \
         tables of other applications: use that version"
    )]
    Unknown(String),
}

impl From<TransactionError> for CopyError {
    fn from(error: TransactionError) -> Self {
        match error {
            TransactionError::Database(error) => Self::Database(error),
            TransactionError::Store(error) => Self::Store(error),
        }
    }
}

/// How a database is restored.
pub struct RestoreRequest<'a> {
    /// Returns whether an account's refresh token may be spent, so that the account is put in doubt.
    pub needs_doubt: &'a (dyn Fn(&SealedCredential) -> bool + Sync),
    pub author: &'a Author,
    /// How the audit log names the archive.
    pub archive: String,
    /// Called after each batch, with the number of rows so far.
    pub progress: &'a (dyn Fn(usize) + Sync),
}

#[derive(Debug, Default)]
pub struct Restored {
    pub rows: usize,
    /// The readable accounts, with their states.
    pub accounts: Vec<SealedCredential>,
    pub unreadable: Vec<AccountName>,
    /// The names of programs' tokens that the database did not have before.
    pub returned_tokens: Vec<String>,
    /// The names of programs' tokens that the database had before, and has no more.
    pub lost_tokens: Vec<String>,
}

/// Contract: reading MUST see one consistent snapshot, also while gateways run. Writing MUST be one transaction.
#[async_trait]
pub trait TableCopy: Send + Sync {
    /// Passes the rows of the tables to `sink`, in an order in which they can be inserted.
    async fn read_tables(&self, which: Tables, sink: &mut Sink<'_>) -> Result<(), CopyError>;

    /// Returns whether the database has accounts, tokens of programs, or pending revocations.
    async fn is_used(&self) -> Result<bool, StoreError>;

    /// Replaces the content of the tables of [`Tables::Main`], and deletes all page sessions and links. Accounts that
    /// `order.needs_doubt` selects are put in doubt with the cause `restored`.
    async fn restore(&self, source: &mut Source<'_>, order: &RestoreRequest<'_>) -> Result<Restored, CopyError>;

    /// Replaces the content of the tables of [`Tables::Responses`]. Returns the number of rows.
    async fn restore_responses(&self, source: &mut Source<'_>) -> Result<usize, CopyError>;
}

/// A column, as the database describes it.
#[derive(Debug, Clone, diesel::QueryableByName)]
pub(super) struct Column {
    #[diesel(sql_type = diesel::sql_types::Text)]
    pub(super) name: String,
    #[diesel(sql_type = diesel::sql_types::Text)]
    pub(super) kind: String,
    #[diesel(sql_type = diesel::sql_types::Bool)]
    pub(super) is_identity: bool,
}

/// A row as JSON, with its position in the table if the database reads by position.
#[derive(Debug, diesel::QueryableByName)]
pub(super) struct JsonRow {
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    pub(super) position: i64,
    #[diesel(sql_type = diesel::sql_types::Text)]
    pub(super) row: StoredText,
}

/// Quotes an identifier. SQLite and PostgreSQL agree on the form.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

pub(super) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

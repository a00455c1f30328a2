//! Errors of a database: when it is opened, and when a query fails.

use std::io;

use diesel::result::Error as DieselError;

use crate::{
    domain::unreadable::UnreadableRow,
    ports::{StoreError, StoreTrouble, chain},
};

pub(super) type Cause = Box<dyn std::error::Error + Send + Sync>;

/// The reason why a database cannot be opened. `name` is a path (SQLite), or a database and its host (PostgreSQL).
#[derive(Debug, thiserror::Error)]
pub enum OpenStoreError {
    #[error("cannot create or write the database file {name}")]
    Create { name: String, source: io::Error },
    #[error("cannot use database.url")]
    InvalidUrl { source: Cause },
    #[error("cannot open the database {name}{}", advice(source.as_ref()))]
    Connect { name: String, source: Cause },
    #[error("another goclaw is still migrating the database {name}, or hangs; stop it, or start again later")]
    Busy { name: String },
    #[error("cannot migrate the schema of the database {name}{}", advice(source.as_ref()))]
    Migrate { name: String, source: Cause },
    #[error(
        "the database {name} was written by a newer goclaw (its schema is {found}, this one knows {known}); use that version"
    )]
    Newer { name: String, found: String, known: String },
    #[error("the database {name} may lose committed data in a crash: set synchronous_commit = on for it")]
    NotDurable { name: String },
}

/// The reason why a transaction failed: an error of the database, or invalid data in it.
#[derive(Debug, thiserror::Error)]
pub(super) enum TransactionError {
    #[error(transparent)]
    Database(#[from] DieselError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<UnreadableRow> for TransactionError {
    fn from(row: UnreadableRow) -> Self {
        Self::Store(row.into())
    }
}

impl TransactionError {
    /// Returns whether the only cause is an unreadable row.
    pub(super) fn is_unreadable_row(&self) -> bool {
        matches!(self, Self::Store(StoreError::Unreadable(_)))
    }

    pub(super) fn while_doing(self, doing: &'static str) -> StoreError {
        match self {
            Self::Database(source) => unavailable(doing, source),
            Self::Store(error) => error,
        }
    }
}

/// Returns whether the transaction was rolled back on purpose.
pub(super) fn is_rollback(source: &(dyn std::error::Error + 'static)) -> bool {
    matches!(source.downcast_ref::<DieselError>(), Some(DieselError::RollbackTransaction))
}

pub(super) fn unavailable(doing: &'static str, source: impl Into<Cause>) -> StoreError {
    let source = source.into();
    StoreError::Unavailable { doing, trouble: trouble_of(source.as_ref()), source }
}

/// Classifies an error by the texts of SQLite and PostgreSQL, because diesel does not expose their error codes.
fn trouble_of(error: &(dyn std::error::Error + 'static)) -> StoreTrouble {
    const TEXTS: [(&str, StoreTrouble); 10] = [
        ("disk is full", StoreTrouble::DiskFull),
        ("no space left on device", StoreTrouble::DiskFull),
        ("disk quota exceeded", StoreTrouble::DiskFull),
        ("readonly database", StoreTrouble::ReadOnly),
        ("read-only", StoreTrouble::ReadOnly),
        ("disk image is malformed", StoreTrouble::Damaged),
        ("malformed database schema", StoreTrouble::Damaged),
        ("file is not a database", StoreTrouble::Damaged),
        ("invalid page in block", StoreTrouble::Damaged),
        ("could not read block", StoreTrouble::Damaged),
    ];
    let text = chain(error).to_lowercase();
    TEXTS.iter().find(|(part, _)| text.contains(part)).map_or(StoreTrouble::Unavailable, |(_, trouble)| *trouble)
}

/// Advice for errors of PostgreSQL that an installation of it causes, by their texts.
const INSTALLATION: [(&str, &str); 2] = [
    ("permission denied for schema", "its user may not create tables; make that user the owner of the database"),
    (
        "prepared statement",
        "a connection pooler in transaction mode is in between; use its session mode, or connect to the server itself",
    ),
];

/// Returns advice about an error, as the end of a message; empty if the kind of trouble is not known.
fn advice(error: &(dyn std::error::Error + 'static)) -> String {
    let (text, trouble) = (chain(error), trouble_of(error));
    let of_trouble = (trouble != StoreTrouble::Unavailable).then(|| trouble.in_words());
    let of_installation = INSTALLATION.iter().find(|(part, _)| text.contains(part)).map(|(_, advice)| *advice);
    of_installation.or(of_trouble).map(|advice| format!(": {advice}")).unwrap_or_default()
}

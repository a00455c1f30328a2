//! Errors of a database, when it is opened and later.

use std::io;

use diesel::result::Error as DieselError;

use crate::{domain::unreadable::UnreadableRow, ports::StoreError};

pub(super) type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Why a database cannot be opened. `name` is a path, or database and host.
#[derive(Debug, thiserror::Error)]
pub enum OpenStoreError {
    #[error("cannot create or write the database file {name}")]
    Create { name: String, source: io::Error },
    #[error("cannot open the database {name}")]
    Connect { name: String, source: Cause },
    #[error("cannot migrate the schema of the database {name}")]
    Migrate { name: String, source: Cause },
    #[error(
        "the database {name} was written by a newer goclaw (its schema is {found}, this one knows {known}); use that version"
    )]
    Newer { name: String, found: String, known: String },
    #[error(
        "the database {name} is damaged; stop all gateways and restore a backup of it, but keep the token journal beside \
         it, or move the database away and sign in again"
    )]
    Damaged { name: String, source: Cause },
    #[error("the database {name} may lose committed data in a crash: set synchronous_commit = on for it")]
    NotDurable { name: String },
}

impl OpenStoreError {
    /// Returns the error, or that the file is damaged if that is its cause.
    pub(super) fn or_damaged(self, name: String) -> Self {
        if is_damage(&self) { Self::Damaged { name, source: Box::new(self) } } else { self }
    }
}

/// Why work on a connection failed: the database failed, or the data in it is invalid.
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
    /// Whether only the row that was read is at fault.
    pub(super) fn is_of_row(&self) -> bool {
        matches!(self, Self::Store(StoreError::Unreadable(_)))
    }

    pub(super) fn while_doing(self, doing: &'static str) -> StoreError {
        match self {
            Self::Database(source) => unavailable(doing, source),
            Self::Store(error) => error,
        }
    }
}

/// Whether the caller itself ended a transaction.
pub(super) fn is_rollback(source: &(dyn std::error::Error + 'static)) -> bool {
    matches!(source.downcast_ref::<DieselError>(), Some(DieselError::RollbackTransaction))
}

pub(super) fn unavailable(doing: &'static str, source: impl Into<Cause>) -> StoreError {
    let source = source.into();
    if is_damage(source.as_ref()) {
        StoreError::Damaged { doing, source }
    } else {
        StoreError::Unavailable { doing, source }
    }
}

/// Whether the database file is damaged, by the texts of SQLite's errors (`SQLITE_CORRUPT`, `SQLITE_NOTADB`).
fn is_damage(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut texts = std::iter::successors(Some(error), |error| error.source()).map(ToString::to_string);
    texts.any(|text| DAMAGE.iter().any(|damage| text.contains(damage)))
}

const DAMAGE: [&str; 3] = ["database disk image is malformed", "malformed database schema", "file is not a database"];

//! Errors of a database, when it is opened and later.

use std::io;

use diesel::result::Error as DieselError;

use crate::ports::StoreError;

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
    #[error("the database {name} may lose committed data in a crash: set synchronous_commit = on for it")]
    NotDurable { name: String },
}

/// Why work on a connection failed: the database failed, or the data in it is invalid.
#[derive(Debug, thiserror::Error)]
pub(super) enum TransactionError {
    #[error(transparent)]
    Database(#[from] DieselError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl TransactionError {
    pub(super) fn while_doing(self, doing: &'static str) -> StoreError {
        match self {
            Self::Database(source) => unavailable(doing, source),
            Self::Store(error) => error,
        }
    }
}

pub(super) fn unavailable(doing: &'static str, source: impl Into<Cause>) -> StoreError {
    StoreError::Unavailable { doing, source: source.into() }
}

//! What goes wrong with a database, before it is open and after.

use std::io;

use diesel::result::Error as DieselError;

use crate::ports::StoreError;

pub(super) type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Why the gateway does not start on a database. Nothing was changed in it. `name` is a path, or a host and database.
#[derive(Debug, thiserror::Error)]
pub enum OpenStoreError {
    #[error("cannot create or write the database file {name}")]
    Create { name: String, source: io::Error },
    #[error("cannot open the database {name}")]
    Connect { name: String, source: Cause },
    #[error("the schema of the database {name} cannot be brought up to date")]
    Migrate { name: String, source: Cause },
    #[error(
        "the database {name} was written by a newer goclaw (its schema is {found}, this one knows {known}); use that version"
    )]
    Newer { name: String, found: String, known: String },
    #[error("the database {name} may lose what it has confirmed: set synchronous_commit = on for it")]
    NotDurable { name: String },
}

/// Why work on a connection failed: the database, or the data in it.
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

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

/// What goes wrong inside a transaction: the database, or what it holds.
pub(super) enum TransactionError {
    Database(DieselError),
    Store(StoreError),
}

impl TransactionError {
    pub(super) fn while_doing(self, doing: &'static str) -> StoreError {
        match self {
            Self::Database(source) => unavailable(doing)(source),
            Self::Store(error) => error,
        }
    }
}

impl From<DieselError> for TransactionError {
    fn from(error: DieselError) -> Self {
        Self::Database(error)
    }
}

impl From<StoreError> for TransactionError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

pub(super) fn unavailable(doing: &'static str) -> impl Fn(DieselError) -> StoreError {
    move |source| StoreError::Unavailable { doing, source: Box::new(source) }
}

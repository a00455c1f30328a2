//! The error of all store ports.

use crate::domain::unreadable::UnreadableRow;

/// A store failed, or one of its rows is unreadable. The text goes to the log, never to a caller.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database failed. A retry may succeed.
    #[error("cannot {doing}: {}", trouble.in_words())]
    Unavailable { doing: &'static str, trouble: StoreTrouble, source: Box<dyn std::error::Error + Send + Sync> },
    /// A row has a value that this version of the gateway never writes. A retry fails too. Other rows are not affected.
    #[error("the database has an unreadable row: {0}")]
    Unreadable(Box<UnreadableRow>),
}

impl From<UnreadableRow> for StoreError {
    fn from(row: UnreadableRow) -> Self {
        Self::Unreadable(Box::new(row))
    }
}

/// Why the database failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreTrouble {
    /// It is unreachable, busy for too long, or fails in another way.
    Unavailable,
    DiskFull,
    ReadOnly,
    Damaged,
    /// It did not confirm a change, which may have been made.
    Unconfirmed,
}

impl StoreTrouble {
    /// Returns the problem, and the remedy if one is known, to end a sentence with.
    pub fn in_words(self) -> &'static str {
        match self {
            Self::Unavailable => "the database is unavailable",
            Self::Unconfirmed => "the database did not confirm a change",
            Self::DiskFull => "the disk of the database is full; free some space",
            Self::ReadOnly => {
                "the database cannot be written; check the permissions of its file, folder and disk, or whether its \
                 PostgreSQL server is a standby"
            }
            Self::Damaged => {
                "the database is damaged; stop all gateways and restore a backup of it, but keep the token journal \
                 beside it, or move the database away and sign in again"
            }
        }
    }
}

impl StoreError {
    /// Returns the error of a commit that was begun. It stays unknown whether the change was made.
    #[must_use]
    pub fn unconfirmed(self) -> Self {
        match self {
            Self::Unavailable { doing, trouble: StoreTrouble::Unavailable, source } => {
                Self::Unavailable { doing, trouble: StoreTrouble::Unconfirmed, source }
            }
            known @ (Self::Unavailable { .. } | Self::Unreadable(_)) => known,
        }
    }

    /// Returns the problem of the database; None if only a row is unreadable.
    pub fn trouble(&self) -> Option<StoreTrouble> {
        match self {
            Self::Unavailable { trouble, .. } => Some(*trouble),
            Self::Unreadable(_) => None,
        }
    }
}

/// Returns an error and its sources in one line, for the log.
pub fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let sources = std::iter::successors(error.source(), |source| source.source());
    sources.fold(error.to_string(), |text, source| format!("{text}: {source}"))
}

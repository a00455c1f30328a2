//! Rows that cannot be used: damaged, written by another program, or sealed with a key that this gateway lacks. Such a
//! row affects no other account.

use std::fmt;

use super::{ids::AccountName, provider::ProviderType};

/// A row of the database that cannot be used, and why. It contains no other value of the row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnreadableRow {
    pub table: &'static str,
    pub column: &'static str,
    /// The row's name or id.
    pub row: String,
    pub reason: String,
    /// Whether the row would be readable with a key that this gateway lacks.
    pub lacks_key: bool,
    /// The provider type of an account's row, if this version knows it.
    pub provider_type: Option<ProviderType>,
}

impl UnreadableRow {
    /// Returns what makes the account of the row usable again, to end a sentence with. A new login gives up its tokens,
    /// so a missing key comes first.
    pub fn remedy(&self) -> &'static str {
        if self.lacks_key {
            "add that key to this gateway, or sign in again"
        } else {
            "sign in again, or restore the database from a backup"
        }
    }
}

impl fmt::Display for UnreadableRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { table, column, row, reason, .. } = self;
        write!(f, "{table}.{column}, row {row}: {reason}")
    }
}

/// An account that cannot be used, because its row or the row of its refresh token is unreadable. It is quarantined: it
/// serves no request and is not refreshed until its owner logs in again, restores the row or adds the missing key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnreadableAccount {
    pub name: AccountName,
    pub row: UnreadableRow,
}

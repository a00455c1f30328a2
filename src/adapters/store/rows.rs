//! Converts rows into domain values. An invalid row is an error, never a default.

use serde::{Serialize, de::DeserializeOwned};

use super::{
    error::{Cause, TransactionError},
    json_text::Document,
};
use crate::ports::StoreError;

/// Converts the rows of a query.
///
/// # Errors
/// The first invalid row.
pub(super) fn from_rows<Row, T: TryFrom<Row, Error = StoreError>>(rows: Vec<Row>) -> Result<Vec<T>, TransactionError> {
    Ok(rows.into_iter().map(T::try_from).collect::<Result<_, _>>()?)
}

/// A row of a table, for error messages.
pub(super) struct Place<'r> {
    pub(super) table: &'static str,
    pub(super) row: &'r str,
}

impl Place<'_> {
    pub(super) fn invalid(&self, column: &'static str) -> StoreError {
        StoreError::Inconsistent { table: self.table, column, row: self.row.to_owned(), source: None }
    }

    pub(super) fn invalid_because(&self, column: &'static str, source: impl Into<Cause>) -> StoreError {
        StoreError::Inconsistent { table: self.table, column, row: self.row.to_owned(), source: Some(source.into()) }
    }

    pub(super) fn encode(&self, column: &'static str, value: &impl Serialize) -> Result<Document, StoreError> {
        serde_json::to_string(value).map(Document).map_err(|error| self.invalid_because(column, error))
    }

    pub(super) fn decode<T: DeserializeOwned>(
        &self,
        column: &'static str,
        document: &Document,
    ) -> Result<T, StoreError> {
        serde_json::from_str(&document.0).map_err(|error| self.invalid_because(column, error))
    }
}

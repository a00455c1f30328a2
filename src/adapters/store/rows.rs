//! Helpers for converting rows into domain values. An invalid value makes its row unreadable; it is not replaced by a
//! default. Lists skip unreadable rows.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
};

use serde::{Serialize, de::DeserializeOwned};

use super::json_text::Document;
use crate::domain::unreadable::UnreadableRow;

/// Maximum number of skipped rows that are logged.
const MAX_SKIPPED: usize = 1_000;

/// The unreadable rows that were logged.
#[derive(Debug, Clone, Default)]
pub(super) struct SkippedRows(Arc<Mutex<HashSet<(&'static str, String)>>>);

impl SkippedRows {
    /// Converts the rows of a query. Logs and skips unreadable ones.
    pub(super) fn readable<Row, T: TryFrom<Row, Error = UnreadableRow>>(&self, rows: Vec<Row>) -> Vec<T> {
        rows.into_iter()
            .filter_map(|row| T::try_from(row).map_err(|unreadable| self.report(&unreadable)).ok())
            .collect()
    }

    /// Logs a warning about an unreadable row, once.
    pub(super) fn report(&self, row: &UnreadableRow) {
        let mut skipped = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if skipped.len() < MAX_SKIPPED && skipped.insert((row.table, row.row.clone())) {
            tracing::warn!(table = row.table, row = row.row, "skipped an unreadable row: {row}");
        }
    }
}

/// A row of a table, for error messages.
pub(super) struct Place<'r> {
    pub(super) table: &'static str,
    pub(super) row: &'r str,
}

impl Place<'_> {
    pub(super) fn invalid(&self, column: &'static str) -> UnreadableRow {
        self.invalid_because(column, "this version does not support its value")
    }

    pub(super) fn invalid_because(&self, column: &'static str, reason: impl ToString) -> UnreadableRow {
        let (table, row, reason) = (self.table, self.row.to_owned(), reason.to_string());
        UnreadableRow { table, column, row, reason, lacks_key: false, provider_type: None }
    }

    pub(super) fn encode(&self, column: &'static str, value: &impl Serialize) -> Result<Document, UnreadableRow> {
        serde_json::to_string(value).map(Document).map_err(|error| self.invalid_because(column, error))
    }

    pub(super) fn decode<T: DeserializeOwned>(
        &self,
        column: &'static str,
        document: &Document,
    ) -> Result<T, UnreadableRow> {
        serde_json::from_str(&document.0).map_err(|error| self.invalid_because(column, error))
    }
}

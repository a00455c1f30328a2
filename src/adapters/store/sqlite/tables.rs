//! The SQL that copies whole tables as JSON in SQLite: see `queries/copying.rs`.

use std::borrow::Cow;

use crate::adapters::store::copying::{Column, batch_size, literal, quoted};

/// The transaction's snapshot begins with its first read.
pub(super) const BEGIN_SNAPSHOT: &str = "BEGIN DEFERRED";

/// An archive may have items before their responses, so references are checked at the end.
pub(super) fn begin_write() -> String {
    "BEGIN IMMEDIATE; PRAGMA defer_foreign_keys = ON".to_owned()
}

pub(super) fn columns_of(table: &str) -> String {
    format!("SELECT name, type AS kind, FALSE AS is_identity FROM pragma_table_info({}) ORDER BY cid", literal(table))
}

/// Returns None: rows are read by their rowid, without a cursor.
pub(super) fn before_reading(_table: &str, _columns: &[Column]) -> Option<String> {
    None
}

pub(super) fn next_rows(table: &str, columns: &[Column], after: i64) -> String {
    let members = columns.iter().map(|column| format!("{}, {}", literal(&column.name), quoted(&column.name)));
    let members: Vec<String> = members.collect();
    format!(
        "SELECT rowid AS position, json_object({}) AS row FROM {} WHERE rowid > {after} ORDER BY rowid LIMIT {}",
        members.join(", "),
        quoted(table),
        batch_size(table)
    )
}

pub(super) fn after_reading() -> Option<&'static str> {
    None
}

/// Returns the rows as they are: SQLite accepts all of them.
pub(super) fn accepted<'r>(rows: &'r str, _columns: &[Column]) -> Cow<'r, str> {
    Cow::Borrowed(rows)
}

/// Returns a statement that inserts the rows of a JSON array, its only parameter.
pub(super) fn insert(table: &str, columns: &[Column]) -> String {
    let names: Vec<String> = columns.iter().map(|column| quoted(&column.name)).collect();
    let path = |column: &Column| literal(&format!("$.{}", quoted(&column.name)));
    let values = columns.iter().map(|column| format!("json_extract(value, {})", path(column)));
    let values: Vec<String> = values.collect();
    format!("INSERT INTO {} ({}) SELECT {} FROM json_each(?)", quoted(table), names.join(", "), values.join(", "))
}

/// Returns None: SQLite itself continues the numbers of rows.
pub(super) fn after_writing(_table: &str, _columns: &[Column]) -> Option<String> {
    None
}

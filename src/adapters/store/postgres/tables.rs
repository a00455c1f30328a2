//! PostgreSQL's SQL for copying whole tables as JSON, for `queries/copying.rs`.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::LOCK;
use crate::adapters::store::copying::{Column, batch_size, literal, quoted};

/// NUL in a JSON string. Neither `text` nor `jsonb` can store it.
const ESCAPED_NUL: &str = "\\u0000";
/// Lifts the time limit of queries, because reading a whole table may take longer than others, and raises that of pauses,
/// because writing its rows to a slow disk may take long between two of them.
pub(super) const BEGIN_SNAPSHOT: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; \
    SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = '10min'";

/// An archive may have items before their responses, so references are checked at the end.
pub(super) fn begin_write() -> String {
    format!(
        "BEGIN; SET LOCAL lock_timeout = '10s'; {LOCK}; SET LOCAL statement_timeout = 0; \
         SET LOCAL idle_in_transaction_session_timeout = '10min'; SET CONSTRAINTS ALL DEFERRED"
    )
}

pub(super) fn columns_of(table: &str) -> String {
    format!(
        "SELECT column_name::text AS name, data_type::text AS kind, is_identity = 'YES' AS is_identity \
         FROM information_schema.columns WHERE table_schema = current_schema() AND table_name = {} \
         ORDER BY ordinal_position",
        literal(table)
    )
}

/// Returns SQL that opens a cursor, which keeps the position, so `position` is 0. Rows become JSON objects, and `jsonb`
/// columns become text, as SQLite stores them.
pub(super) fn before_reading(table: &str, columns: &[Column]) -> Option<String> {
    let member = |column: &Column| {
        let as_text = if column.kind == "jsonb" { "::text" } else { "" };
        format!("{}, {}{as_text}", literal(&column.name), quoted(&column.name))
    };
    let members: Vec<String> = columns.iter().map(member).collect();
    Some(format!(
        "DECLARE copied NO SCROLL CURSOR FOR SELECT 0::bigint AS position, json_build_object({})::text AS row FROM {}",
        members.join(", "),
        quoted(table)
    ))
}

pub(super) fn next_rows(table: &str, _columns: &[Column], _after: i64) -> String {
    format!("FETCH {} FROM copied", batch_size(table))
}

pub(super) fn after_reading() -> Option<&'static str> {
    Some("CLOSE copied")
}

/// Returns a JSON array of rows without the values that PostgreSQL rejects, because one of them would fail the whole
/// restore. Invalid JSON of SQLite becomes a JSON string, so that its row stays unreadable. NUL becomes U+FFFD.
pub(super) fn accepted<'r>(rows: &'r str, columns: &[Column]) -> Cow<'r, str> {
    let of_json: Vec<&str> =
        columns.iter().filter(|column| column.kind == "jsonb").map(|column| column.name.as_str()).collect();
    if of_json.is_empty() && !rows.contains(ESCAPED_NUL) {
        return Cow::Borrowed(rows);
    }
    let Ok(mut parsed) = serde_json::from_str::<Vec<Map<String, Value>>>(rows) else { return Cow::Borrowed(rows) };
    for (column, value) in parsed.iter_mut().flatten() {
        let Value::String(text) = value else { continue };
        *text = text.replace('\0', "\u{FFFD}");
        let is_valid = serde_json::from_str::<Value>(text).is_ok() && !text.contains(ESCAPED_NUL);
        if of_json.contains(&column.as_str()) && !is_valid {
            *text = Value::from(text.as_str()).to_string();
        }
    }
    serde_json::to_string(&parsed).map_or(Cow::Borrowed(rows), Cow::Owned)
}

/// Returns SQL that inserts the rows of a JSON array, its only parameter. Identity columns keep their values.
pub(super) fn insert(table: &str, columns: &[Column]) -> String {
    let names: Vec<String> = columns.iter().map(|column| quoted(&column.name)).collect();
    let value = |column: &Column| format!("(it ->> {})::{}", literal(&column.name), column.kind);
    let values: Vec<String> = columns.iter().map(value).collect();
    format!(
        "INSERT INTO {} ({}) OVERRIDING SYSTEM VALUE SELECT {} FROM json_array_elements($1::json) AS it",
        quoted(table),
        names.join(", "),
        values.join(", ")
    )
}

/// Returns SQL that sets the sequence of the identity column to the column's highest value.
pub(super) fn after_writing(table: &str, columns: &[Column]) -> Option<String> {
    let column = columns.iter().find(|column| column.is_identity)?;
    let sequence = format!("pg_get_serial_sequence({}, {})", literal(&quoted(table)), literal(&column.name));
    Some(format!("SELECT setval({sequence}, max({})) FROM {}", quoted(&column.name), quoted(table)))
}

//! Inserts many rows in few statements, because each one is a round trip.

use std::collections::HashSet;

use diesel_async::{AsyncConnection, RunQueryDsl};

use super::Connection;
use crate::adapters::store::{
    error::TransactionError,
    request_rows::RecordRow,
    response_rows::{ItemRow, NewRows},
    schema::{requests as request_table, response_items, responses as response_table},
};

/// Maximum number of rows in one statement, which may bind 65,535 values: an item has 2, a record of a request 16.
/// Responses need no maximum, because `app/models/memory/batcher.rs` passes at most 64.
const ITEMS_PER_STATEMENT: usize = 10_000;
const RECORDS_PER_STATEMENT: usize = 1_000;

/// Inserts the responses whose ids are not stored yet.
pub(super) async fn responses(connection: &mut Connection, new: Vec<NewRows>) -> Result<(), TransactionError> {
    let (rows, items): (Vec<_>, Vec<_>) = new.into_iter().map(|new| (new.response, new.items)).unzip();
    let ids: Vec<String> = rows.iter().map(|row| row.id.clone()).collect();
    let insert = async |connection: &mut Connection| {
        let insert = diesel::insert_into(response_table::table).values(rows).on_conflict_do_nothing();
        let inserted: Vec<String> = insert.returning(response_table::id).get_results(connection).await?;
        let mut inserted: HashSet<String> = inserted.into_iter().collect();
        // Of two responses with the same id, only the first is stored, so only its items are.
        let items = ids.iter().zip(items).filter(|(id, _)| inserted.remove(*id)).flat_map(|(_, items)| items);
        let mut items: Vec<ItemRow> = items.collect();
        while !items.is_empty() {
            let rest = items.split_off(items.len().min(ITEMS_PER_STATEMENT));
            let insert = diesel::insert_into(response_items::table).values(items).on_conflict_do_nothing();
            insert.execute(connection).await?;
            items = rest;
        }
        Ok(())
    };
    connection.transaction(insert).await
}

/// Inserts records of requests, in the caller's transaction.
pub(super) async fn requests(connection: &mut Connection, mut rows: Vec<RecordRow>) -> Result<(), TransactionError> {
    while !rows.is_empty() {
        let rest = rows.split_off(rows.len().min(RECORDS_PER_STATEMENT));
        diesel::insert_into(request_table::table).values(rows).execute(connection).await?;
        rows = rest;
    }
    Ok(())
}

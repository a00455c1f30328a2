//! Inserts remembered responses and their items in few statements, because callers wait for each round trip.

use std::collections::HashSet;

use diesel_async::{AsyncConnection, RunQueryDsl};

use super::Connection;
use crate::adapters::store::{
    error::TransactionError,
    response_rows::{ItemRow, NewRows},
    schema::{response_items, responses},
};

/// Maximum number of items in one statement, which may bind 65,535 values.
const ITEMS_PER_STATEMENT: usize = 10_000;

/// Inserts the responses whose ids are not stored yet.
pub(super) async fn insert(connection: &mut Connection, new: Vec<NewRows>) -> Result<(), TransactionError> {
    let (rows, items): (Vec<_>, Vec<_>) = new.into_iter().map(|new| (new.response, new.items)).unzip();
    let ids: Vec<String> = rows.iter().map(|row| row.id.clone()).collect();
    let insert = async |connection: &mut Connection| {
        let insert = diesel::insert_into(responses::table).values(rows).on_conflict_do_nothing();
        let inserted: Vec<String> = insert.returning(responses::id).get_results(connection).await?;
        let mut inserted: HashSet<String> = inserted.into_iter().collect();
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

//! Inserts a response and its items in one step. A caller waits for it, and as queries of their own its statements would
//! take four switches of threads, which cost more than their work.

use diesel::{QueryResult, SqliteConnection, prelude::*};

use super::Connection;
use crate::adapters::store::{
    error::TransactionError,
    response_rows::ResponseRow,
    schema::{response_items, responses},
};

/// Inserts a response, unless it is there.
pub(super) async fn insert(
    connection: &mut Connection,
    row: ResponseRow,
    items: Vec<String>,
) -> Result<(), TransactionError> {
    let insert = move |connection: &mut SqliteConnection| {
        connection.immediate_transaction(|connection| insert_both(connection, row, &items))
    };
    Ok(connection.spawn_blocking(insert).await?)
}

fn insert_both(connection: &mut SqliteConnection, row: ResponseRow, items: &[String]) -> QueryResult<()> {
    let response = row.id.clone();
    if diesel::insert_into(responses::table).values(row).on_conflict_do_nothing().execute(connection)? == 0 {
        return Ok(());
    }
    for item in items {
        let row = (response_items::item.eq(item), response_items::response.eq(&response));
        diesel::insert_into(response_items::table).values(row).on_conflict_do_nothing().execute(connection)?;
    }
    Ok(())
}

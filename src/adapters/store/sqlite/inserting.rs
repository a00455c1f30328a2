//! Inserts many rows in one blocking task. `diesel_async` would switch threads for each statement, which costs more than
//! the statement.

use diesel::{QueryResult, SqliteConnection, prelude::*};

use super::Connection;
use crate::adapters::store::{
    error::TransactionError,
    request_rows::RecordRow,
    response_rows::NewRows,
    schema::{requests as request_table, response_items, responses as response_table},
};

/// Inserts the responses whose ids are not stored yet.
pub(super) async fn responses(connection: &mut Connection, new: Vec<NewRows>) -> Result<(), TransactionError> {
    let insert = move |connection: &mut SqliteConnection| {
        connection.immediate_transaction(|connection| insert_responses(connection, new))
    };
    Ok(connection.spawn_blocking(insert).await?)
}

fn insert_responses(connection: &mut SqliteConnection, new: Vec<NewRows>) -> QueryResult<()> {
    for NewRows { response, items } in new {
        let insert = diesel::insert_into(response_table::table).values(response).on_conflict_do_nothing();
        if insert.execute(connection)? == 0 {
            continue;
        }
        for item in items {
            diesel::insert_into(response_items::table).values(item).on_conflict_do_nothing().execute(connection)?;
        }
    }
    Ok(())
}

/// Inserts records of requests, in the caller's transaction.
pub(super) async fn requests(connection: &mut Connection, rows: Vec<RecordRow>) -> Result<(), TransactionError> {
    let insert = move |connection: &mut SqliteConnection| {
        for row in rows {
            diesel::insert_into(request_table::table).values(row).execute(connection)?;
        }
        QueryResult::Ok(())
    };
    Ok(connection.spawn_blocking(insert).await?)
}

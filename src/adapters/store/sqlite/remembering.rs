//! Inserts remembered responses and their items in one blocking task. `diesel_async` would switch threads for each
//! statement, which costs more than the statement.

use diesel::{QueryResult, SqliteConnection, prelude::*};

use super::Connection;
use crate::adapters::store::{
    error::TransactionError,
    response_rows::NewRows,
    schema::{response_items, responses},
};

/// Inserts the responses whose ids are not stored yet.
pub(super) async fn insert(connection: &mut Connection, new: Vec<NewRows>) -> Result<(), TransactionError> {
    let insert = move |connection: &mut SqliteConnection| {
        connection.immediate_transaction(|connection| insert_all(connection, new))
    };
    Ok(connection.spawn_blocking(insert).await?)
}

fn insert_all(connection: &mut SqliteConnection, new: Vec<NewRows>) -> QueryResult<()> {
    for NewRows { response, items } in new {
        let insert = diesel::insert_into(responses::table).values(response).on_conflict_do_nothing();
        if insert.execute(connection)? == 0 {
            continue;
        }
        for item in items {
            diesel::insert_into(response_items::table).values(item).on_conflict_do_nothing().execute(connection)?;
        }
    }
    Ok(())
}

//! Inserts a response and its items in one statement. A caller waits for it, and each statement is a round trip.

use diesel::{
    sql_query,
    sql_types::{Array, BigInt, Nullable, Text},
};
use diesel_async::RunQueryDsl;

use super::Connection;
use crate::adapters::store::{error::TransactionError, response_rows::ResponseRow};

const INSERT: &str = "\
    WITH new AS ( \
        INSERT INTO responses (id, owner, previous, content, size, used_at) VALUES ($1, $2, $3, $4, $5, $6) \
        ON CONFLICT DO NOTHING RETURNING id \
    ) \
    INSERT INTO response_items (item, response) SELECT item, new.id FROM new, unnest($7) AS item ON CONFLICT DO NOTHING";

/// Inserts a response, unless it is there.
pub(super) async fn insert(
    connection: &mut Connection,
    row: ResponseRow,
    items: Vec<String>,
) -> Result<(), TransactionError> {
    sql_query(INSERT)
        .bind::<Text, _>(row.id)
        .bind::<Text, _>(row.owner)
        .bind::<Nullable<Text>, _>(row.previous)
        .bind::<Text, _>(row.content)
        .bind::<BigInt, _>(row.size)
        .bind::<BigInt, _>(row.used_at)
        .bind::<Array<Text>, _>(items)
        .execute(connection)
        .await?;
    Ok(())
}

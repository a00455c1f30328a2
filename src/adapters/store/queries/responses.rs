//! Implements [`ResponseMemory`] on the tables `responses` and `response_items`.

use async_trait::async_trait;
use diesel::{dsl::sql, expression::SqlLiteral, prelude::*, sql_types::BigInt};
use diesel_async::RunQueryDsl;

use super::{Connection, Store, inserting};
use crate::{
    adapters::store::{
        error::TransactionError,
        response_rows::{NewRows, ResponseRow},
        schema::{response_items, responses as table},
        stored_text::StoredText,
    },
    domain::{
        response_memory::{MemoryLimits, ReadLimits, RememberedResponse, ResponseId},
        time::Timestamp,
    },
    ports::{ResponseMemory, StoreError},
};

/// Maximum number of rows that one statement of [`forget_oldest`] deletes.
const ROWS_PER_DELETE: i64 = 500;

async fn load(
    connection: &mut Connection,
    id: &str,
    oldest: Timestamp,
) -> Result<Option<RememberedResponse>, TransactionError> {
    let row = table::table.find(id).filter(table::used_at.ge(oldest.unix_millis())).select(ResponseRow::as_select());
    let Some(row) = row.first(connection).await.optional()? else { return Ok(None) };
    let items = response_items::table.filter(response_items::response.eq(id)).order(response_items::item);
    let items = items.select(response_items::item).load(connection).await?;
    Ok(Some(row.into_response(items)))
}

/// Deletes the least recently used responses, of one principal or of all, until `excess` bytes are deleted.
async fn forget_oldest(
    connection: &mut Connection,
    principal: Option<&str>,
    mut excess: i64,
) -> Result<(), TransactionError> {
    while excess > 0 {
        let mut oldest = table::table.order((table::used_at, table::id)).select((table::id, table::size)).into_boxed();
        if let Some(principal) = principal {
            oldest = oldest.filter(table::owner.eq(principal));
        }
        let rows: Vec<(StoredText, i64)> = oldest.limit(ROWS_PER_DELETE).load(connection).await?;
        if rows.is_empty() {
            break;
        }
        let mut gone = Vec::new();
        for (id, size) in rows {
            if excess > 0 {
                excess -= size;
                gone.push(id.0);
            }
        }
        diesel::delete(table::table.filter(table::id.eq_any(gone))).execute(connection).await?;
    }
    Ok(())
}

/// Returns SQL for the total size of the selected rows, in bytes. The cast is for PostgreSQL, whose sums are `numeric`:
/// diesel needs another crate to read these.
fn total_size() -> SqlLiteral<BigInt> {
    sql("CAST(COALESCE(SUM(size), 0) AS BIGINT)")
}

#[async_trait]
impl ResponseMemory for Store {
    async fn remember(&self, responses: &[RememberedResponse]) -> Result<(), StoreError> {
        let new = responses.iter().map(NewRows::of).collect();
        self.run("remember responses", async move |connection| inserting::responses(connection, new).await).await
    }

    async fn make_room(&self, oldest: Timestamp, limits: MemoryLimits) -> Result<(), StoreError> {
        self.write("make room for responses", async |connection| {
            diesel::delete(table::table.filter(table::used_at.lt(oldest.unix_millis()))).execute(connection).await?;
            let sizes = table::table.group_by(table::owner).select((table::owner, total_size()));
            let sizes: Vec<(StoredText, i64)> = sizes.load(connection).await?;
            for (principal, size) in sizes {
                forget_oldest(connection, Some(&principal.0), size.saturating_sub(limits.per_principal)).await?;
            }
            let in_all: i64 = table::table.select(total_size()).get_result(connection).await?;
            forget_oldest(connection, None, in_all.saturating_sub(limits.in_all)).await
        })
        .await
    }

    async fn chain(
        &self,
        id: &ResponseId,
        limits: ReadLimits,
        now: Timestamp,
    ) -> Result<Vec<RememberedResponse>, StoreError> {
        self.run("read remembered responses", async |connection| {
            let (mut chain, mut next) = (Vec::new(), Some(id.clone()));
            while let Some(id) = next.take().filter(|_| !limits.are_reached_by(&chain)) {
                let Some(response) = load(connection, id.as_str(), limits.oldest).await? else { break };
                next.clone_from(&response.previous);
                chain.push(response);
            }
            let ids: Vec<&str> = chain.iter().map(|response| response.id.as_str()).collect();
            let used = diesel::update(table::table.filter(table::id.eq_any(ids)));
            used.set(table::used_at.eq(now.unix_millis())).execute(connection).await?;
            Ok(chain)
        })
        .await
    }

    async fn with_items(&self, items: &[String], limits: ReadLimits) -> Result<Vec<RememberedResponse>, StoreError> {
        self.run("read remembered items", async |connection| {
            let ids = response_items::table.filter(response_items::item.eq_any(items));
            let ids: Vec<StoredText> = ids.select(response_items::response).distinct().load(connection).await?;
            let mut found = Vec::new();
            for id in &ids {
                if !limits.are_reached_by(&found) {
                    found.extend(load(connection, &id.0, limits.oldest).await?);
                }
            }
            Ok(found)
        })
        .await
    }

    async fn forget(&self, id: &ResponseId) -> Result<bool, StoreError> {
        let row = diesel::delete(table::table.find(id.as_str()));
        self.run("delete a response", async |connection| Ok(row.execute(connection).await? > 0)).await
    }
}

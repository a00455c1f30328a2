//! The queries for the tokens that the gateway made: `api_tokens`.

/// Implements [`crate::ports::ApiTokenStore`] for a store.
macro_rules! api_token_store {
    ($store:ty) => {
        use async_trait::async_trait;
        use diesel::{ExpressionMethods, QueryDsl, SelectableHelper};
        use diesel_async::RunQueryDsl;

        use crate::{
            adapters::store::{rows::ApiTokenRow, schema::api_tokens as table},
            domain::{
                api_token::{ApiToken, ApiTokenId},
                time::Timestamp,
            },
            ports::{ApiTokenStore, StoreError},
        };

        #[async_trait]
        impl ApiTokenStore for $store {
            async fn put(&self, token: &ApiToken) -> Result<(), StoreError> {
                let insert = diesel::insert_into(table::table).values(ApiTokenRow::of(token));
                on_connection!(self, "keep a token", connection => {
                    insert.execute(&mut connection).await?;
                    Ok(())
                })
            }

            async fn list(&self) -> Result<Vec<ApiToken>, StoreError> {
                let all = table::table.order((table::created_at.asc(), table::id.asc())).select(ApiTokenRow::as_select());
                on_connection!(self, "list the tokens", connection => {
                    let rows: Vec<ApiTokenRow> = all.load(&mut connection).await?;
                    Ok(rows.into_iter().map(ApiTokenRow::into_token).collect::<Result<_, _>>()?)
                })
            }

            async fn extend(&self, id: &ApiTokenId, expires_at: Timestamp) -> Result<bool, StoreError> {
                let row = diesel::update(table::table.find(id.as_str()));
                let row = row.set(table::expires_at.eq(expires_at.unix_millis()));
                on_connection!(self, "extend a token", connection => Ok(row.execute(&mut connection).await? > 0))
            }

            async fn remove(&self, id: &ApiTokenId) -> Result<bool, StoreError> {
                let row = diesel::delete(table::table.find(id.as_str()));
                on_connection!(self, "forget a token", connection => Ok(row.execute(&mut connection).await? > 0))
            }

            async fn remove_expired(&self, now: Timestamp) -> Result<(), StoreError> {
                let rows = diesel::delete(table::table.filter(table::expires_at.le(now.unix_millis())));
                on_connection!(self, "forget tokens that have ended", connection => {
                    rows.execute(&mut connection).await?;
                    Ok(())
                })
            }
        }
    };
}

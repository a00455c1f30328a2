//! Implements [`ChangeFeed`] on the single row of `change_feed`. Triggers in the schema update this row.

use async_trait::async_trait;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::{Store, now_on_server};
use crate::{
    adapters::store::{schema::change_feed as table, stored_text::StoredText},
    ports::{ChangeFeed, ChangeMark, ChangeMarks, StoreError},
};

#[async_trait]
impl ChangeFeed for Store {
    async fn marks(&self) -> Result<ChangeMarks, StoreError> {
        type Row = (StoredText, StoredText, StoredText, StoredText, StoredText, Option<i64>);
        // Every replica runs this query twice a second, so the query also reads the server's clock.
        let compare_clocks = self.clock_comparison();
        let row = table::table.select((
            table::accounts,
            table::logins,
            table::api_tokens,
            table::keys,
            table::feedback,
            now_on_server(),
        ));
        let row = self.run("read the change feed", async |connection| Ok(row.first::<Row>(connection).await?)).await?;
        let (accounts, logins, api_tokens, keys, feedback, server_time) = row;
        compare_clocks(server_time);
        let [accounts, logins, api_tokens, keys, feedback] =
            [accounts, logins, api_tokens, keys, feedback].map(|mark| ChangeMark(mark.into()));
        Ok(ChangeMarks { accounts, logins, api_tokens, keys, feedback })
    }
}

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
        let found = self
            .run("read the change feed", async |connection| Ok(row.first::<Row>(connection).await.optional()?))
            .await?;
        let Some((accounts, logins, api_tokens, keys, feedback, server_time)) = found else {
            return self.restore_marks().await;
        };
        compare_clocks(server_time);
        let [accounts, logins, api_tokens, keys, feedback] =
            [accounts, logins, api_tokens, keys, feedback].map(|mark| ChangeMark(mark.into()));
        Ok(ChangeMarks { accounts, logins, api_tokens, keys, feedback })
    }
}

impl Store {
    /// Restores the row. Without it, the triggers would change nothing, and no replica would notice a revocation. The
    /// time is a new mark, so that each replica reads all subjects.
    async fn restore_marks(&self) -> Result<ChangeMarks, StoreError> {
        let mark = self.local.now().unix_millis().to_string();
        let row = diesel::insert_into(table::table).values((
            table::id.eq(1),
            table::accounts.eq(mark.clone()),
            table::logins.eq(mark.clone()),
            table::api_tokens.eq(mark.clone()),
            table::keys.eq(mark.clone()),
            table::feedback.eq(mark.clone()),
        ));
        let row = row.on_conflict_do_nothing();
        self.run("restore the change feed", async |connection| Ok(row.execute(connection).await.map(drop)?)).await?;
        tracing::error!("restored the row of change_feed: somebody else can write to the database");
        let mark = || ChangeMark(mark.clone());
        Ok(ChangeMarks { accounts: mark(), logins: mark(), api_tokens: mark(), keys: mark(), feedback: mark() })
    }
}

//! The queries for what happened to accounts: `credential_events`.

/// Implements [`crate::ports::CredentialHistory`] for a store.
///
/// Ids are given inside the write transactions of the credential store, of which there is one at a time, so they become
/// visible in their order.
macro_rules! credential_history {
    ($store:ty) => {
        use async_trait::async_trait;
        use diesel::{ExpressionMethods, QueryDsl, SelectableHelper, dsl::max};
        use diesel_async::RunQueryDsl;

        use crate::{
            adapters::store::{error::unavailable, rows::EventRow, schema::credential_events as table},
            domain::{
                history::{CredentialEvent, Revision},
                ids::ProviderName,
            },
            ports::{CredentialHistory, StoreError},
        };

        #[async_trait]
        impl CredentialHistory for $store {
            async fn latest(&self) -> Result<Revision, StoreError> {
                const DOING: &str = "find the latest event";
                let mut connection = self.connection(DOING).await?;
                let latest: Option<i64> = table::table
                    .select(max(table::id))
                    .get_result(&mut connection)
                    .await
                    .map_err(unavailable(DOING))?;
                Ok(latest.map(Revision).unwrap_or_default())
            }

            async fn since(&self, after: Revision, limit: usize) -> Result<Vec<CredentialEvent>, StoreError> {
                const DOING: &str = "read the latest events";
                let mut connection = self.connection(DOING).await?;
                let rows: Vec<EventRow> = table::table
                    .filter(table::id.gt(after.0))
                    .order(table::id.asc())
                    .limit(limit.try_into().unwrap_or(i64::MAX))
                    .select(EventRow::as_select())
                    .load(&mut connection)
                    .await
                    .map_err(unavailable(DOING))?;
                rows.into_iter().map(EventRow::into_event).collect()
            }

            async fn of(&self, name: &ProviderName, limit: usize) -> Result<Vec<CredentialEvent>, StoreError> {
                const DOING: &str = "read the events of an account";
                let mut connection = self.connection(DOING).await?;
                let rows: Vec<EventRow> = table::table
                    .filter(table::provider.eq(name.as_str()))
                    .order(table::id.desc())
                    .limit(limit.try_into().unwrap_or(i64::MAX))
                    .select(EventRow::as_select())
                    .load(&mut connection)
                    .await
                    .map_err(unavailable(DOING))?;
                rows.into_iter().map(EventRow::into_event).collect()
            }

            async fn prune(&self, keep: usize) -> Result<usize, StoreError> {
                const DOING: &str = "forget old events";
                let newest = self.latest().await?;
                let oldest_kept = newest.0.saturating_sub(keep.try_into().unwrap_or(i64::MAX));
                let mut connection = self.connection(DOING).await?;
                let old = table::table.filter(table::id.le(oldest_kept));
                diesel::delete(old).execute(&mut connection).await.map_err(unavailable(DOING))
            }
        }
    };
}

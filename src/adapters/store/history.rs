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
            adapters::store::{rows::EventRow, schema::credential_events as table},
            domain::{
                history::{CredentialEvent, Revision},
                ids::ProviderName,
            },
            ports::{CredentialHistory, StoreError},
        };

        #[async_trait]
        impl CredentialHistory for $store {
            async fn latest(&self) -> Result<Revision, StoreError> {
                on_connection!(self, "find the latest event", connection => {
                    let latest: Option<i64> = table::table.select(max(table::id)).get_result(&mut connection).await?;
                    Ok(latest.map(Revision).unwrap_or_default())
                })
            }

            async fn since(&self, after: Revision, limit: usize) -> Result<Vec<CredentialEvent>, StoreError> {
                let events = table::table
                    .filter(table::id.gt(after.0))
                    .order(table::id.asc())
                    .limit(limit.try_into().unwrap_or(i64::MAX))
                    .select(EventRow::as_select());
                on_connection!(self, "read the latest events", connection => {
                    let rows: Vec<EventRow> = events.load(&mut connection).await?;
                    Ok(rows.into_iter().map(EventRow::into_event).collect::<Result<_, _>>()?)
                })
            }

            async fn of(&self, name: &ProviderName, limit: usize) -> Result<Vec<CredentialEvent>, StoreError> {
                let events = table::table
                    .filter(table::provider.eq(name.as_str()))
                    .order(table::id.desc())
                    .limit(limit.try_into().unwrap_or(i64::MAX))
                    .select(EventRow::as_select());
                on_connection!(self, "read the events of an account", connection => {
                    let rows: Vec<EventRow> = events.load(&mut connection).await?;
                    Ok(rows.into_iter().map(EventRow::into_event).collect::<Result<_, _>>()?)
                })
            }

            async fn newest(&self, limit: usize) -> Result<Vec<CredentialEvent>, StoreError> {
                let events = table::table
                    .order(table::id.desc())
                    .limit(limit.try_into().unwrap_or(i64::MAX))
                    .select(EventRow::as_select());
                on_connection!(self, "read the newest events", connection => {
                    let rows: Vec<EventRow> = events.load(&mut connection).await?;
                    Ok(rows.into_iter().map(EventRow::into_event).collect::<Result<_, _>>()?)
                })
            }

            async fn prune(&self, keep: usize) -> Result<usize, StoreError> {
                let newest = self.latest().await?;
                let oldest_kept = newest.0.saturating_sub(keep.try_into().unwrap_or(i64::MAX));
                let old = diesel::delete(table::table.filter(table::id.le(oldest_kept)));
                on_connection!(self, "forget old events", connection => Ok(old.execute(&mut connection).await?))
            }
        }
    };
}

//! The queries for tokens that wait to be revoked: `revocations`.

/// Implements [`crate::ports::RevocationQueue`] for a store.
macro_rules! revocation_queue {
    ($store:ty) => {
        use std::time::Duration;

        use async_trait::async_trait;
        use diesel::{BoolExpressionMethods, ExpressionMethods, OptionalExtension, QueryDsl, SelectableHelper};
        use diesel_async::RunQueryDsl;

        use crate::{
            adapters::store::{rows::RevocationRow, schema::revocations as table},
            domain::{
                revocation::{PendingRevocation, RevocationId},
                time::Timestamp,
            },
            ports::{RevocationQueue, StoreError},
        };

        #[async_trait]
        impl RevocationQueue for $store {
            async fn put(&self, revocation: &PendingRevocation) -> Result<(), StoreError> {
                let row = RevocationRow::of(revocation)?;
                let insert = diesel::insert_into(table::table).values(row).on_conflict_do_nothing();
                on_connection!(self, "queue a revocation", connection => {
                    insert.execute(&mut connection).await?;
                    Ok(())
                })
            }

            async fn due(&self, now: Timestamp, limit: usize) -> Result<Vec<RevocationId>, StoreError> {
                let due = table::table
                    .filter(table::next_attempt_at.le(now.unix_millis()))
                    .order(table::next_attempt_at.asc())
                    .limit(limit.try_into().unwrap_or(i64::MAX))
                    .select(table::id);
                on_connection!(self, "find the revocations that are due", connection => {
                    let ids: Vec<String> = due.load(&mut connection).await?;
                    Ok(ids.into_iter().map(RevocationId::from_stored).collect())
                })
            }

            async fn take(
                &self,
                id: &RevocationId,
                now: Timestamp,
                pause: Duration,
            ) -> Result<Option<PendingRevocation>, StoreError> {
                let due = table::id.eq(id.as_str()).and(table::next_attempt_at.le(now.unix_millis()));
                let take = diesel::update(table::table.filter(due))
                    .set(table::next_attempt_at.eq(now.plus(pause).unix_millis()))
                    .returning(RevocationRow::as_returning());
                on_connection!(self, "take a revocation", connection => {
                    let taken = take.get_result(&mut connection).await.optional()?;
                    Ok(taken.map(RevocationRow::into_revocation).transpose()?)
                })
            }

            async fn forget(&self, id: &RevocationId) -> Result<(), StoreError> {
                let row = diesel::delete(table::table.find(id.as_str()));
                on_connection!(self, "forget a revocation", connection => {
                    row.execute(&mut connection).await?;
                    Ok(())
                })
            }

            async fn forget_queued_before(&self, time: Timestamp) -> Result<usize, StoreError> {
                let old = diesel::delete(table::table.filter(table::created_at.lt(time.unix_millis())));
                on_connection!(self, "forget old revocations", connection => Ok(old.execute(&mut connection).await?))
            }
        }
    };
}

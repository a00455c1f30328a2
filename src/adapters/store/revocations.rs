//! The queries for tokens that wait to be revoked: `revocations`.

/// Implements [`crate::ports::RevocationQueue`] for a store.
macro_rules! revocation_queue {
    ($store:ty) => {
        use std::time::Duration;

        use async_trait::async_trait;
        use diesel::{BoolExpressionMethods, ExpressionMethods, OptionalExtension, QueryDsl, SelectableHelper};
        use diesel_async::RunQueryDsl;

        use crate::{
            adapters::store::{error::unavailable, rows::RevocationRow, schema::revocations as table},
            domain::{
                revocation::{PendingRevocation, RevocationId},
                time::Timestamp,
            },
            ports::{RevocationQueue, StoreError},
        };

        #[async_trait]
        impl RevocationQueue for $store {
            async fn put(&self, revocation: &PendingRevocation) -> Result<(), StoreError> {
                const DOING: &str = "queue a revocation";
                let row = RevocationRow::of(revocation)?;
                let queued = diesel::insert_into(table::table).values(row).on_conflict_do_nothing();
                let queued = queued.execute(&mut self.connection(DOING).await?).await;
                queued.map(drop).map_err(unavailable(DOING))
            }

            async fn due(&self, now: Timestamp, limit: usize) -> Result<Vec<RevocationId>, StoreError> {
                const DOING: &str = "find the revocations that are due";
                let due: Result<Vec<String>, _> = table::table
                    .filter(table::next_attempt_at.le(now.unix_millis()))
                    .order(table::next_attempt_at.asc())
                    .limit(limit.try_into().unwrap_or(i64::MAX))
                    .select(table::id)
                    .load(&mut self.connection(DOING).await?)
                    .await;
                Ok(due.map_err(unavailable(DOING))?.into_iter().map(RevocationId::from_stored).collect())
            }

            async fn take(
                &self,
                id: &RevocationId,
                now: Timestamp,
                pause: Duration,
            ) -> Result<Option<PendingRevocation>, StoreError> {
                const DOING: &str = "take a revocation";
                let due = table::id.eq(id.as_str()).and(table::next_attempt_at.le(now.unix_millis()));
                let taken = diesel::update(table::table.filter(due))
                    .set(table::next_attempt_at.eq(now.plus(pause).unix_millis()))
                    .returning(RevocationRow::as_returning())
                    .get_result(&mut self.connection(DOING).await?)
                    .await
                    .optional();
                taken.map_err(unavailable(DOING))?.map(RevocationRow::into_revocation).transpose()
            }

            async fn forget(&self, id: &RevocationId) -> Result<(), StoreError> {
                const DOING: &str = "forget a revocation";
                let row = table::table.find(id.as_str());
                let forgotten = diesel::delete(row).execute(&mut self.connection(DOING).await?).await;
                forgotten.map(drop).map_err(unavailable(DOING))
            }

            async fn forget_queued_before(&self, time: Timestamp) -> Result<usize, StoreError> {
                const DOING: &str = "forget old revocations";
                let old = table::table.filter(table::created_at.lt(time.unix_millis()));
                diesel::delete(old).execute(&mut self.connection(DOING).await?).await.map_err(unavailable(DOING))
            }
        }
    };
}

//! Implements [`RevocationQueue`] on the table `revocations`.

use std::time::Duration;

use async_trait::async_trait;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::{Connection, Store};
use crate::{
    adapters::store::{
        error::TransactionError,
        json_text::Document,
        rows::Place,
        schema::revocations as table,
        stored_text::{NullableText, StoredText},
    },
    domain::{
        ids::{AccountName, LoginId},
        provider::ProviderType,
        revocation::{PendingRevocation, RevocationId},
        sealed_secret::SealedSecret,
        time::Timestamp,
        unreadable::UnreadableRow,
    },
    ports::{RevocationQueue, StoreError},
};

const TABLE: &str = "revocations";

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = table)]
struct RevocationRow {
    #[diesel(deserialize_as = StoredText)]
    id: String,
    #[diesel(deserialize_as = StoredText)]
    provider: String,
    #[diesel(deserialize_as = StoredText)]
    provider_type: String,
    #[diesel(deserialize_as = StoredText)]
    login_id: String,
    #[diesel(deserialize_as = StoredText)]
    token: String,
    client: Document,
    created_at: i64,
    next_attempt_at: i64,
    #[diesel(deserialize_as = NullableText)]
    user_id: Option<String>,
}

/// The row of a new revocation, which is due at once.
impl TryFrom<&PendingRevocation> for RevocationRow {
    type Error = UnreadableRow;

    fn try_from(revocation: &PendingRevocation) -> Result<Self, UnreadableRow> {
        let (id, created_at) = (revocation.id.as_str(), revocation.created_at.unix_millis());
        Ok(Self {
            id: id.to_owned(),
            provider: revocation.name.as_str().to_owned(),
            provider_type: revocation.provider_type.as_str().to_owned(),
            login_id: revocation.login_id.as_str().to_owned(),
            token: revocation.token.as_str().to_owned(),
            client: Place { table: TABLE, row: id }.encode("client", &revocation.client)?,
            created_at,
            next_attempt_at: created_at,
            user_id: revocation.user_id.clone(),
        })
    }
}

impl TryFrom<RevocationRow> for PendingRevocation {
    type Error = UnreadableRow;

    fn try_from(row: RevocationRow) -> Result<Self, UnreadableRow> {
        let place = Place { table: TABLE, row: &row.id };
        Ok(Self {
            name: AccountName::parse(&row.provider).map_err(|_| place.invalid("provider"))?,
            provider_type: ProviderType::parse(&row.provider_type).ok_or_else(|| place.invalid("provider_type"))?,
            client: place.decode("client", &row.client)?,
            id: RevocationId::from_stored(row.id),
            login_id: LoginId::from_stored(row.login_id),
            token: SealedSecret::from_stored(row.token),
            user_id: row.user_id,
            created_at: Timestamp::from_unix_millis(row.created_at),
        })
    }
}

#[async_trait]
impl RevocationQueue for Store {
    async fn put(&self, revocation: &PendingRevocation) -> Result<(), StoreError> {
        self.run("queue a revocation", async |connection| queue(connection, revocation).await).await
    }

    async fn due(&self, now: Timestamp, limit: usize) -> Result<Vec<RevocationId>, StoreError> {
        let due = table::table
            .filter(table::next_attempt_at.le(now.unix_millis()))
            .order(table::next_attempt_at.asc())
            .limit(limit.try_into().unwrap_or(i64::MAX))
            .select(table::id);
        self.run("find the revocations that are due", async |connection| {
            let ids: Vec<StoredText> = due.load(connection).await?;
            Ok(ids.into_iter().map(|id| RevocationId::from_stored(id.into())).collect())
        })
        .await
    }

    async fn all(&self) -> Result<Vec<PendingRevocation>, StoreError> {
        let all = table::table.order(table::id).select(RevocationRow::as_select());
        let rows = self.run("read the revocations", async |connection| Ok(all.load(connection).await?)).await?;
        Ok(self.skipped.readable::<RevocationRow, _>(rows))
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
        let taken =
            self.run("take a revocation", async |connection| Ok(take.get_result(connection).await.optional()?)).await?;
        Ok(self.skipped.readable::<RevocationRow, _>(taken.into_iter().collect()).pop())
    }

    async fn delete(&self, id: &RevocationId) -> Result<(), StoreError> {
        let row = diesel::delete(table::table.find(id.as_str()));
        self.run("forget a revocation", async |connection| Ok(row.execute(connection).await.map(drop)?)).await
    }

    async fn delete_queued_before(&self, time: Timestamp) -> Result<usize, StoreError> {
        let old = diesel::delete(table::table.filter(table::created_at.lt(time.unix_millis())));
        self.run("forget old revocations", async |connection| Ok(old.execute(connection).await?)).await
    }
}

/// Queues a revocation. Does nothing if its id is queued already.
pub(super) async fn queue(connection: &mut Connection, revocation: &PendingRevocation) -> Result<(), TransactionError> {
    let row = RevocationRow::try_from(revocation)?;
    diesel::insert_into(table::table).values(row).on_conflict_do_nothing().execute(connection).await?;
    Ok(())
}

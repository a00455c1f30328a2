//! The history of accounts: `credential_events`.
//!
//! Ids are assigned in write transactions, which run one at a time, so events become visible in the order of their ids.

use async_trait::async_trait;
use diesel::{dsl::max, prelude::*};
use diesel_async::RunQueryDsl;

use super::{Backend, Connection, Store};
use crate::{
    adapters::store::{
        error::TransactionError,
        rows::{Place, from_rows},
        schema::credential_events as table,
    },
    domain::{
        history::{CredentialEvent, EventKind, Revision},
        ids::{AccountName, Generation, LoginId},
        refresh::Cause,
        time::Timestamp,
    },
    ports::{CredentialHistory, StoreError},
};

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = table)]
struct EventRow {
    /// Assigned by the database.
    #[diesel(skip_insertion)]
    id: i64,
    provider: String,
    login_id: String,
    generation: i64,
    kind: String,
    cause: Option<String>,
    at: i64,
}

impl From<&CredentialEvent> for EventRow {
    fn from(event: &CredentialEvent) -> Self {
        Self {
            id: event.revision.0,
            provider: event.name.as_str().to_owned(),
            login_id: event.login_id.as_str().to_owned(),
            generation: event.generation.0.try_into().unwrap_or(i64::MAX),
            kind: event.kind.as_str().to_owned(),
            cause: event.cause.map(|cause| cause.as_str().to_owned()),
            at: event.at.unix_millis(),
        }
    }
}

impl TryFrom<EventRow> for CredentialEvent {
    type Error = StoreError;

    fn try_from(row: EventRow) -> Result<Self, StoreError> {
        let id = row.id.to_string();
        let place = Place { table: "credential_events", row: &id };
        let cause = row.cause.map(|code| Cause::parse(&code).ok_or_else(|| place.invalid("cause")));
        Ok(Self {
            revision: Revision(row.id),
            name: AccountName::parse(&row.provider).map_err(|_| place.invalid("provider"))?,
            login_id: LoginId::from_stored(row.login_id),
            generation: Generation(row.generation.try_into().map_err(|_| place.invalid("generation"))?),
            kind: EventKind::parse(&row.kind).ok_or_else(|| place.invalid("kind"))?,
            cause: cause.transpose()?,
            at: Timestamp::from_unix_millis(row.at),
        })
    }
}

#[async_trait]
impl CredentialHistory for Store {
    async fn since(&self, after: Revision, limit: usize) -> Result<Vec<CredentialEvent>, StoreError> {
        let events = table::table.filter(table::id.gt(after.0)).order(table::id.asc());
        events_of(self, "read the latest events", events.into_boxed(), limit).await
    }

    async fn of(&self, name: &AccountName, limit: usize) -> Result<Vec<CredentialEvent>, StoreError> {
        let events = table::table.filter(table::provider.eq(name.as_str())).order(table::id.desc());
        events_of(self, "read the events of an account", events.into_boxed(), limit).await
    }

    async fn newest(&self, limit: usize) -> Result<Vec<CredentialEvent>, StoreError> {
        events_of(self, "read the newest events", table::table.order(table::id.desc()).into_boxed(), limit).await
    }

    async fn prune(&self, keep: usize) -> Result<usize, StoreError> {
        let newest = table::table.select(max(table::id));
        self.run("forget old events", async |connection| {
            let newest: Option<i64> = newest.get_result(connection).await?;
            let oldest_kept = newest.unwrap_or_default().saturating_sub(keep.try_into().unwrap_or(i64::MAX));
            Ok(diesel::delete(table::table.filter(table::id.le(oldest_kept))).execute(connection).await?)
        })
        .await
    }
}

async fn events_of(
    store: &Store,
    doing: &'static str,
    events: table::BoxedQuery<'_, Backend>,
    limit: usize,
) -> Result<Vec<CredentialEvent>, StoreError> {
    let events = events.limit(limit.try_into().unwrap_or(i64::MAX)).select(EventRow::as_select());
    store.run(doing, async |connection| from_rows(events.load(connection).await?)).await
}

/// Appends an event to the history and returns its number.
pub(super) async fn record(connection: &mut Connection, event: &CredentialEvent) -> Result<Revision, TransactionError> {
    let numbered = diesel::insert_into(table::table).values(EventRow::from(event)).returning(table::id);
    Ok(Revision(numbered.get_result(connection).await?))
}

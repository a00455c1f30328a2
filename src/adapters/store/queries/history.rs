//! Implements [`CredentialHistory`] on the table `credential_events`.
//!
//! Ids are assigned in write transactions, which run one at a time, so events become visible in the order of their ids.

use async_trait::async_trait;
use diesel::{dsl::max, prelude::*};
use diesel_async::RunQueryDsl;

use super::{Backend, Connection, Store};
use crate::{
    adapters::store::{
        error::TransactionError,
        rows::Place,
        schema::credential_events as table,
        stored_text::{NullableText, StoredText},
    },
    domain::{
        history::{CredentialEvent, EventKind, Revision},
        ids::{AccountName, Generation, LoginId},
        provider_feedback::ProviderCode,
        refresh::Cause,
        time::Timestamp,
        unreadable::UnreadableRow,
    },
    ports::{CredentialHistory, NewEvents, StoreError},
};

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = table)]
struct EventRow {
    /// Assigned by the database.
    #[diesel(skip_insertion)]
    id: i64,
    #[diesel(deserialize_as = StoredText)]
    provider: String,
    #[diesel(deserialize_as = StoredText)]
    login_id: String,
    generation: i64,
    #[diesel(deserialize_as = StoredText)]
    kind: String,
    #[diesel(deserialize_as = NullableText)]
    cause: Option<String>,
    #[diesel(deserialize_as = NullableText)]
    code: Option<String>,
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
            code: event.code.as_ref().map(|code| code.as_str().to_owned()),
            at: event.at.unix_millis(),
        }
    }
}

impl TryFrom<EventRow> for CredentialEvent {
    type Error = UnreadableRow;

    fn try_from(row: EventRow) -> Result<Self, UnreadableRow> {
        let id = row.id.to_string();
        let place = Place { table: "credential_events", row: &id };
        let cause = row.cause.map(|code| Cause::parse(&code).ok_or_else(|| place.invalid("cause")));
        Ok(Self {
            revision: Revision(row.id),
            name: AccountName::parse(&row.provider).map_err(|_| place.invalid("provider"))?,
            login_id: LoginId::from_stored(row.login_id),
            generation: Generation(row.generation.try_into().map_err(|_| place.invalid("generation"))?),
            kind: EventKind::parse(&row.kind).ok_or_else(|| place.invalid("happening"))?,
            cause: cause.transpose()?,
            code: row.code.map(ProviderCode::from),
            at: Timestamp::from_unix_millis(row.at),
        })
    }
}

#[async_trait]
impl CredentialHistory for Store {
    async fn since(&self, after: Revision, limit: usize) -> Result<NewEvents, StoreError> {
        let query = |after| table::table.filter(table::id.gt(after)).order(table::id.asc()).into_boxed();
        events_of(self, "read the latest events", query, after.0, limit).await
    }

    async fn of(&self, name: &AccountName, limit: usize) -> Result<Vec<CredentialEvent>, StoreError> {
        let query = |before| {
            let earlier = table::table.filter(table::provider.eq(name.as_str())).filter(table::id.lt(before));
            earlier.order(table::id.desc()).into_boxed()
        };
        Ok(events_of(self, "read the events of an account", query, i64::MAX, limit).await?.events)
    }

    async fn newest(&self, limit: usize) -> Result<Vec<CredentialEvent>, StoreError> {
        let query = |before| table::table.filter(table::id.lt(before)).order(table::id.desc()).into_boxed();
        Ok(events_of(self, "read the newest events", query, i64::MAX, limit).await?.events)
    }

    async fn prune(&self, keep: usize) -> Result<usize, StoreError> {
        let newest = table::table.select(max(table::id));
        self.run("delete old events", async |connection| {
            let newest: Option<i64> = newest.get_result(connection).await?;
            let newest_deleted = newest.unwrap_or_default().saturating_sub(keep.try_into().unwrap_or(i64::MAX));
            Ok(diesel::delete(table::table.filter(table::id.le(newest_deleted))).execute(connection).await?)
        })
        .await
    }
}

/// Reads pages until there are `limit` readable events or no more rows. `query` selects the rows that follow an id,
/// which is `position` for the first page.
async fn events_of<'q>(
    store: &Store,
    doing: &'static str,
    query: impl Fn(i64) -> table::BoxedQuery<'q, Backend>,
    mut position: i64,
    limit: usize,
) -> Result<NewEvents, StoreError> {
    let mut new = NewEvents { events: Vec::new(), is_complete: true };
    loop {
        let missing = limit.saturating_sub(new.events.len());
        let page = query(position).limit(missing.try_into().unwrap_or(i64::MAX)).select(EventRow::as_select());
        let rows: Vec<EventRow> = store.run(doing, async |connection| Ok(page.load(connection).await?)).await?;
        let found = rows.len();
        position = rows.last().map_or(position, |row| row.id);
        let events: Vec<CredentialEvent> = store.skipped.readable::<EventRow, _>(rows);
        let all_readable = events.len() == found;
        new.is_complete &= all_readable;
        new.events.extend(events);
        if all_readable || found < missing {
            return Ok(new);
        }
    }
}

/// Returns whether the login has a `refused` event with this code that is later than `after`.
pub(super) async fn was_refused(
    connection: &mut Connection,
    login_id: &LoginId,
    code: &ProviderCode,
    after: Timestamp,
) -> Result<bool, TransactionError> {
    let refused = table::table.filter(table::kind.eq(EventKind::Refused.as_str()));
    let refused = refused.filter(table::login_id.eq(login_id.as_str())).filter(table::code.eq(code.as_str()));
    let newest = refused.select(max(table::at)).get_result::<Option<i64>>(connection).await?;
    Ok(newest > Some(after.unix_millis()))
}

/// Appends an event to the history and returns its revision.
pub(super) async fn record(connection: &mut Connection, event: &CredentialEvent) -> Result<Revision, TransactionError> {
    let numbered = diesel::insert_into(table::table).values(EventRow::from(event)).returning(table::id);
    Ok(Revision(numbered.get_result(connection).await?))
}

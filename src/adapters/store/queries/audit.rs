//! Implements [`AuditLog`] on the table `audit_log`.
//!
//! Write transactions run one at a time, so each entry is chained to the one before it.

use async_trait::async_trait;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::{Connection, Store};
use crate::{
    adapters::store::{
        error::{TransactionError, unavailable},
        schema::audit_log as table,
        stored_text::{NullableText, StoredText},
    },
    domain::{
        audit::{Actor, AuditAction, AuditEntry, AuditEvent, Checkpoint},
        sealed_secret::SealedSecret,
        time::Timestamp,
    },
    ports::{AuditLog, Author, StoreError},
};

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = table)]
struct EntryRow {
    id: i64,
    at: i64,
    #[diesel(deserialize_as = StoredText)]
    actor: String,
    #[diesel(deserialize_as = NullableText)]
    address: Option<String>,
    #[diesel(deserialize_as = NullableText)]
    request_id: Option<String>,
    #[diesel(deserialize_as = StoredText)]
    action: String,
    #[diesel(deserialize_as = StoredText)]
    subject: String,
    #[diesel(deserialize_as = StoredText)]
    result: String,
    #[diesel(deserialize_as = NullableText)]
    detail: Option<String>,
    #[diesel(deserialize_as = StoredText)]
    digest: String,
    #[diesel(deserialize_as = StoredText)]
    mark: String,
}

impl From<AuditEntry> for EntryRow {
    fn from(entry: AuditEntry) -> Self {
        Self {
            id: entry.id,
            at: entry.at.unix_millis(),
            actor: entry.actor.name,
            address: entry.actor.address,
            request_id: entry.actor.request_id,
            action: entry.action,
            subject: entry.subject,
            result: entry.result,
            detail: entry.detail,
            digest: entry.digest,
            mark: entry.mark.into_string(),
        }
    }
}

impl From<EntryRow> for AuditEntry {
    fn from(row: EntryRow) -> Self {
        Self {
            id: row.id,
            at: Timestamp::from_unix_millis(row.at),
            actor: Actor { name: row.actor, address: row.address, request_id: row.request_id },
            action: row.action,
            subject: row.subject,
            result: row.result,
            detail: row.detail,
            digest: row.digest,
            mark: SealedSecret::from_stored(row.mark),
        }
    }
}

#[async_trait]
impl AuditLog for Store {
    async fn append(&self, event: AuditEvent, author: &Author) -> Result<(), StoreError> {
        self.write("append to the audit log", async |connection| append(connection, event, author).await).await
    }

    async fn newest(&self, before: i64, limit: usize) -> Result<Vec<AuditEntry>, StoreError> {
        let entries = table::table.filter(table::id.lt(before)).order(table::id.desc());
        let entries = entries.limit(limit.try_into().unwrap_or(i64::MAX)).select(EntryRow::as_select());
        self.run("read the audit log", async |connection| Ok(from_rows(entries.load(connection).await?))).await
    }

    async fn oldest(&self, after: i64, limit: usize) -> Result<Vec<AuditEntry>, StoreError> {
        let entries = table::table.filter(table::id.gt(after)).order(table::id.asc());
        let entries = entries.limit(limit.try_into().unwrap_or(i64::MAX)).select(EntryRow::as_select());
        self.run("read the audit log", async |connection| Ok(from_rows(entries.load(connection).await?))).await
    }

    async fn delete_through(&self, end: &Checkpoint, author: &Author) -> Result<usize, StoreError> {
        self.write("delete old audit entries", async |connection| {
            let is_end = table::id.eq(end.id).and(table::digest.eq(&end.digest));
            let found: i64 = table::table.filter(is_end).count().get_result(connection).await?;
            let newest = last(connection).await?;
            if found == 0 || newest.is_none_or(|newest| newest.id <= end.id) {
                return Ok(0);
            }
            let deleted = diesel::delete(table::table.filter(table::id.le(end.id))).execute(connection).await?;
            let event = AuditEvent::done(AuditAction::EntriesDeleted, end.id.to_string(), Some(end.digest.clone()));
            append(connection, event, author).await?;
            Ok(deleted)
        })
        .await
    }
}

fn from_rows(rows: Vec<EntryRow>) -> Vec<AuditEntry> {
    rows.into_iter().map(AuditEntry::from).collect()
}

/// Appends an entry about a change. A change of the database must be made in the same transaction.
pub(super) async fn append(
    connection: &mut Connection,
    event: AuditEvent,
    author: &Author,
) -> Result<(), TransactionError> {
    let entry = author.entry(last(connection).await?.as_ref(), event);
    let entry = entry.map_err(|error| unavailable("mark an audit entry", error))?;
    diesel::insert_into(table::table).values(EntryRow::from(entry)).execute(connection).await?;
    Ok(())
}

async fn last(connection: &mut Connection) -> Result<Option<AuditEntry>, TransactionError> {
    let last = table::table.order(table::id.desc()).select(EntryRow::as_select());
    Ok(last.first(connection).await.optional()?.map(AuditEntry::from))
}

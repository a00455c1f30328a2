//! Implements [`KeyStore`]: key checks (`key_checks`), the gateways' reports about their token journals (`replicas`),
//! and the sealed values that a change of keys reseals.

use std::collections::BTreeMap;

use async_trait::async_trait;
use diesel::{prelude::*, result::Error as DieselError};
use diesel_async::RunQueryDsl;

use super::{Connection, Store, audit::append};
use crate::{
    adapters::store::{
        error::{TransactionError, is_rollback},
        json_text::Document,
        rows::Place,
        schema::{api_tokens, config_secrets, key_checks, llm_providers, replicas, revocations},
        stored_text::StoredText,
    },
    domain::{
        audit::{AuditAction, AuditEvent},
        ids::KeyId,
        keys::{JournalUse, KeyCheck, Replacement, SealedColumn, SealedValue},
        sealed_secret::SealedSecret,
        time::Timestamp,
        unreadable::UnreadableRow,
    },
    ports::{Author, KeyStore, StoreError},
};

#[async_trait]
impl KeyStore for Store {
    async fn key_checks(&self) -> Result<Vec<KeyCheck>, StoreError> {
        self.run("read the key checks", async |connection| checks(connection).await).await
    }

    async fn add_key_check(
        &self,
        check: &KeyCheck,
        seen: &[KeyCheck],
        values: &[Replacement],
        author: &Author,
    ) -> Result<bool, StoreError> {
        let added = self.write("add a key check", async |connection| {
            if checks(connection).await? != seen {
                return Ok(false);
            }
            for value in values {
                if !replace(connection, value).await? {
                    // The error rolls back the replacements so far.
                    return Err(DieselError::RollbackTransaction.into());
                }
            }
            let row = (
                key_checks::key_id.eq(check.key_id.as_str()),
                key_checks::value.eq(check.value.as_str()),
                key_checks::created_at.eq(author.at.unix_millis()),
            );
            diesel::insert_into(key_checks::table).values(row).execute(connection).await?;
            let adopted = (!values.is_empty()).then(|| format!("{} values adopted", values.len()));
            append(connection, AuditEvent::done(AuditAction::KeyAdded, check.key_id.as_str(), adopted), author).await?;
            Ok(true)
        });
        match added.await {
            Err(StoreError::Unavailable { source, .. }) if is_rollback(source.as_ref()) => Ok(false),
            added => added,
        }
    }

    async fn sealed_values(&self) -> Result<Vec<SealedValue>, StoreError> {
        self.run("read the sealed values", async |connection| {
            let to_value = |column| move |(row, text): (StoredText, StoredText)| value(column, row, Some(text));
            let access = llm_providers::table.select((llm_providers::name, llm_providers::api_key));
            let mut values: Vec<SealedValue> =
                access.load(connection).await?.into_iter().map(to_value(SealedColumn::AccessToken)).collect();
            let refresh = config_secrets::table.select((config_secrets::key, config_secrets::value));
            values.extend(refresh.load(connection).await?.into_iter().map(to_value(SealedColumn::RefreshToken)));
            let queued = revocations::table.select((revocations::id, revocations::token));
            values.extend(queued.load(connection).await?.into_iter().map(to_value(SealedColumn::Revocation)));
            let marks = api_tokens::table.select((api_tokens::id, api_tokens::mac));
            let marks: Vec<(StoredText, Option<StoredText>)> = marks.load(connection).await?;
            values.extend(marks.into_iter().map(|(row, mac)| value(SealedColumn::ApiToken, row, mac)));
            Ok(values)
        })
        .await
    }

    async fn report_journal(&self, journal: &JournalUse, since: Timestamp) -> Result<(), StoreError> {
        self.write("report the token journal", async |connection| {
            let row = Place { table: "replicas", row: &journal.place };
            let records: BTreeMap<&str, usize> =
                journal.records.iter().map(|(key_id, records)| (key_id.as_str(), *records)).collect();
            let report = (
                replicas::seen_at.eq(journal.seen_at.unix_millis()),
                replicas::records.eq(row.encode("records", &records)?),
            );
            diesel::delete(replicas::table.filter(replicas::seen_at.lt(since.unix_millis())))
                .execute(connection)
                .await?;
            diesel::insert_into(replicas::table)
                .values((replicas::name.eq(&journal.place), report.clone()))
                .on_conflict(replicas::name)
                .do_update()
                .set(report)
                .execute(connection)
                .await?;
            Ok(())
        })
        .await
    }

    async fn journals(&self) -> Result<Vec<JournalUse>, StoreError> {
        self.run("read the reports about token journals", async |connection| {
            let rows = replicas::table.order(replicas::name).select(ReplicaRow::as_select());
            Ok(self.skipped.readable::<ReplicaRow, _>(rows.load(connection).await?))
        })
        .await
    }

    async fn reseal(&self, value: &Replacement) -> Result<bool, StoreError> {
        self.write("seal a value again", async |connection| replace(connection, value).await).await
    }
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = replicas)]
struct ReplicaRow {
    #[diesel(deserialize_as = StoredText)]
    name: String,
    seen_at: i64,
    records: Document,
}

impl TryFrom<ReplicaRow> for JournalUse {
    type Error = UnreadableRow;

    fn try_from(report: ReplicaRow) -> Result<Self, UnreadableRow> {
        let row = Place { table: "replicas", row: &report.name };
        let records: BTreeMap<String, usize> = row.decode("records", &report.records)?;
        Ok(Self {
            records: records.into_iter().map(|(key_id, records)| (KeyId::new(key_id), records)).collect(),
            place: report.name,
            seen_at: Timestamp::from_unix_millis(report.seen_at),
        })
    }
}

async fn replace(connection: &mut Connection, value: &Replacement) -> Result<bool, TransactionError> {
    let (row, old, new) = (value.row.as_str(), value.old.as_ref().map(SealedSecret::as_str), value.new.as_str());
    let changed = match value.column {
        SealedColumn::AccessToken => {
            let is_old = llm_providers::api_key.eq(old.unwrap_or_default());
            let row = llm_providers::table.filter(llm_providers::name.eq(row).and(is_old));
            diesel::update(row).set(llm_providers::api_key.eq(new)).execute(connection).await?
        }
        SealedColumn::RefreshToken => {
            let is_old = config_secrets::value.eq(old.unwrap_or_default());
            let row = config_secrets::table.filter(config_secrets::key.eq(row).and(is_old));
            diesel::update(row).set(config_secrets::value.eq(new)).execute(connection).await?
        }
        SealedColumn::Revocation => {
            let is_old = revocations::token.eq(old.unwrap_or_default());
            let row = revocations::table.filter(revocations::id.eq(row).and(is_old));
            diesel::update(row).set(revocations::token.eq(new)).execute(connection).await?
        }
        SealedColumn::ApiToken => {
            let row = diesel::update(api_tokens::table.find(row)).set(api_tokens::mac.eq(new));
            match old {
                Some(old) => row.filter(api_tokens::mac.eq(old)).execute(connection).await?,
                None => row.filter(api_tokens::mac.is_null()).execute(connection).await?,
            }
        }
    };
    Ok(changed > 0)
}

fn value(column: SealedColumn, row: StoredText, text: Option<StoredText>) -> SealedValue {
    SealedValue { column, row: row.into(), value: text.map(|text| SealedSecret::from_stored(text.into())) }
}

async fn checks(connection: &mut Connection) -> Result<Vec<KeyCheck>, TransactionError> {
    let rows = key_checks::table.order(key_checks::key_id).select((key_checks::key_id, key_checks::value));
    let rows: Vec<(StoredText, StoredText)> = rows.load(connection).await?;
    let check = |(key_id, value): (StoredText, StoredText)| KeyCheck {
        key_id: KeyId::new(key_id),
        value: SealedSecret::from_stored(value.into()),
    };
    Ok(rows.into_iter().map(check).collect())
}

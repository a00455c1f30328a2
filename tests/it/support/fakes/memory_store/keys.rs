//! Key checks and sealed values in memory.

use async_trait::async_trait;
use goclaw::{
    domain::{
        audit::{AuditAction, AuditEvent},
        keys::{JournalUse, KeyCheck, Replacement, SealedColumn, SealedValue},
        sealed::refresh_token_key,
        sealed_secret::SealedSecret,
        time::Timestamp,
    },
    ports::{Author, KeyStore, StoreError},
};

use super::{MemoryStore, Tables};

#[async_trait]
impl KeyStore for MemoryStore {
    async fn key_checks(&self) -> Result<Vec<KeyCheck>, StoreError> {
        Ok(self.tables_to("read the key checks").await?.key_checks.clone())
    }

    async fn add_key_check(
        &self,
        check: &KeyCheck,
        seen: &[KeyCheck],
        values: &[Replacement],
        author: &Author,
    ) -> Result<bool, StoreError> {
        let mut tables = self.tables_to("add a key check").await?;
        if tables.key_checks != seen || !values.iter().all(|value| tables.holds(value)) {
            return Ok(false);
        }
        for value in values {
            tables.replace(value);
        }
        tables.key_checks.push(check.clone());
        let adopted = (!values.is_empty()).then(|| format!("{} values adopted", values.len()));
        tables.append(AuditEvent::done(AuditAction::KeyAdded, check.key_id.as_str(), adopted), author);
        tables.key_checks.sort_by_key(|check| check.key_id.to_string());
        Ok(true)
    }

    async fn sealed_values(&self) -> Result<Vec<SealedValue>, StoreError> {
        Ok(self.tables_to("read the sealed values").await?.sealed_values())
    }

    async fn report_journal(&self, journal: &JournalUse, since: Timestamp) -> Result<(), StoreError> {
        let mut tables = self.tables_to("report the token journal").await?;
        tables.journals.retain(|other| other.place != journal.place && other.seen_at >= since);
        tables.journals.push(journal.clone());
        tables.journals.sort_by_key(|journal| journal.place.clone());
        Ok(())
    }

    async fn journals(&self) -> Result<Vec<JournalUse>, StoreError> {
        Ok(self.tables_to("read the reports about token journals").await?.journals.clone())
    }

    async fn reseal(&self, value: &Replacement) -> Result<bool, StoreError> {
        let mut tables = self.tables_to("seal a value again").await?;
        let holds = tables.holds(value);
        if holds {
            tables.replace(value);
        }
        Ok(holds)
    }
}

impl Tables {
    fn holds(&self, value: &Replacement) -> bool {
        let found =
            self.sealed_values().into_iter().find(|found| found.column == value.column && found.row == value.row);
        found.is_some_and(|found| found.value == value.old)
    }

    fn replace(&mut self, value: &Replacement) {
        let new = value.new.clone();
        let mut accounts = self.credentials.values_mut();
        match value.column {
            SealedColumn::AccessToken => {
                let account = accounts.find(|account| account.name.as_str() == value.row);
                account.expect("`holds` found the row").access_token = new;
            }
            SealedColumn::RefreshToken => {
                let account = accounts.find(|account| refresh_token_key(&account.name) == value.row);
                account.expect("`holds` found the row").refresh_token = Some(new);
            }
            SealedColumn::Revocation => {
                let queued = self.revocations.iter_mut().find(|(queued, _)| queued.id.as_str() == value.row);
                queued.expect("`holds` found the row").0.token = new;
            }
            SealedColumn::ApiToken => {
                let stored = self.api_tokens.iter_mut().find(|stored| stored.token.id.as_str() == value.row);
                stored.expect("`holds` found the row").mark = Some(new);
            }
        }
    }

    fn sealed_values(&self) -> Vec<SealedValue> {
        let sealed_value = |column, row: &str, value: Option<&SealedSecret>| SealedValue {
            column,
            row: row.to_owned(),
            value: value.cloned(),
        };
        let accounts = self.credentials.values();
        let access = accounts
            .clone()
            .map(|account| sealed_value(SealedColumn::AccessToken, account.name.as_str(), Some(&account.access_token)));
        let refresh = accounts.filter_map(|account| {
            let token = account.refresh_token.as_ref()?;
            Some(sealed_value(SealedColumn::RefreshToken, &refresh_token_key(&account.name), Some(token)))
        });
        let queued = self.revocations.iter().map(|(revocation, _)| {
            sealed_value(SealedColumn::Revocation, revocation.id.as_str(), Some(&revocation.token))
        });
        let marks = self
            .api_tokens
            .iter()
            .map(|stored| sealed_value(SealedColumn::ApiToken, stored.token.id.as_str(), stored.mark.as_ref()));
        access.chain(refresh).chain(queued).chain(marks).collect()
    }
}

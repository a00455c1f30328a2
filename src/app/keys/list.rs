//! Lists the encryption keys, and counts what each has sealed in the database and in the journals of all gateways.
//! Does not count the values of logins, which end within minutes, of remembered responses, or of audit entries.

use std::{collections::BTreeMap, time::Duration};

use super::Keys;
use crate::{
    app::AppError,
    domain::{ids::KeyId, keys::JournalUse},
    ports::JournalError,
};

/// How long a gateway's report about its journal is valid.
const REPORT_LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);

/// One key and its use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyUse {
    pub key_id: KeyId,
    /// Whether this gateway seals new values with the key.
    pub is_first: bool,
    /// Whether this gateway has the key.
    pub is_configured: bool,
    /// Values in the database that only this key opens.
    pub values: usize,
    /// Records that only this key opens, by journal: this gateway's, and those reported in the last 24 hours.
    pub journal_records: BTreeMap<String, usize>,
}

impl Keys {
    /// Returns all configured and all used keys: the first key, then the other configured ones, then the rest.
    ///
    /// # Errors
    /// [`AppError::Store`], [`AppError::Journal`].
    pub async fn list(&self) -> Result<Vec<KeyUse>, AppError> {
        let mut uses: BTreeMap<KeyId, (usize, BTreeMap<String, usize>)> = BTreeMap::new();
        for value in self.store.sealed_values().await? {
            if let Some(id) = value.value.and_then(|value| value.key_id()) {
                uses.entry(id).or_default().0 += 1;
            }
        }
        for journal in self.journals().await? {
            for (key_id, records) in journal.records {
                uses.entry(key_id).or_default().1.insert(journal.place.clone(), records);
            }
        }
        let configured = self.cipher.key_ids();
        for id in &configured {
            uses.entry(id.clone()).or_default();
        }
        let to_key_use = |(key_id, (values, journal_records))| KeyUse {
            is_first: key_id == self.cipher.key_id(),
            is_configured: configured.contains(&key_id),
            key_id,
            values,
            journal_records,
        };
        let mut uses: Vec<KeyUse> = uses.into_iter().map(to_key_use).collect();
        uses.sort_by_key(|key| (!key.is_first, !key.is_configured));
        Ok(uses)
    }

    /// Writes to the database which keys this gateway's journal needs, and deletes outdated reports.
    pub(in crate::app) async fn report_journal(&self) -> Result<(), AppError> {
        let own = self.own_journal().await?;
        Ok(self.store.report_journal(&own, own.seen_at.minus(REPORT_LIFETIME)).await?)
    }

    /// Returns the key use of this gateway's journal, and that of other journals from their valid reports.
    async fn journals(&self) -> Result<Vec<JournalUse>, AppError> {
        let own = self.own_journal().await?;
        let mut journals = self.store.journals().await?;
        journals.retain(|other| other.place != own.place && other.seen_at > own.seen_at.minus(REPORT_LIFETIME));
        journals.push(own);
        Ok(journals)
    }

    async fn own_journal(&self) -> Result<JournalUse, JournalError> {
        let records = self.journal.count_by_key().await?;
        Ok(JournalUse { place: self.journal.place(), seen_at: self.now(), records })
    }
}

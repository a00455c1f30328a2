//! Lists the keys of the database, with what each has sealed.

use std::collections::{BTreeMap, BTreeSet};

use super::Keys;
use crate::{app::AppError, domain::ids::KeyId};

/// One key and its use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyUse {
    pub key_id: KeyId,
    /// Whether it seals new values.
    pub is_first: bool,
    /// Whether this gateway has it.
    pub is_configured: bool,
    /// Values in the database that only this key opens.
    pub values: usize,
    /// Records in this gateway's journal that only this key opens.
    pub journal_records: usize,
}

impl Keys {
    /// Returns the configured keys and all keys that sealed something, the first key first.
    ///
    /// # Errors
    /// [`AppError::Store`], [`AppError::Journal`].
    pub async fn list(&self) -> Result<Vec<KeyUse>, AppError> {
        let mut uses: BTreeMap<KeyId, (usize, usize)> = BTreeMap::new();
        for value in self.store.sealed_values().await? {
            if let Some(id) = value.value.and_then(|value| value.key_id()) {
                uses.entry(id).or_default().0 += 1;
            }
        }
        for record in self.journal.list().await? {
            let rotation = record.rotation;
            let sealed = rotation.refresh_token.iter().chain([&rotation.access_token]);
            for id in sealed.filter_map(|sealed| sealed.key_id()).collect::<BTreeSet<_>>() {
                uses.entry(id).or_default().1 += 1;
            }
        }
        let configured = self.cipher.key_ids();
        for id in &configured {
            uses.entry(id.clone()).or_default();
        }
        let used = |(key_id, (values, journal_records)): (KeyId, (usize, usize))| KeyUse {
            is_first: key_id == self.cipher.key_id(),
            is_configured: configured.contains(&key_id),
            key_id,
            values,
            journal_records,
        };
        let mut uses: Vec<KeyUse> = uses.into_iter().map(used).collect();
        uses.sort_by_key(|key| (!key.is_first, !key.is_configured));
        Ok(uses)
    }
}

//! Storage of the key checks and of the gateways' reports about their journals, and access to sealed values.

use async_trait::async_trait;

use super::{Author, StoreError};
use crate::domain::{
    keys::{JournalUse, KeyCheck, Replacement, SealedValue},
    time::Timestamp,
};

#[async_trait]
pub trait KeyStore: Send + Sync {
    /// Returns all key checks, in the order of their key ids.
    async fn key_checks(&self) -> Result<Vec<KeyCheck>, StoreError>;

    /// Adds a key check and replaces `values`, if the store still has exactly the checks `seen` and all old values.
    /// Returns whether it did.
    ///
    /// Contract: MUST be one transaction. Of concurrent calls with equal `seen`, exactly one MUST return true.
    async fn add_key_check(
        &self,
        check: &KeyCheck,
        seen: &[KeyCheck],
        values: &[Replacement],
        author: &Author,
    ) -> Result<bool, StoreError>;

    /// Returns the values that are sealed again with a new key: tokens of accounts, queued revocations and marks of API
    /// tokens. Leaves out logins and remembered responses, which do not last, and the marks of audit entries.
    async fn sealed_values(&self) -> Result<Vec<SealedValue>, StoreError>;

    /// Stores a gateway's report about its journal in place of its last one. Deletes the reports from before `since`.
    async fn report_journal(&self, journal: &JournalUse, since: Timestamp) -> Result<(), StoreError>;

    /// Returns the reports of all gateways, in the order of their places.
    async fn journals(&self) -> Result<Vec<JournalUse>, StoreError>;

    /// Replaces a value if it is still the old one. Returns whether it did. No other value may change.
    async fn reseal(&self, value: &Replacement) -> Result<bool, StoreError>;
}

//! Storage of request records and of each program's usage. Records may be lost in a crash.

use async_trait::async_trait;

use super::StoreError;
use crate::domain::{
    request_record::{RequestRecord, UsageKey, UsageSums},
    time::Timestamp,
};

/// A stored record. A record that was added later has a higher number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NumberedRecord {
    pub number: i64,
    pub record: RequestRecord,
}

#[async_trait]
pub trait RequestLog: Send + Sync {
    /// Adds records and sums, all or none. The sums of one key from several replicas MUST add up. If the store's reply is
    /// lost after the commit, the caller repeats the call, and they count twice.
    async fn record(&self, records: &[RequestRecord], sums: &[(UsageKey, UsageSums)]) -> Result<(), StoreError>;

    /// Returns at most `limit` records, newest first. With `before`, only records with lower numbers are returned.
    async fn recent(&self, before: Option<i64>, limit: usize) -> Result<Vec<NumberedRecord>, StoreError>;

    /// Returns the sums of the days from `first` to `last`, in the order of their keys.
    async fn usage(&self, first: i64, last: i64) -> Result<Vec<(UsageKey, UsageSums)>, StoreError>;

    /// Deletes the records from before `oldest`, and the sums of the days before `first_day`.
    async fn forget_before(&self, oldest: Timestamp, first_day: i64) -> Result<(), StoreError>;
}

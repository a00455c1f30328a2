//! Records of requests in memory.

use async_trait::async_trait;
use goclaw::{
    domain::{
        request_record::{RequestRecord, UsageKey, UsageSums},
        time::Timestamp,
    },
    ports::{NumberedRecord, RequestLog, StoreError},
};

use super::MemoryStore;

#[async_trait]
impl RequestLog for MemoryStore {
    async fn record(&self, records: &[RequestRecord], sums: &[(UsageKey, UsageSums)]) -> Result<(), StoreError> {
        let mut tables = self.tables_to("record requests").await?;
        for record in records {
            let number = tables.requests.last().map_or(0, |last| last.number) + 1;
            tables.requests.push(NumberedRecord { number, record: record.clone() });
        }
        for (key, sum) in sums {
            tables.usage.entry(key.clone()).or_default().add(*sum);
        }
        Ok(())
    }

    async fn recent(&self, before: Option<i64>, limit: usize) -> Result<Vec<NumberedRecord>, StoreError> {
        let tables = self.tables_to("read records of requests").await?;
        let older = tables.requests.iter().rev().filter(|stored| before.is_none_or(|before| stored.number < before));
        Ok(older.take(limit).cloned().collect())
    }

    async fn usage(&self, first: i64, last: i64) -> Result<Vec<(UsageKey, UsageSums)>, StoreError> {
        let tables = self.tables_to("read the usage").await?;
        let days = tables.usage.iter().filter(|(key, _)| (first..=last).contains(&key.day));
        Ok(days.map(|(key, sums)| (key.clone(), *sums)).collect())
    }

    async fn forget_before(&self, oldest: Timestamp, first_day: i64) -> Result<(), StoreError> {
        let mut tables = self.tables_to("delete old records of requests").await?;
        tables.requests.retain(|stored| stored.record.at >= oldest);
        tables.usage.retain(|key, _| key.day >= first_day);
        Ok(())
    }
}

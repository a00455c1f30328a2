//! Implements [`RequestLog`]: `requests` has records of requests, and `usage` sums by day, program, account and model.
//!
//! Nothing here uses `Store::write`: a busy gateway would hold its lock, and so delay refreshes.

use async_trait::async_trait;
use diesel::{prelude::*, upsert::excluded};
use diesel_async::{AsyncConnection, RunQueryDsl};

use super::{Connection, Store, inserting};
use crate::{
    adapters::store::{
        request_rows::{RecordRow, UsageRow, signed},
        schema::{requests, usage},
    },
    domain::{
        request_record::{RequestRecord, UsageKey, UsageSums},
        time::Timestamp,
    },
    ports::{NumberedRecord, RequestLog, StoreError},
};

#[async_trait]
impl RequestLog for Store {
    async fn record(&self, records: &[RequestRecord], sums: &[(UsageKey, UsageSums)]) -> Result<(), StoreError> {
        let rows = records.iter().map(RecordRow::from).collect();
        let record = async move |connection: &mut Connection| {
            inserting::requests(connection, rows).await?;
            for sum in sums {
                let add = diesel::insert_into(usage::table)
                    .values(UsageRow::from(sum))
                    .on_conflict((usage::day, usage::program, usage::account, usage::model))
                    .do_update()
                    .set((
                        usage::requests.eq(usage::requests + excluded(usage::requests)),
                        usage::failures.eq(usage::failures + excluded(usage::failures)),
                        usage::input.eq(usage::input + excluded(usage::input)),
                        usage::cached.eq(usage::cached + excluded(usage::cached)),
                        usage::output.eq(usage::output + excluded(usage::output)),
                    ));
                add.execute(connection).await?;
            }
            Ok(())
        };
        self.run("record requests", async move |connection| connection.transaction(record).await).await
    }

    async fn recent(&self, before: Option<i64>, limit: usize) -> Result<Vec<NumberedRecord>, StoreError> {
        let records = requests::table.filter(requests::number.lt(before.unwrap_or(i64::MAX)));
        let records = records.order(requests::number.desc()).limit(signed(limit));
        let records = records.select((requests::number, RecordRow::as_select()));
        self.run("read records of requests", async |connection| {
            let rows: Vec<(i64, RecordRow)> = records.load(connection).await?;
            Ok(rows.into_iter().map(|(number, row)| NumberedRecord { number, record: row.into() }).collect())
        })
        .await
    }

    async fn usage(&self, first: i64, last: i64) -> Result<Vec<(UsageKey, UsageSums)>, StoreError> {
        let rows = usage::table.filter(usage::day.between(first, last)).select(UsageRow::as_select());
        let rows = rows.order((usage::day, usage::program, usage::account, usage::model));
        self.run("read the usage", async |connection| {
            let rows: Vec<UsageRow> = rows.load(connection).await?;
            Ok(rows.into_iter().map(Into::into).collect())
        })
        .await
    }

    async fn forget_before(&self, oldest: Timestamp, first_day: i64) -> Result<(), StoreError> {
        self.run("delete old records of requests", async |connection| {
            let old = requests::table.filter(requests::at.lt(oldest.unix_millis()));
            diesel::delete(old).execute(connection).await?;
            diesel::delete(usage::table.filter(usage::day.lt(first_day))).execute(connection).await?;
            Ok(())
        })
        .await
    }
}

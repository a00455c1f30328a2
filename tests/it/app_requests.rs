//! Tests that request records reach the database even if a reader disconnects or the database is slow.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use futures_util::FutureExt;
use goclaw::{
    app::{App, AppSettings, Ports},
    domain::{
        request_record::{RequestDetails, RequestEnd, RequestRecord, TokenUsage, UsageKey, UsageSums},
        time::Timestamp,
    },
    ports::{NumberedRecord, RequestLog, StoreError, StoreTrouble},
};
use tokio::sync::Semaphore;

use crate::support::{
    fakes::{MemoryStore, NOW, OPENAI, TestGateway, name},
    gateway::eventually,
};

/// Records only when the test permits it, and fails for more records than a slow database stores in time.
struct SlowLog {
    log: Arc<MemoryStore>,
    permits: Arc<Semaphore>,
}

/// The number of records that the slow database stores in time.
const MAX_IN_TIME: usize = 1_000;

#[async_trait]
impl RequestLog for SlowLog {
    async fn record(&self, records: &[RequestRecord], sums: &[(UsageKey, UsageSums)]) -> Result<(), StoreError> {
        self.permits.acquire().await.expect("open").forget();
        if records.len() > MAX_IN_TIME {
            let (doing, source) = ("record requests", "it did not respond in time".into());
            return Err(StoreError::Unavailable { doing, trouble: StoreTrouble::Unavailable, source });
        }
        self.log.record(records, sums).await
    }

    async fn recent(&self, before: Option<i64>, limit: usize) -> Result<Vec<NumberedRecord>, StoreError> {
        self.log.recent(before, limit).await
    }

    async fn usage(&self, first: i64, last: i64) -> Result<Vec<(UsageKey, UsageSums)>, StoreError> {
        self.log.usage(first, last).await
    }

    async fn forget_before(&self, oldest: Timestamp, first_day: i64) -> Result<(), StoreError> {
        self.log.forget_before(oldest, first_day).await
    }
}

fn laptop_record() -> RequestRecord {
    RequestRecord {
        id: "id".to_owned(),
        trace_id: None,
        at: NOW,
        method: "POST".to_owned(),
        route: "/v1/responses".to_owned(),
        status: 200,
        end: RequestEnd::Complete,
        details: RequestDetails {
            program: Some("laptop".to_owned()),
            account: Some(name(OPENAI)),
            ..RequestDetails::default()
        },
        first_byte: None,
        total: Duration::from_millis(1),
        sent_bytes: 1,
    }
}

#[tokio::test]
async fn a_reader_that_disconnects_loses_no_record() {
    let (store, permits) = (Arc::new(MemoryStore::new()), Arc::new(Semaphore::new(0)));
    let log = Arc::new(SlowLog { log: Arc::clone(&store), permits: Arc::clone(&permits) });
    let gateway = TestGateway::with_ports(|ports| Ports { requests: log, ..ports }).await;
    gateway.app.requests.record(laptop_record());
    let unfinished = gateway.app.requests.usage(1).now_or_never();
    assert!(unfinished.is_none(), "the save has begun and waits");
    tokio::task::yield_now().await;
    permits.add_permits(10);
    let day = NOW.unix_days();
    let usage = || async { store.usage(day, day).await.expect("readable").pop() };
    let (key, sums) = eventually("the record", usage).await;
    assert_eq!((key.program.as_str(), sums.requests), ("laptop", 1));
}

#[tokio::test]
async fn a_backlog_that_takes_longer_than_one_operation_is_saved_in_steps() {
    let (store, permits) = (Arc::new(MemoryStore::new()), Arc::new(Semaphore::new(100)));
    let log = Arc::new(SlowLog { log: Arc::clone(&store), permits });
    let gateway = TestGateway::open().await;
    let settings = AppSettings { keep_requests: Duration::from_secs(60), ..gateway.settings.clone() };
    let app = App::new(Ports { requests: log, ..gateway.ports(1) }, settings);
    for _ in 0..5_000 {
        app.requests.record(laptop_record());
    }
    app.requests.usage(1).await.expect("all records are saved");
    assert_eq!(store.recent(None, 10_000).await.expect("readable").len(), 5_000);
}

#[tokio::test]
async fn a_model_that_no_provider_accepted_has_no_usage_of_its_own() {
    let gateway = TestGateway::open().await;
    let record = |status, model: &str, tokens| {
        let details = RequestDetails { model: Some(model.to_owned()), tokens, ..laptop_record().details };
        gateway.app.requests.record(RequestRecord { status, details, ..laptop_record() });
    };
    for number in 0..10 {
        record(400, &format!("invented-{number}"), None);
    }
    record(200, "accepted", None);
    // The caller disconnected after the provider had counted the tokens.
    record(499, "counted", Some(TokenUsage { input: 1, cached: 0, output: 1 }));
    let mut models: Vec<_> = gateway.app.requests.usage(1).await.expect("readable");
    models.sort_by(|(left, _), (right, _)| left.cmp(right));
    let models: Vec<_> = models.iter().map(|(key, sums)| (key.model.as_str(), sums.requests, sums.failures)).collect();
    assert_eq!(models, [("", 10, 10), ("accepted", 1, 0), ("counted", 1, 1)]);
}

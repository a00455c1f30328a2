//! Records finished requests: the access log, the newest records, and the usage of each program and day.

mod running;

use std::{
    collections::{BTreeMap, VecDeque},
    iter, mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::select;

pub use running::RunningRequest;

use super::{AppError, Ports, Tasks, counters};
use crate::{
    domain::{
        ids::AccountName,
        request_record::{RequestRecord, UsageKey, UsageSums},
        time::Timestamp,
    },
    ports::{Clock, NumberedRecord, RequestLog},
};

/// Number of records that are kept in memory.
const MAX_RECENT: usize = 1_000;
/// Maximum number of records, and of usage sums, that wait to be saved. Further ones are dropped.
const MAX_UNSAVED: usize = 10_000;
/// Maximum number of records, and of sums, that are saved in one step, which the database must finish in seconds.
const PER_STEP: usize = 500;
/// Pause between two saves of records and sums.
const SAVE_INTERVAL: Duration = Duration::from_secs(5);
/// Pause between two deletions of old records and sums.
const SWEEP_INTERVAL: Duration = Duration::from_secs(60 * 60);
/// How long usage sums are kept, in days: a year and about a month.
const USAGE_DAYS: i64 = 400;

pub struct Requests {
    log: Arc<dyn RequestLog>,
    clock: Arc<dyn Clock>,
    /// How long records are kept in the database. If zero, only the newest are kept, in memory.
    keep: Duration,
    state: Mutex<State>,
    tasks: Tasks,
}

#[derive(Default)]
struct State {
    /// Number of the newest record.
    count: i64,
    /// Oldest first.
    recent: VecDeque<NumberedRecord>,
    unsaved: Vec<RequestRecord>,
    /// The usage sums that are not saved yet.
    sums: BTreeMap<UsageKey, UsageSums>,
}

impl Requests {
    pub(super) fn new(ports: &Ports, keep: Duration, tasks: &Tasks) -> Self {
        Self {
            log: Arc::clone(&ports.requests),
            clock: Arc::clone(&ports.clock),
            keep,
            state: Mutex::default(),
            tasks: tasks.clone(),
        }
    }

    /// Records a request whose response has ended.
    pub fn record(&self, record: RequestRecord) {
        write_to_log(&record);
        counters::request_ended(&record);
        let mut state = self.lock();
        if let Some(key) = UsageKey::of(&record)
            && (state.sums.len() < MAX_UNSAVED || state.sums.contains_key(&key))
        {
            state.sums.entry(key).or_default().add(UsageSums::of(&record));
        }
        if self.are_kept() && state.unsaved.len() < MAX_UNSAVED {
            state.unsaved.push(record.clone());
        }
        state.count += 1;
        let number = state.count;
        if state.recent.len() == MAX_RECENT {
            state.recent.pop_front();
        }
        state.recent.push_back(NumberedRecord { number, record });
    }

    /// Returns the current time.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Whether records are kept in the database, so that they survive a restart and include other replicas.
    pub fn are_kept(&self) -> bool {
        !self.keep.is_zero()
    }

    /// Returns at most `limit` records with numbers below `before`, newest first.
    ///
    /// # Errors
    /// [`AppError::Store`].
    pub async fn recent(self: &Arc<Self>, before: Option<i64>, limit: usize) -> Result<Vec<NumberedRecord>, AppError> {
        if self.are_kept() {
            self.save_now().await?;
            return Ok(self.log.recent(before, limit).await?);
        }
        let state = self.lock();
        let older = state.recent.iter().rev().filter(|known| before.is_none_or(|before| known.number < before));
        Ok(older.take(limit).cloned().collect())
    }

    /// Returns the usage of programs in the last `days` days (UTC), including today, oldest day first.
    ///
    /// # Errors
    /// [`AppError::Store`].
    pub async fn usage(self: &Arc<Self>, days: i64) -> Result<Vec<(UsageKey, UsageSums)>, AppError> {
        self.save_now().await?;
        let today = self.clock.now().unix_days();
        Ok(self.log.usage(today.saturating_sub(days.saturating_sub(1)), today).await?)
    }

    /// Starts to save records and sums, also once when the gateway stops, and to delete old ones.
    pub(super) fn start_saving(self: &Arc<Self>) {
        let requests = Arc::clone(self);
        self.tasks.start(async move {
            let stopping = requests.tasks.stopping().clone();
            let mut is_down = false;
            loop {
                select! {
                    () = requests.clock.sleep(SAVE_INTERVAL) => {}
                    () = stopping.cancelled() => {}
                }
                let saved = requests.save().await;
                if let Err(error) = &saved
                    && !mem::replace(&mut is_down, true)
                {
                    tracing::warn!(error = %error, "records of requests wait for the database");
                }
                is_down = saved.is_err();
                if stopping.is_cancelled() {
                    return;
                }
            }
        });
        let requests = Arc::clone(self);
        self.tasks.start(async move {
            let stopping = requests.tasks.stopping().clone();
            loop {
                requests.sweep().await;
                select! {
                    () = requests.clock.sleep(SWEEP_INTERVAL) => {}
                    () = stopping.cancelled() => return,
                }
            }
        });
    }

    /// Saves in a task. If a caller that disconnects could cancel the save, the records in it would be lost.
    async fn save_now(self: &Arc<Self>) -> Result<(), AppError> {
        let requests = Arc::clone(self);
        self.tasks.run(async move { requests.save().await }).await
    }

    /// Saves the recorded requests and sums, step by step. After an error, or if new ones arrive faster, the rest waits
    /// for the next call.
    async fn save(&self) -> Result<(), AppError> {
        for _ in 0..=MAX_UNSAVED / PER_STEP {
            let (records, sums) = self.take_step();
            if records.is_empty() && sums.is_empty() {
                return Ok(());
            }
            if let Err(error) = self.log.record(&records, &sums).await {
                self.put_back(records, sums);
                return Err(error.into());
            }
        }
        Ok(())
    }

    fn take_step(&self) -> (Vec<RequestRecord>, Vec<(UsageKey, UsageSums)>) {
        let mut state = self.lock();
        let length = state.unsaved.len().min(PER_STEP);
        let records = state.unsaved.drain(..length).collect();
        let sums = iter::from_fn(|| state.sums.pop_first()).take(PER_STEP).collect();
        (records, sums)
    }

    fn put_back(&self, mut records: Vec<RequestRecord>, sums: Vec<(UsageKey, UsageSums)>) {
        let mut state = self.lock();
        records.append(&mut state.unsaved);
        records.truncate(MAX_UNSAVED);
        state.unsaved = records;
        for (key, sum) in sums {
            if state.sums.len() < MAX_UNSAVED || state.sums.contains_key(&key) {
                state.sums.entry(key).or_default().add(sum);
            }
        }
    }

    async fn sweep(&self) {
        let now = self.clock.now();
        let forgotten = self.log.forget_before(now.minus(self.keep), now.unix_days() - USAGE_DAYS).await;
        if let Err(error) = forgotten {
            tracing::debug!(error = %error, "old request records could not be deleted");
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes the line of the access log.
fn write_to_log(record: &RequestRecord) {
    let RequestRecord { id, trace_id, method, route, status, sent_bytes, details, .. } = record;
    let (trace, end) = (trace_id.as_deref(), record.end.as_str());
    let (program, account) = (details.program.as_deref(), details.account.as_ref().map(AccountName::as_str));
    let model = details.model.as_deref();
    let (input, output) = (details.tokens.map(|tokens| tokens.input), details.tokens.map(|tokens| tokens.output));
    let cached = details.tokens.map(|tokens| tokens.cached);
    let (first_byte_ms, total_ms) = (record.first_byte.map(millis), millis(record.total));
    tracing::info!(
        target: "access",
        method, route, status, end, request.id = id, trace.id = trace, program, provider.name = account, model,
        tokens.input = input, tokens.cached = cached, tokens.output = output, first_byte_ms, total_ms, sent_bytes,
        "request"
    );
}

fn millis(time: Duration) -> u64 {
    time.as_millis().try_into().unwrap_or(u64::MAX)
}

//! Requests and their cost: the access log, the newest records, and what each program has used on each day.

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
const RECENT: usize = 1_000;
/// Maximum number of records, and of sums, that wait for the database. Further ones are dropped.
const MAX_UNSAVED: usize = 10_000;
/// Maximum number of records, and of sums, that are saved in one step, which the database must finish in seconds.
const PER_STEP: usize = 500;
/// How often they are saved.
const SAVE: Duration = Duration::from_secs(5);
/// How often old ones are forgotten.
const SWEEP: Duration = Duration::from_secs(60 * 60);
/// How long sums are kept, in days.
const KEEP_USAGE: i64 = 400;

pub struct Requests {
    log: Arc<dyn RequestLog>,
    clock: Arc<dyn Clock>,
    /// How long records are kept in the database. Zero: only the newest are kept, in memory.
    keep: Duration,
    state: Mutex<State>,
    tasks: Tasks,
}

#[derive(Default)]
struct State {
    /// The number of the newest record.
    count: i64,
    /// Oldest first.
    recent: VecDeque<NumberedRecord>,
    unsaved: Vec<RequestRecord>,
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
        if state.recent.len() == RECENT {
            state.recent.pop_front();
        }
        state.recent.push_back(NumberedRecord { number, record });
    }

    /// Returns the time for a record.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Whether the records of earlier starts and of other replicas are in the database.
    pub fn are_kept(&self) -> bool {
        !self.keep.is_zero()
    }

    /// Returns the newest records with a number below `before`, newest first.
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

    /// Returns what programs have used on the last `days` days, today included, in UTC; oldest day first.
    ///
    /// # Errors
    /// [`AppError::Store`].
    pub async fn usage(self: &Arc<Self>, days: i64) -> Result<Vec<(UsageKey, UsageSums)>, AppError> {
        self.save_now().await?;
        let today = self.clock.now().unix_days();
        Ok(self.log.usage(today.saturating_sub(days.saturating_sub(1)), today).await?)
    }

    /// Saves in the background what was recorded, at the latest when the gateway stops.
    pub(super) fn start_saving(self: &Arc<Self>) {
        let requests = Arc::clone(self);
        self.tasks.start(async move {
            let stopping = requests.tasks.stopping().clone();
            let mut is_down = false;
            loop {
                select! {
                    () = requests.clock.sleep(SAVE) => {}
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
                    () = requests.clock.sleep(SWEEP) => {}
                    () = stopping.cancelled() => return,
                }
            }
        });
    }

    /// Saves for a caller, who may leave meanwhile: what is being saved is in nobody else's hands.
    async fn save_now(self: &Arc<Self>) -> Result<(), AppError> {
        let requests = Arc::clone(self);
        self.tasks.run(async move { requests.save().await }).await
    }

    /// Saves what was recorded, step by step. What could not be saved waits for the next call.
    async fn save(&self) -> Result<(), AppError> {
        loop {
            let (records, sums) = self.take_step();
            if records.is_empty() && sums.is_empty() {
                return Ok(());
            }
            if let Err(error) = self.log.record(&records, &sums).await {
                self.put_back(records, sums);
                return Err(error.into());
            }
        }
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
            state.sums.entry(key).or_default().add(sum);
        }
    }

    async fn sweep(&self) {
        let now = self.clock.now();
        let forgotten = self.log.forget_before(now.minus(self.keep), now.unix_days() - KEEP_USAGE).await;
        if let Err(error) = forgotten {
            tracing::debug!(error = %error, "old records of requests are still there");
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes the line of the access log.
fn write_to_log(record: &RequestRecord) {
    let RequestRecord { id, trace_id, method, route, status, sent_bytes, asked, .. } = record;
    let (trace, end) = (trace_id.as_deref(), record.end.as_str());
    let (program, account) = (asked.program.as_deref(), asked.account.as_ref().map(AccountName::as_str));
    let model = asked.model.as_deref();
    let (input, output) = (asked.tokens.map(|tokens| tokens.input), asked.tokens.map(|tokens| tokens.output));
    let cached = asked.tokens.map(|tokens| tokens.cached);
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

//! Corrects the clock of each replica to the database server's.
//!
//! Replicas compare the end of leases, tokens and logins with the current time, but the clocks of their machines may
//! differ by minutes. So each replica adds the offset of the server's clock to its own. Each read of the change feed
//! measures this offset.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;

use crate::{domain::time::Timestamp, ports::Clock};

/// A difference up to this may be network latency and is not corrected.
const TOLERANCE_MILLIS: i64 = 1_000;
/// A larger difference is logged and reported as [`Clock::skew_millis`].
const SKEW_MILLIS: i64 = 60_000;

/// How far the database server's clock is ahead of this machine's.
#[derive(Debug, Default)]
pub(super) struct ClockOffset {
    millis: AtomicI64,
    is_skew_logged: AtomicBool,
}

impl ClockOffset {
    /// Updates the offset from the server's time and this machine's time before and after it was read.
    pub(super) fn measure(&self, before: Timestamp, server: Timestamp, after: Timestamp) {
        let round_trip = after.unix_millis().saturating_sub(before.unix_millis());
        let middle = before.unix_millis().saturating_add(round_trip / 2);
        let measured = server.unix_millis().saturating_sub(middle);
        let known = self.millis.load(Ordering::Relaxed);
        // A negative round trip means that the local clock was set in between. The next measurement will be valid.
        let is_precise = (0..=TOLERANCE_MILLIS).contains(&round_trip);
        if is_precise && measured.abs_diff(known) > TOLERANCE_MILLIS.unsigned_abs() {
            let corrected = if measured.abs() <= TOLERANCE_MILLIS { 0 } else { measured };
            self.millis.store(corrected, Ordering::Relaxed);
            self.log_skew(corrected);
        }
    }

    fn log_skew(&self, millis: i64) {
        let is_large = millis.abs() > SKEW_MILLIS;
        let was_logged = self.is_skew_logged.swap(is_large, Ordering::Relaxed);
        let seconds = millis.unsigned_abs() / 1_000;
        match (is_large, millis > 0) {
            (true, true) => {
                tracing::warn!(
                    "this machine's clock is {seconds} s behind the database's, whose time is used; set this machine's clock"
                )
            }
            (true, false) => {
                tracing::warn!(
                    "this machine's clock is {seconds} s ahead of the database's, whose time is used; set this machine's clock"
                );
            }
            (false, _) if was_logged => tracing::info!("this machine's clock agrees with the database's again"),
            (false, _) => {}
        }
    }
}

/// The local clock, corrected to the server's.
pub(super) struct ServerClock {
    pub(super) local: Arc<dyn Clock>,
    pub(super) offset: Arc<ClockOffset>,
}

#[async_trait]
impl Clock for ServerClock {
    fn now(&self) -> Timestamp {
        let local = self.local.now().unix_millis();
        Timestamp::from_unix_millis(local.saturating_add(self.offset.millis.load(Ordering::Relaxed)))
    }

    fn skew_millis(&self) -> Option<i64> {
        let ahead = self.offset.millis.load(Ordering::Relaxed).saturating_neg();
        (ahead.abs() > SKEW_MILLIS).then_some(ahead)
    }

    fn since_boot(&self) -> Duration {
        self.local.since_boot()
    }

    async fn sleep(&self, duration: Duration) {
        self.local.sleep(duration).await;
    }
}

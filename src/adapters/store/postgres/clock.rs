//! One clock for all replicas: the database server's.
//!
//! Every replica compares leases and the expiry of tokens and logins with the time, but their clocks may differ by
//! minutes. So a replica corrects its clock by the difference to the server's. Each read of the change feed measures
//! it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;

use crate::{domain::time::Timestamp, ports::Clock};

/// Differences up to this may come from the network, and are not corrected.
const TOLERANCE_MILLIS: i64 = 1_000;
/// A difference above this is logged.
const SKEW_MILLIS: i64 = 60_000;

/// How far the database server's clock is ahead of this machine's.
#[derive(Debug, Default)]
pub(super) struct ClockOffset {
    millis: AtomicI64,
    is_told: AtomicBool,
}

impl ClockOffset {
    /// Takes a reading of the server's clock, made between two readings of this machine's.
    pub(super) fn measure(&self, before: Timestamp, server: Timestamp, after: Timestamp) {
        let round_trip = after.unix_millis().saturating_sub(before.unix_millis());
        let middle = before.unix_millis().saturating_add(round_trip / 2);
        let measured = server.unix_millis().saturating_sub(middle);
        let known = self.millis.load(Ordering::Relaxed);
        // A clock that was set between the two readings gives a negative round trip; the next reading is good.
        let is_precise = (0..=TOLERANCE_MILLIS).contains(&round_trip);
        if is_precise && measured.abs_diff(known) > TOLERANCE_MILLIS.unsigned_abs() {
            let corrected = if measured.abs() <= TOLERANCE_MILLIS { 0 } else { measured };
            self.millis.store(corrected, Ordering::Relaxed);
            self.tell(corrected);
        }
    }

    fn tell(&self, millis: i64) {
        let is_large = millis.abs() > SKEW_MILLIS;
        let was_told = self.is_told.swap(is_large, Ordering::Relaxed);
        let seconds = millis.unsigned_abs() / 1_000;
        match (is_large, millis > 0) {
            (true, true) => {
                tracing::warn!("this machine's clock is {seconds} s behind the database's, which counts; set it")
            }
            (true, false) => {
                tracing::warn!("this machine's clock is {seconds} s ahead of the database's, which counts; set it");
            }
            (false, _) if was_told => tracing::info!("this machine's clock agrees with the database's again"),
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

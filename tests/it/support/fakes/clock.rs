//! A clock that only the test advances.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use goclaw::{domain::time::Timestamp, ports::Clock};
use tokio::sync::watch;

/// A wall clock and a monotonic clock. [`FakeClock::advance`] moves both.
pub(crate) struct FakeClock {
    wall_millis: AtomicI64,
    elapsed: watch::Sender<Duration>,
    skew_millis: AtomicI64,
}

impl FakeClock {
    pub(crate) fn at(now: Timestamp) -> Arc<Self> {
        Arc::new(Self {
            wall_millis: AtomicI64::new(now.unix_millis()),
            elapsed: watch::Sender::new(Duration::ZERO),
            skew_millis: AtomicI64::default(),
        })
    }

    /// Advances both clocks and wakes the sleepers whose time has passed.
    pub(crate) fn advance(&self, by: Duration) {
        let later = self.now().plus(by);
        self.wall_millis.store(later.unix_millis(), Ordering::SeqCst);
        self.elapsed.send_modify(|elapsed| *elapsed += by);
    }

    /// Sets the skew that the clock reports. 0 reports none.
    pub(crate) fn set_skew(&self, millis: i64) {
        self.skew_millis.store(millis, Ordering::SeqCst);
    }

    /// Sets the wall clock alone. Sleepers use the monotonic clock and stay asleep.
    pub(crate) fn set_wall_clock(&self, now: Timestamp) {
        self.wall_millis.store(now.unix_millis(), Ordering::SeqCst);
    }
}

#[async_trait]
impl Clock for FakeClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_millis(self.wall_millis.load(Ordering::SeqCst))
    }

    fn skew_millis(&self) -> Option<i64> {
        Some(self.skew_millis.load(Ordering::SeqCst)).filter(|millis| *millis != 0)
    }

    fn since_boot(&self) -> Duration {
        *self.elapsed.borrow()
    }

    async fn sleep(&self, duration: Duration) {
        let mut elapsed = self.elapsed.subscribe();
        let until = *elapsed.borrow() + duration;
        // The borrowed clock owns the sender, so it cannot close.
        let _ = elapsed.wait_for(|elapsed| *elapsed >= until).await;
    }
}

//! Contract of `Clock`, for the fake and the system clock.

use std::{pin::pin, sync::Arc, time::Duration};

use futures_util::{FutureExt, future::join_all};
use goclaw::{adapters::system::SystemClock, domain::time::Timestamp, ports::Clock};

use super::contract;
use crate::support::{
    fakes::{FakeClock, NOW, settle, within},
    gateway::pause,
};

contract!(fake: Fake, system: System; [
    now_follows_elapsed_time,
    since_boot_follows_elapsed_time,
    a_sleep_ends_after_its_duration_and_not_earlier,
    a_zero_sleep_ends_at_once,
    sleepers_wake_in_order_of_duration,
    a_sleep_starts_at_its_first_poll_or_earlier,
    a_dropped_sleep_does_not_affect_others,
]);

/// Much longer than the timer resolution.
const TICK: Duration = Duration::from_millis(60);

trait Fixture {
    fn open() -> Self;

    fn clock(&self) -> Arc<dyn Clock>;

    /// Reads the wall clock independently.
    fn reference(&self) -> Timestamp;

    async fn pass(&self, time: Duration);
}

struct Fake(Arc<FakeClock>);

impl Fixture for Fake {
    fn open() -> Self {
        Self(FakeClock::at(NOW))
    }

    fn clock(&self) -> Arc<dyn Clock> {
        self.0.clone()
    }

    fn reference(&self) -> Timestamp {
        self.0.now()
    }

    async fn pass(&self, time: Duration) {
        self.0.advance(time);
        settle().await;
    }
}

struct System;

impl Fixture for System {
    fn open() -> Self {
        Self
    }

    fn clock(&self) -> Arc<dyn Clock> {
        Arc::new(SystemClock)
    }

    #[expect(clippy::disallowed_methods, reason = "the clock under test is compared with the system's")]
    fn reference(&self) -> Timestamp {
        let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
        Timestamp::from_unix_millis(since_epoch.as_millis().try_into().expect("before the year 292 million"))
    }

    async fn pass(&self, time: Duration) {
        pause(time).await;
    }
}

async fn now_follows_elapsed_time<F: Fixture>() {
    let fixture = F::open();
    let clock = fixture.clock();
    let (before, now, after) = (fixture.reference(), clock.now(), fixture.reference());
    assert!(before <= now && now <= after, "{before:?} <= {now:?} <= {after:?}");
    fixture.pass(TICK).await;
    assert!(now.until(clock.now()) >= TICK, "{now:?}, {:?}", clock.now());
}

async fn since_boot_follows_elapsed_time<F: Fixture>() {
    let fixture = F::open();
    let clock = fixture.clock();
    let before = clock.since_boot();
    fixture.pass(TICK).await;
    assert!(clock.since_boot() - before >= TICK, "{before:?}, {:?}", clock.since_boot());
}

async fn a_sleep_ends_after_its_duration_and_not_earlier<F: Fixture>() {
    let fixture = F::open();
    let clock = fixture.clock();
    let mut sleep = pin!(clock.sleep(4 * TICK));
    assert!(sleep.as_mut().now_or_never().is_none(), "the sleep ended at once");
    fixture.pass(TICK).await;
    assert!(sleep.as_mut().now_or_never().is_none(), "the sleep ended early");
    fixture.pass(4 * TICK).await;
    within(sleep).await;
}

async fn a_zero_sleep_ends_at_once<F: Fixture>() {
    let fixture = F::open();
    within(fixture.clock().sleep(Duration::ZERO)).await;
}

async fn sleepers_wake_in_order_of_duration<F: Fixture>() {
    let fixture = F::open();
    let clock = fixture.clock();
    let woken = std::sync::Mutex::new(Vec::new());
    let sleepers = [3, 1, 2].map(|ticks| {
        let (clock, woken) = (&clock, &woken);
        async move {
            clock.sleep(ticks * TICK).await;
            woken.lock().expect("no sleeper panics").push(ticks);
        }
    });
    let time = async {
        for _ in 0..4 {
            fixture.pass(TICK).await;
        }
    };
    within(async { tokio::join!(join_all(sleepers), time) }).await;
    assert_eq!(*woken.lock().expect("no sleeper panics"), [1, 2, 3]);
}

async fn a_sleep_starts_at_its_first_poll_or_earlier<F: Fixture>() {
    let fixture = F::open();
    let clock = fixture.clock();
    let mut sleep = pin!(clock.sleep(TICK));
    let _ = sleep.as_mut().now_or_never();
    fixture.pass(2 * TICK).await;
    assert!(sleep.now_or_never().is_some(), "the time has passed");
}

async fn a_dropped_sleep_does_not_affect_others<F: Fixture>() {
    let fixture = F::open();
    let clock = fixture.clock();
    let mut kept = pin!(clock.sleep(3 * TICK));
    assert!(kept.as_mut().now_or_never().is_none());
    assert!(clock.sleep(TICK).now_or_never().is_none());
    fixture.pass(TICK).await;
    assert!(kept.as_mut().now_or_never().is_none(), "the sleep ended early");
    fixture.pass(3 * TICK).await;
    within(kept).await;
}

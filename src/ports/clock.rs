//! The clock. Tests replace it.

use std::time::Duration;

use async_trait::async_trait;

use crate::domain::time::Timestamp;

#[async_trait]
pub trait Clock: Send + Sync {
    /// Returns the wall-clock time in UTC. It may jump in both directions.
    fn now(&self) -> Timestamp;

    /// Returns how many milliseconds this machine's clock is ahead of the database's, if that is worth a warning.
    fn skew_millis(&self) -> Option<i64> {
        None
    }

    /// Returns the time since the machine started, including suspensions. It cannot be set and is the same for all
    /// processes of the machine, so it can measure durations.
    fn since_boot(&self) -> Duration;

    /// Returns once `duration` has passed on the monotonic clock.
    async fn sleep(&self, duration: Duration);
}

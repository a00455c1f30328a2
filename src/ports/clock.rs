//! The clock; tests replace it.

use std::time::Duration;

use async_trait::async_trait;

use crate::domain::time::Timestamp;

#[async_trait]
pub trait Clock: Send + Sync {
    /// Returns the wall-clock time, UTC. It may jump in both directions.
    fn now(&self) -> Timestamp;

    /// Returns how far this machine's clock is ahead of the database's, in milliseconds, if that is worth a warning.
    fn skew_millis(&self) -> Option<i64> {
        None
    }

    /// Returns the time since the machine started, suspensions included. Nobody can set it, so it measures how long
    /// something took; all processes of a machine agree on it.
    fn since_boot(&self) -> Duration;

    /// Returns once `duration` has passed on the monotonic clock.
    async fn sleep(&self, duration: Duration);
}

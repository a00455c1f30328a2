//! Time, as something that can be asked, waited for, and faked.

use std::time::Duration;

use async_trait::async_trait;

use crate::domain::time::Timestamp;

#[async_trait]
pub trait Clock: Send + Sync {
    /// The wall clock, UTC. It may be stepped, also backwards.
    fn now(&self) -> Timestamp;

    /// Returns once `duration` has passed on the monotonic clock.
    async fn sleep(&self, duration: Duration);
}

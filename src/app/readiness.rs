//! Whether this gateway can serve requests, for load balancers and probes.

use super::App;
use crate::ports::StoreTrouble;

/// Whether to send requests here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readiness {
    Ready,
    /// The database fails, but tokens in memory are usable. All replicas share the database, so none would be left if
    /// this counted as down.
    Degraded(StoreTrouble),
    /// The database fails, and there is no usable token in memory.
    Unavailable(StoreTrouble),
    /// The gateway shuts down.
    Stopping,
}

impl App {
    /// Returns whether this gateway can serve requests. Waits for nothing.
    pub fn readiness(&self) -> Readiness {
        if self.tasks.stopping().is_cancelled() {
            return Readiness::Stopping;
        }
        let Some(trouble) = self.follower.store_trouble().or_else(|| self.tokens.store_trouble()) else {
            return Readiness::Ready;
        };
        if self.tokens.has_usable() { Readiness::Degraded(trouble) } else { Readiness::Unavailable(trouble) }
    }
}

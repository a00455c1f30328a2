//! Reports to load balancers and probes whether this gateway can serve requests.

use super::App;
use crate::ports::StoreTrouble;

/// Whether this gateway can serve requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readiness {
    Ready,
    /// The database fails, but there are usable tokens in memory. This counts as up: all replicas share the database,
    /// so otherwise all would be down.
    Degraded(StoreTrouble),
    /// The database fails, and there is no usable token in memory.
    Unavailable(StoreTrouble),
    /// The gateway is shutting down.
    Stopping,
}

impl App {
    /// Returns whether this gateway can serve requests, without calling the database.
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

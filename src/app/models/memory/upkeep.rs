//! Decides when expired and surplus responses are deleted. The deletion adds up the sizes of all responses, which is
//! too slow to do after each response.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use super::LIMITS;
use crate::domain::time::Timestamp;

/// Number of new bytes after which expired and surplus responses are deleted. Until then, a principal may exceed its
/// limit by this much for each gateway, and by the last response.
const MAX_NEW_BYTES: i64 = LIMITS.per_principal / 64;
/// Maximum time between two deletions while responses are stored. Expired responses are never recalled, even if they
/// have not been deleted yet.
const MAX_PERIOD: Duration = Duration::from_mins(1);

/// What was stored since the last deletion; None before the first response.
#[derive(Debug, Default)]
pub(super) struct Upkeep(Mutex<Option<Since>>);

#[derive(Debug)]
struct Since {
    at: Timestamp,
    bytes: i64,
}

impl Upkeep {
    /// Notes a stored response. Returns whether it is time to delete responses.
    pub(super) fn note(&self, bytes: i64, now: Timestamp) -> bool {
        let mut since = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(since) = &mut *since {
            since.bytes = since.bytes.saturating_add(bytes);
            if since.bytes < MAX_NEW_BYTES && now < since.at.plus(MAX_PERIOD) {
                return false;
            }
        }
        *since = Some(Since { at: now, bytes: 0 });
        true
    }
}

//! When room is made in the memory of responses. Doing it for each response would sum up all of them each time.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use super::LIMITS;
use crate::domain::time::Timestamp;

/// The bytes after which room is made: what a token may exceed its limit by.
const BYTES: i64 = LIMITS.per_owner / 64;
/// How long an old response stays at most while others are remembered. It is not recalled meanwhile.
const PERIOD: Duration = Duration::from_mins(1);

/// What was remembered since room was made. None: nothing yet.
#[derive(Debug, Default)]
pub(super) struct Upkeep(Mutex<Option<Since>>);

#[derive(Debug)]
struct Since {
    at: Timestamp,
    bytes: i64,
}

impl Upkeep {
    /// Notes a remembered response. Returns whether it is time to make room.
    pub(super) fn note(&self, bytes: i64, now: Timestamp) -> bool {
        let mut since = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(since) = &mut *since {
            since.bytes = since.bytes.saturating_add(bytes);
            if since.bytes < BYTES && now < since.at.plus(PERIOD) {
                return false;
            }
        }
        *since = Some(Since { at: now, bytes: 0 });
        true
    }
}

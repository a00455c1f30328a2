//! Decides when room is made in the memory of responses. Making room adds up the sizes of all responses, which is too
//! slow to do after each of them.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use super::LIMITS;
use crate::domain::time::Timestamp;

/// The bytes after which room is made, by which a token may exceed its limit.
const BYTES: i64 = LIMITS.per_owner / 64;
/// The longest time between two clean-ups while responses are remembered. An expired response is not recalled
/// meanwhile.
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

//! Limits how many requests of one program run at the same time, so that no program can use up the connections.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::domain::api_token::ApiTokenId;

/// Maximum number of requests of one program that run at the same time. Streams count until they end.
pub(super) const MAX_RUNNING: usize = 256;

/// The places of the programs that have running requests.
#[derive(Default)]
pub(super) struct RunningLimit(Mutex<HashMap<ApiTokenId, Weak<Semaphore>>>);

/// The place of one running request. It is free again when the last copy is dropped. As a response extension it stays
/// until the response has been sent, see `recording.rs`.
#[derive(Clone)]
pub(super) struct RunningSlot {
    _permit: Arc<OwnedSemaphorePermit>,
}

impl RunningLimit {
    /// Takes a place of the program with this id. Returns `None` if all are taken.
    pub(super) fn take(&self, program: &ApiTokenId) -> Option<RunningSlot> {
        let mut programs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let places = programs.get(program).and_then(Weak::upgrade).unwrap_or_else(|| {
            programs.retain(|_, places| places.strong_count() > 0);
            let places = Arc::new(Semaphore::new(MAX_RUNNING));
            programs.insert(program.clone(), Arc::downgrade(&places));
            places
        });
        drop(programs);
        places.try_acquire_owned().ok().map(|permit| RunningSlot { _permit: Arc::new(permit) })
    }
}

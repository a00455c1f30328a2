//! Stores responses that end at about the same time in one batch. On a busy gateway, storing each response separately
//! costs more than proxying it. A response that ends alone is stored at once.

use std::{
    error::Error,
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::{
    select,
    sync::{
        Mutex as AsyncMutex,
        oneshot::{self, error::TryRecvError},
    },
};

use crate::{
    domain::response_memory::RememberedResponse,
    ports::{ResponseMemory, StoreError, StoreTrouble},
};

/// Maximum number of responses in a batch.
const MAX_BATCH: usize = 64;

/// The outcome of a batch, the same for all its responses.
type Stored = Result<(), Arc<StoreError>>;

#[derive(Debug, Default)]
pub(super) struct Batcher {
    waiting: Mutex<Waiting>,
    /// Locked by the task that stores a batch.
    storing: AsyncMutex<()>,
}

#[derive(Debug, Default)]
struct Waiting {
    responses: Vec<RememberedResponse>,
    callers: Vec<oneshot::Sender<Stored>>,
}

impl Waiting {
    fn put(&mut self, response: RememberedResponse, caller: oneshot::Sender<Stored>) {
        self.responses.push(response);
        self.callers.push(caller);
    }

    /// Takes the [`MAX_BATCH`] oldest responses. The rest waits for the next batch.
    fn take(&mut self) -> Self {
        let count = self.responses.len().min(MAX_BATCH);
        let rest = Self { responses: self.responses.split_off(count), callers: self.callers.split_off(count) };
        mem::replace(self, rest)
    }
}

impl Batcher {
    /// Stores a response, together with those that arrived while another batch was stored. Do not drop the future
    /// before it completes, because it also stores the responses of other callers.
    pub(super) async fn store(&self, memory: &dyn ResponseMemory, response: RememberedResponse) -> Stored {
        let (caller, mut stored) = oneshot::channel();
        self.lock().put(response, caller);
        let _guard = select! {
            biased;
            outcome = &mut stored => return outcome.unwrap_or_else(lost),
            guard = self.storing.lock() => guard,
        };
        loop {
            match stored.try_recv() {
                Ok(outcome) => return outcome,
                Err(TryRecvError::Closed) => return lost(TryRecvError::Closed),
                Err(TryRecvError::Empty) => self.store_next(memory).await,
            }
        }
    }

    async fn store_next(&self, memory: &dyn ResponseMemory) {
        let Waiting { responses, callers } = self.lock().take();
        let outcome = memory.remember(&responses).await.map_err(Arc::new);
        for caller in callers {
            // A caller that is gone does not need the outcome.
            let _ = caller.send(outcome.clone());
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns the outcome for a response whose batch was lost, because the task that stored it panicked.
fn lost(cause: impl Error + Send + Sync + 'static) -> Stored {
    let (doing, trouble) = ("remember responses", StoreTrouble::Unavailable);
    Err(Arc::new(StoreError::Unavailable { doing, trouble, source: Box::new(cause) }))
}

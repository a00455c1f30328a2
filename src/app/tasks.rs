//! Tasks that finish even if the caller disconnects. All state changes run in such tasks, and a shutdown waits for
//! them. Long computations run on blocking threads.

use std::{future::Future, sync::Arc};

use tokio::sync::Semaphore;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::Instrument;

use super::{AppError, actor};

/// Input size in bytes from which a computation counts as long. Parsing a body of this size takes about a millisecond.
const LONG_BYTES: usize = 128 * 1024;
/// Maximum number of concurrent long computations. Each holds its input and its result in memory.
const COMPUTATIONS: usize = 2;

#[derive(Debug, Clone)]
pub struct Tasks {
    tracker: TaskTracker,
    stopping: CancellationToken,
    streams_end: CancellationToken,
    computations: Arc<Semaphore>,
}

impl Default for Tasks {
    fn default() -> Self {
        Self {
            tracker: TaskTracker::new(),
            stopping: CancellationToken::new(),
            streams_end: CancellationToken::new(),
            computations: Arc::new(Semaphore::new(COMPUTATIONS)),
        }
    }
}

impl Tasks {
    /// Runs `work` to its end as the caller's actor, even if the caller disconnects.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, AppError>> + Send + 'static,
    ) -> Result<T, AppError> {
        match self.tracker.spawn(actor::acting_as(actor::current(), work).in_current_span()).await {
            Ok(result) => result,
            Err(panic) => {
                tracing::error!(error = %panic, "a task that changes state panicked");
                Err(AppError::TaskDied)
            }
        }
    }

    /// Runs a computation on an input of `bytes` bytes. A long computation runs on a blocking thread, so that it does
    /// not delay other requests.
    pub async fn compute<T: Send + 'static, E: Into<AppError> + Send + 'static>(
        &self,
        bytes: usize,
        work: impl FnOnce() -> Result<T, E> + Send + 'static,
    ) -> Result<T, AppError> {
        if bytes < LONG_BYTES {
            return work().map_err(Into::into);
        }
        let permit = Arc::clone(&self.computations).acquire_owned().await;
        // Hold the permit until the work ends, even if the caller disconnects.
        let work = move || (work(), permit).0;
        match self.tracker.spawn_blocking(work).await {
            Ok(result) => result.map_err(Into::into),
            Err(panic) => {
                tracing::error!(error = %panic, "a computation panicked");
                Err(AppError::TaskDied)
            }
        }
    }

    /// Starts a background task in the caller's span. A shutdown waits for the task, so a loop must end when
    /// [`Tasks::stopping`] is cancelled.
    pub fn start(&self, work: impl Future<Output = ()> + Send + 'static) {
        // The tracker waits for the task, so its handle is not needed.
        drop(self.tracker.spawn(work.in_current_span()));
    }

    /// Returns a token that is cancelled when the gateway begins to stop.
    pub fn stopping(&self) -> &CancellationToken {
        &self.stopping
    }

    /// Returns a token that is cancelled when a shutdown no longer waits for the streams of callers.
    pub fn streams_end(&self) -> &CancellationToken {
        &self.streams_end
    }

    /// Cancels [`Tasks::stopping`] and waits for all tasks.
    pub async fn finish(&self) {
        self.stopping.cancel();
        self.tracker.close();
        self.tracker.wait().await;
    }
}

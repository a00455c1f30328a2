//! Tasks that finish even if the caller disconnects. All state changes run in such tasks, and a shutdown waits for
//! them.

use std::future::Future;

use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::Instrument;

use super::{AppError, actor};

#[derive(Debug, Clone, Default)]
pub struct Tasks {
    tracker: TaskTracker,
    stopping: CancellationToken,
}

impl Tasks {
    /// Runs `work` to its end, even if the caller disconnects. It has the caller's actor.
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

    /// Starts a background task, which a shutdown waits for. A loop must end when [`Tasks::stopping`] is cancelled. The
    /// task's log lines carry the span of its caller.
    pub fn start(&self, work: impl Future<Output = ()> + Send + 'static) {
        // The tracker keeps the task, so its handle is not needed.
        drop(self.tracker.spawn(work.in_current_span()));
    }

    /// Returns a token that is cancelled when the gateway begins to stop.
    pub fn stopping(&self) -> &CancellationToken {
        &self.stopping
    }

    /// Cancels [`Tasks::stopping`] and waits for all tasks.
    pub async fn finish(&self) {
        self.stopping.cancel();
        self.tracker.close();
        self.tracker.wait().await;
    }
}

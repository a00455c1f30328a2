//! Tasks that finish even if the caller disconnects: whatever changes state runs in one, and a shutdown waits for it.

use std::future::Future;

use tokio_util::{sync::CancellationToken, task::TaskTracker};

use tracing::Instrument;

use super::AppError;

#[derive(Debug, Clone, Default)]
pub struct Tasks {
    tracker: TaskTracker,
    stopping: CancellationToken,
}

impl Tasks {
    /// Runs `work` to its end, also if the caller disconnects.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, AppError>> + Send + 'static,
    ) -> Result<T, AppError> {
        match self.tracker.spawn(work.in_current_span()).await {
            Ok(result) => result,
            Err(died) => {
                tracing::error!(error = %died, "a task that changes state died");
                Err(AppError::TaskDied)
            }
        }
    }

    /// Starts a loop that ends once [`Tasks::stopping`] is cancelled.
    pub fn start(&self, work: impl Future<Output = ()> + Send + 'static) {
        // The handle is not needed: the tracker knows the task.
        drop(self.tracker.spawn(work));
    }

    /// Cancelled when the gateway begins to stop.
    pub fn stopping(&self) -> &CancellationToken {
        &self.stopping
    }

    /// Tells every loop to end and waits until all tasks are done.
    pub async fn finish(&self) {
        self.stopping.cancel();
        self.tracker.close();
        self.tracker.wait().await;
    }
}

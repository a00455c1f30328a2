//! Sweeps the logins every minute: ends overdue ones, and deletes those that ended long ago.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use super::Logins;
use crate::app::AppError;

/// Pause between two sweeps.
const SWEEP_INTERVAL: Duration = Duration::from_secs(60);
/// How long an ended login is kept, for `last_login` in the account's status.
const KEPT_FOR: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// When an exchange is considered interrupted by a crash. A code exchange times out after 20 s.
const STUCK_AFTER: Duration = Duration::from_secs(120);
/// The same while tokens of logins are unsaved. Such a login is still exchanging and must not end.
const STUCK_AFTER_IF_UNSAVED: Duration = Duration::from_secs(7 * 24 * 60 * 60);

impl Logins {
    pub(in crate::app) async fn sweep(&self) -> Result<(), AppError> {
        self.decline_overdue().await?;
        let has_unsaved = self.unsaved.load(Ordering::Relaxed) > 0;
        let stuck_after = if has_unsaved { STUCK_AFTER_IF_UNSAVED } else { STUCK_AFTER };
        let ended = self.store.sweep(stuck_after, KEPT_FOR, &self.author()).await?;
        if ended > 0 {
            tracing::info!(logins = ended, "overdue logins ended");
        }
        Ok(())
    }

    pub(in crate::app) fn start_sweeping(self: &Arc<Self>) {
        let logins = Arc::clone(self);
        self.tasks.start(async move {
            loop {
                tokio::select! {
                    () = logins.clock.sleep(SWEEP_INTERVAL) => {}
                    () = logins.tasks.stopping().cancelled() => return,
                }
                if let Err(error) = logins.sweep().await {
                    tracing::warn!(error = %error, "logins could not be swept; the next sweep tries again");
                }
            }
        });
    }
}

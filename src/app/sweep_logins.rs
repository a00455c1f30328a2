//! Sweep logins: end those whose time is over, forget those that ended long ago. Revocations that wait are tried on the way.

use std::{sync::Arc, time::Duration};

use super::{AppError, Gateway};

/// How often to sweep.
const EVERY: Duration = Duration::from_secs(60);
/// How long an ended login stays visible as `last_login`.
const KEEP: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// An exchange takes 20 s at most; one that looks older was cut off by a crash.
const STUCK_AFTER: Duration = Duration::from_secs(120);

impl Gateway {
    pub(super) async fn sweep_logins(&self) -> Result<(), AppError> {
        let ended = self.logins.sweep(self.now(), STUCK_AFTER, KEEP).await?;
        if ended > 0 {
            tracing::info!(logins = ended, "logins whose time was over have ended");
        }
        Ok(())
    }

    pub(super) fn start_sweeper(self: &Arc<Self>) {
        let gateway = Arc::clone(self);
        self.tasks.start(async move {
            loop {
                tokio::select! {
                    () = gateway.clock.sleep(EVERY) => {}
                    () = gateway.tasks.stopping().cancelled() => return,
                }
                if let Err(error) = gateway.sweep_logins().await {
                    tracing::warn!(error = %error, "logins could not be swept; the next sweep tries again");
                }
                if let Err(error) = gateway.sweep_revocations().await {
                    tracing::warn!(error = %error, "revocations could not be swept; the next sweep tries again");
                }
            }
        });
    }
}

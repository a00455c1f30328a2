//! Watches the audit log. Every hour, checks that the previous checkpoint still holds, deletes old entries, and writes
//! a new checkpoint to the gateway's own log.

use std::{sync::Arc, time::Duration};

use super::Audit;
use crate::{app::AppError, domain::audit::Checkpoint};

const INTERVAL: Duration = Duration::from_secs(60 * 60);
/// How long entries are kept: a year and about a month.
const KEPT_FOR: Duration = Duration::from_secs(400 * 24 * 60 * 60);

impl Audit {
    pub(in crate::app) fn start_watching(self: &Arc<Self>) {
        let audit = Arc::clone(self);
        self.tasks.start(async move {
            let mut last = None;
            loop {
                last = audit.watch(last.clone()).await.unwrap_or_else(|error| {
                    tracing::warn!(error = %error, "the audit log could not be read; the next check tries again");
                    last
                });
                tokio::select! {
                    () = audit.clock.sleep(INTERVAL) => {}
                    () = audit.tasks.stopping().cancelled() => return,
                }
            }
        });
    }

    /// Runs one check. `last` is the previous checkpoint. Returns the new one.
    async fn watch(&self, last: Option<Checkpoint>) -> Result<Option<Checkpoint>, AppError> {
        if let Some(checkpoint) = &last {
            let found = self.log.oldest(checkpoint.id - 1, 1).await?;
            if found.first().is_none_or(|entry| entry.checkpoint() != *checkpoint) {
                tracing::error!(%checkpoint,
                    "the audit log lacks entries that were in it: an older copy of the database was restored, or somebody removed them");
            }
        }
        self.log.delete_before(self.now().minus(KEPT_FOR), &self.vault.author(self.now())).await?;
        let newest = self.log.newest(i64::MAX, 1).await?.first().map(|entry| entry.checkpoint());
        if let Some(checkpoint) = newest.as_ref().filter(|newest| last.as_ref() != Some(newest)) {
            tracing::info!(%checkpoint, "checkpoint of the audit log");
        }
        Ok(newest)
    }
}

//! Watches the audit log. Every hour, checks that the previous checkpoint still holds, deletes old entries, and writes
//! a new checkpoint to the gateway's own log.

use std::{sync::Arc, time::Duration};

use super::Audit;
use crate::{
    app::AppError,
    domain::{audit::Checkpoint, time::Timestamp},
};

const INTERVAL: Duration = Duration::from_secs(60 * 60);
/// How long entries are kept: a year and about a month.
const KEPT_FOR: Duration = Duration::from_secs(400 * 24 * 60 * 60);
/// A deletion reads the whole log, so entries are deleted a day's worth at a time.
const DELETION_INTERVAL: Duration = Duration::from_secs(24 * 60 * 60);

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
        let kept_from = self.now().minus(KEPT_FOR);
        let oldest = self.log.oldest(i64::MIN, 1).await?;
        if oldest.first().is_some_and(|oldest| oldest.at < kept_from.minus(DELETION_INTERVAL)) {
            self.delete_before(kept_from).await?;
        }
        let newest = self.log.newest(i64::MAX, 1).await?.first().map(|entry| entry.checkpoint());
        if let Some(checkpoint) = newest.as_ref().filter(|newest| last.as_ref() != Some(newest)) {
            tracing::info!(%checkpoint, "checkpoint of the audit log");
        }
        Ok(newest)
    }

    /// Deletes the entries from before `time` at the beginning of the log. Deletes nothing if the log does not verify:
    /// somebody without the key may have changed the times of entries to have them deleted. The same pass reads the
    /// times, so that they cannot be changed in between.
    ///
    /// # Errors
    /// [`AppError::Store`].
    pub async fn delete_before(&self, time: Timestamp) -> Result<usize, AppError> {
        let (mut end, mut is_before) = (None, true);
        let findings = self.verify_each(None, |entry| {
            is_before &= entry.at < time;
            if is_before {
                end = Some(entry.checkpoint());
            }
        });
        let findings = findings.await?;
        let Some(end) = end else { return Ok(0) };
        // Another gateway may have deleted these entries during the verification, which then finds gaps.
        if self.log.oldest(i64::MIN, 1).await?.first().is_none_or(|oldest| oldest.at >= time) {
            return Ok(0);
        }
        if let Some(problem) = findings.problems.first() {
            tracing::error!(%problem, "old audit entries are not deleted, because the audit log does not verify");
            return Ok(0);
        }
        Ok(self.log.delete_through(&end, &self.vault.author(self.now())).await?)
    }
}

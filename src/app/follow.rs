//! Reads the changes of other replicas on the same database and passes them to the services within a second: refreshes,
//! logins, logouts and API tokens.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use super::{Access, AppError, Ports, Tasks, Tokens};
use crate::{
    domain::{
        history::{CredentialEvent, Revision},
        ids::AccountName,
    },
    ports::{Clock, CredentialHistory},
};

/// Pause between two reads.
const POLL_INTERVAL: Duration = Duration::from_millis(500);
/// Events read at a time.
const PAGE: usize = 500;
/// Events kept, enough for weeks with a few accounts.
const KEPT_EVENTS: usize = 10_000;
/// Reads between two prunings of the history.
const PRUNE_EVERY: u32 = 7_200;

#[derive(Clone)]
pub(super) struct Follower {
    history: Arc<dyn CredentialHistory>,
    clock: Arc<dyn Clock>,
    tokens: Arc<Tokens>,
    access: Arc<Access>,
    tasks: Tasks,
}

impl Follower {
    pub(super) fn new(ports: &Ports, tokens: &Arc<Tokens>, access: &Arc<Access>, tasks: &Tasks) -> Self {
        Self {
            history: Arc::clone(&ports.history),
            clock: Arc::clone(&ports.clock),
            tokens: Arc::clone(tokens),
            access: Arc::clone(access),
            tasks: tasks.clone(),
        }
    }

    /// Returns the number of the newest event.
    pub(super) async fn latest(&self) -> Result<Revision, AppError> {
        Ok(self.history.latest().await?)
    }

    /// Starts to follow after `seen`.
    pub(super) fn start(&self, mut seen: Revision) {
        let follower = self.clone();
        self.tasks.start(async move {
            let mut reads = 0_u32;
            loop {
                tokio::select! {
                    () = follower.clock.sleep(POLL_INTERVAL) => {}
                    () = follower.tasks.stopping().cancelled() => return,
                }
                match follower.read_changes(seen).await {
                    Ok(newest) => seen = newest,
                    // The next read tries again. Cached tokens stay usable.
                    Err(error) => tracing::debug!(error = %error, "changes of other replicas cannot be read"),
                }
                if let Err(error) = follower.access.reload().await {
                    tracing::debug!(error = %error, "the API tokens cannot be read");
                }
                reads = reads.wrapping_add(1);
                if reads.is_multiple_of(PRUNE_EVERY) && follower.history.prune(KEPT_EVENTS).await.is_err() {
                    tracing::debug!("old events could not be pruned");
                }
            }
        });
    }

    /// Reloads every account that changed after `seen` and returns the newest revision read.
    async fn read_changes(&self, mut seen: Revision) -> Result<Revision, AppError> {
        loop {
            let events = self.history.since(seen, PAGE).await?;
            let Some(newest) = events.last().map(|event| event.revision) else { return Ok(seen) };
            let changed: BTreeMap<&AccountName, &CredentialEvent> =
                events.iter().map(|event| (&event.name, event)).collect();
            for (name, last) in changed {
                // This replica's own changes are registered already.
                let is_known = self.tokens.registry().get(name).is_some_and(|known| known.revision >= last.revision);
                if !is_known {
                    self.tokens.reload(name, &last.login_id).await?;
                }
            }
            seen = newest;
            if events.len() < PAGE {
                return Ok(seen);
            }
        }
    }
}

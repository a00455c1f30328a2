//! Follow what other gateways on the same database do: their refreshes, sign-ins, logouts and
//! tokens for programs are known here within a second.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use super::{AppError, Gateway};
use crate::domain::{
    history::{CredentialEvent, Revision},
    ids::{LoginId, ProviderName},
};

const EVERY: Duration = Duration::from_millis(500);
/// Events read at a time.
const PAGE: usize = 500;
/// Events kept: weeks of them, for a person with a few accounts.
const KEEP: usize = 10_000;
/// One look in so many prunes.
const PRUNE_EVERY: u32 = 7_200;

impl Gateway {
    pub(super) fn start_following(self: &Arc<Self>, mut seen: Revision) {
        let gateway = Arc::clone(self);
        self.tasks.start(async move {
            let mut looks = 0_u32;
            loop {
                tokio::select! {
                    () = gateway.clock.sleep(EVERY) => {}
                    () = gateway.tasks.stopping().cancelled() => return,
                }
                match gateway.follow(seen).await {
                    Ok(newest) => seen = newest,
                    // The next look tries again; what is cached serves on.
                    Err(error) => tracing::debug!(error = %error, "changes of other gateways cannot be read"),
                }
                if let Err(error) = gateway.reload_api_tokens().await {
                    tracing::debug!(error = %error, "the tokens of programs cannot be read");
                }
                looks = looks.wrapping_add(1);
                if looks.is_multiple_of(PRUNE_EVERY) && gateway.history.prune(KEEP).await.is_err() {
                    tracing::debug!("old events could not be forgotten");
                }
            }
        });
    }

    /// Takes over every account that has changed since; the newest revision seen.
    async fn follow(&self, mut seen: Revision) -> Result<Revision, AppError> {
        loop {
            let events = self.history.since(seen, PAGE).await?;
            let Some(newest) = events.last().map(|event| event.revision) else { return Ok(seen) };
            let changed: BTreeMap<&ProviderName, &CredentialEvent> =
                events.iter().map(|event| (&event.name, event)).collect();
            for (name, last) in changed {
                // This gateway's own changes are known already.
                let is_known = self.registry.get(name).is_some_and(|account| account.revision >= last.revision);
                if !is_known {
                    self.reload(name, &last.login_id).await?;
                }
            }
            seen = newest;
            if events.len() < PAGE {
                return Ok(seen);
            }
        }
    }

    /// Takes over what the store says about an account; `login_id` is the login last heard of.
    pub(super) async fn reload(&self, name: &ProviderName, login_id: &LoginId) -> Result<(), AppError> {
        match self.credentials.load(name).await? {
            Some(credential) => self.make_known(&credential)?,
            None => self.registry.unregister(name, login_id),
        }
        Ok(())
    }
}

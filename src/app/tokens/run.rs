//! Runs a refresh: joins concurrent callers, takes a slot at the token endpoint, and presents tokens until the refresh
//! is settled.

use std::sync::Arc;

use super::{
    RefreshOutcome, Tokens,
    late::LateCall,
    present::Continuation,
    schedule::MIN_WAIT,
    single_flight::{Follower, Role},
    slots::{IsAwaited, Slot},
};
use crate::{
    app::AppError,
    domain::{
        provider::ProviderDefinition,
        refresh::{Cause, Failure, LeaseId, RefreshTrigger, TokenVersion},
        unreadable::UnreadableAccount,
    },
    ports::{StoreError, StoreTrouble},
};

/// Maximum number of presentations in one refresh. It needs more than one if the provider replaces the cookie without
/// returning a token.
const MAX_PRESENTATIONS: usize = 4;

/// The next presentation of a refresh. All presentations of a refresh use the same slot.
pub(super) struct NextPresentation {
    pub(super) seen: TokenVersion,
    pub(super) trigger: RefreshTrigger,
    pub(super) continuation: Option<Continuation>,
    pub(super) slot: Slot,
}

impl NextPresentation {
    pub(super) fn after(seen: &TokenVersion, continuation: Continuation, slot: Slot) -> Self {
        Self { seen: seen.next(), trigger: RefreshTrigger::Continued, continuation: Some(continuation), slot }
    }
}

/// The state of a refresh after a presentation.
pub(super) enum Progress {
    Ended(RefreshOutcome),
    /// The response did not arrive in time.
    Late(RefreshOutcome, Box<LateCall>),
    /// The response was only a new refresh token, which was committed.
    Replaced(NextPresentation),
}

impl Tokens {
    /// Joins the running refresh of these tokens or starts one, and returns its outcome. The refresh continues if the
    /// caller disconnects, or if the store delays it beyond the longest waits for a slot and for one response.
    pub(in crate::app) fn refresh(
        self: &Arc<Self>,
        definition: &ProviderDefinition,
        seen: &TokenVersion,
        trigger: RefreshTrigger,
    ) -> impl Future<Output = RefreshOutcome> + Send + use<> {
        let follower = self.join_refresh(definition, seen, trigger, true);
        let (tokens, longest) = (Arc::clone(self), definition.refresh.longest_call() * 2 + MIN_WAIT);
        async move {
            tokio::select! {
                outcome = follower => outcome,
                () = tokens.clock.sleep(longest) => match tokens.store_trouble() {
                    Some(trouble) => RefreshOutcome::StoreDown(trouble),
                    None => RefreshOutcome::Waiting(tokens.now().plus(MIN_WAIT)),
                },
            }
        }
    }

    /// Refreshes tokens for the schedule, like [`Tokens::refresh`]. Refreshes that callers wait for get a slot first.
    pub(super) fn refresh_on_schedule(
        self: &Arc<Self>,
        definition: &ProviderDefinition,
        seen: &TokenVersion,
        trigger: RefreshTrigger,
    ) -> impl Future<Output = RefreshOutcome> + Send + use<> {
        self.join_refresh(definition, seen, trigger, false)
    }

    fn join_refresh(
        self: &Arc<Self>,
        definition: &ProviderDefinition,
        seen: &TokenVersion,
        trigger: RefreshTrigger,
        is_caller: bool,
    ) -> impl Future<Output = RefreshOutcome> + Send + use<> {
        let follower = match self.single_flight.join(&definition.name, seen, is_caller) {
            Role::Follower(follower) => {
                if is_caller {
                    self.slots.prioritize(&definition.name);
                }
                follower
            }
            Role::Leader(leader, follower) => {
                let (tokens, definition, seen) = (Arc::clone(self), definition.clone(), seen.clone());
                self.tasks.start(async move {
                    let (outcome, late) = tokens.run_refresh(&definition, seen, trigger, &leader.is_awaited).await;
                    leader.finish(outcome);
                    if let Some(call) = late {
                        tokens.await_late(&definition, call).await;
                    }
                });
                follower
            }
        };
        Follower::outcome(follower)
    }

    #[tracing::instrument(name = "tokens.refresh", skip_all, fields(provider.name = %definition.name))]
    async fn run_refresh(
        self: &Arc<Self>,
        definition: &ProviderDefinition,
        seen: TokenVersion,
        trigger: RefreshTrigger,
        is_awaited: &IsAwaited,
    ) -> (RefreshOutcome, Option<LateCall>) {
        // Take the slot before the lease, so that the lease does not lapse in the queue.
        let Some(slot) = self.wait_for_slot(definition, is_awaited).await else {
            return (RefreshOutcome::Waiting(self.now().plus(MIN_WAIT)), None);
        };
        // The owner has consented to this presentation, so an open breaker does not delay it.
        if trigger != RefreshTrigger::Consented
            && let Err(until) = self.acquire_permission(definition)
        {
            return (RefreshOutcome::Waiting(until), None);
        }
        let first = NextPresentation { seen, trigger, continuation: None, slot };
        let refreshed = self.present_until_settled(definition, first).await;
        if let Err(AppError::Store(StoreError::Unreadable(row))) = refreshed {
            self.quarantine(UnreadableAccount { name: definition.name.clone(), row: *row });
            return (RefreshOutcome::Settled, None);
        }
        let trouble = refreshed.as_ref().err().and_then(AppError::store_trouble);
        self.note_store_trouble(trouble);
        refreshed.unwrap_or_else(|error| {
            // The store logs its trouble itself, once for all attempts.
            if trouble.is_some() {
                tracing::debug!(provider.name = %definition.name, error = %error, "a refresh waits for the database");
            } else {
                tracing::warn!(provider.name = %definition.name, error = %error, "a refresh could not be begun or recorded");
            }
            (store_down(error), None)
        })
    }

    /// Presents the refresh token, and then each new one that came without an access token.
    async fn present_until_settled(
        self: &Arc<Self>,
        definition: &ProviderDefinition,
        mut next: NextPresentation,
    ) -> Result<(RefreshOutcome, Option<LateCall>), AppError> {
        for _ in 0..MAX_PRESENTATIONS {
            match self.acquire_and_present(definition, next).await? {
                Progress::Ended(outcome) => return Ok((outcome, None)),
                Progress::Late(outcome, call) => return Ok((outcome, Some(*call))),
                Progress::Replaced(following) => next = following,
            }
        }
        tracing::warn!(provider.name = %definition.name, "the provider replaces the cookie and returns no token");
        let lease = LeaseId::from_bytes(self.random_bytes()?);
        self.record_failure(definition, &next.seen, lease, Failure::Rejected(Cause::Unauthorized)).await?;
        Ok((RefreshOutcome::Settled, None))
    }
}

/// Returns the outcome of a refresh if a step could not be stored.
pub(super) fn store_down(error: AppError) -> RefreshOutcome {
    RefreshOutcome::StoreDown(error.store_trouble().unwrap_or(StoreTrouble::Unavailable))
}

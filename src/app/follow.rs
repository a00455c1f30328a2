//! Polls the database for changes of other replicas (account events, logins, API tokens, encryption keys, provider
//! feedback) and passes them to the services within about half a second.
//!
//! The change feed has a mark for each of these, and the follower reads only those whose mark has changed. It also
//! detects a restored older database, which lacks the last event that it has read, or an event that this gateway wrote.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use super::{Access, AppError, Keys, Logins, Ports, Tasks, Tokens};
use crate::{
    domain::{
        history::{CredentialEvent, Revision},
        ids::AccountName,
    },
    ports::{ChangeFeed, ChangeMark, ChangeMarks, Clock, CredentialHistory, NewEvents, StoreTrouble},
};

/// Pause between two polls.
const POLL_INTERVAL: Duration = Duration::from_millis(500);
/// Number of events read at a time.
const PAGE: usize = 500;
/// Number of events kept: those of several weeks, for a few accounts.
const KEPT_EVENTS: usize = 10_000;
/// Number of polls in about an hour.
const POLLS_PER_HOUR: u32 = 7_200;

#[derive(Clone)]
pub(super) struct ChangeFollower {
    changes: Arc<dyn ChangeFeed>,
    history: Arc<dyn CredentialHistory>,
    clock: Arc<dyn Clock>,
    tokens: Arc<Tokens>,
    logins: Arc<Logins>,
    access: Arc<Access>,
    keys: Arc<Keys>,
    tasks: Tasks,
    /// Why the last poll failed; None if it succeeded.
    trouble: Arc<Mutex<Option<StoreTrouble>>>,
}

/// The last changes that this replica has read.
pub(super) struct Position {
    marks: ChangeMarks,
    event: Option<CredentialEvent>,
}

impl ChangeFollower {
    pub(super) fn new(
        ports: &Ports,
        tokens: &Arc<Tokens>,
        logins: &Arc<Logins>,
        access: &Arc<Access>,
        keys: &Arc<Keys>,
        tasks: &Tasks,
    ) -> Self {
        Self {
            changes: Arc::clone(&ports.changes),
            history: Arc::clone(&ports.history),
            clock: Arc::clone(&ports.clock),
            tokens: Arc::clone(tokens),
            logins: Arc::clone(logins),
            access: Arc::clone(access),
            keys: Arc::clone(keys),
            tasks: tasks.clone(),
            trouble: Arc::default(),
        }
    }

    /// Returns why the last poll of the database failed; None if it succeeded.
    pub(super) fn store_trouble(&self) -> Option<StoreTrouble> {
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the current position. Call it before reading the database: following from it then misses no change.
    pub(super) async fn position(&self) -> Result<Position, AppError> {
        Ok(Position { marks: self.changes.marks().await?, event: self.newest_event().await? })
    }

    async fn newest_event(&self) -> Result<Option<CredentialEvent>, AppError> {
        Ok(self.history.newest(1).await?.pop())
    }

    /// Starts to follow from the position `seen`.
    pub(super) fn start(&self, mut seen: Position) {
        let follower = self.clone();
        self.tasks.start(async move {
            let mut polls = 0_u32;
            loop {
                tokio::select! {
                    () = follower.clock.sleep(POLL_INTERVAL) => {}
                    () = follower.tasks.stopping().cancelled() => return,
                }
                // After an error, cached tokens stay usable and the next poll tries again. The store has logged it.
                let read = follower.catch_up(&mut seen).await;
                let trouble = read.as_ref().err().and_then(AppError::store_trouble);
                *follower.trouble.lock().unwrap_or_else(PoisonError::into_inner) = trouble;
                if let Err(error) = read {
                    tracing::debug!(error = %error, "changes of other replicas cannot be read");
                }
                polls = polls.wrapping_add(1);
                if polls.is_multiple_of(POLLS_PER_HOUR) {
                    follower.run_maintenance().await;
                }
            }
        });
    }

    /// Runs [`Self::run_maintenance`] in the background, because reading a large token journal takes seconds.
    pub(super) fn start_maintenance(&self) {
        let follower = self.clone();
        self.tasks.start(async move { follower.run_maintenance().await });
    }

    /// Deletes old events, and reports which keys the journal needs. Only logs a failure, because it runs every hour.
    pub(super) async fn run_maintenance(&self) {
        if self.history.prune(KEPT_EVENTS).await.is_err() {
            tracing::debug!("old events could not be pruned");
        }
        if let Err(error) = self.keys.report_journal().await {
            tracing::debug!(error = %error, "the token journal could not be reported");
        }
    }

    /// Passes each change to its service. If the service fails, the next poll passes the change again.
    async fn catch_up(&self, seen: &mut Position) -> Result<(), AppError> {
        let marks = self.changes.marks().await?;
        let newest_read = seen.event.as_ref().map(|event| event.revision).unwrap_or_default();
        if self.tokens.registry().newest_revision() > newest_read {
            // This gateway has written since the last poll. If a copy from before that was restored, it has the mark
            // that was read then.
            seen.marks.accounts = ChangeMark::default();
        }
        let outcomes = [
            pass_on_change(&mut seen.marks.api_tokens, marks.api_tokens, self.access.reload()).await,
            pass_on_change(&mut seen.marks.accounts, marks.accounts, self.read_events(&mut seen.event)).await,
            pass_on_change(&mut seen.marks.logins, marks.logins, self.notify_logins()).await,
            pass_on_change(&mut seen.marks.keys, marks.keys, self.reload_keys()).await,
            pass_on_change(&mut seen.marks.feedback, marks.feedback, self.tokens.load_feedback()).await,
        ];
        outcomes.into_iter().collect()
    }

    /// Records the ends of logins that other replicas have ended while this one read no events. Otherwise an older copy
    /// of the database, restored later, could bring such a login back.
    pub(super) async fn note_missed_ends(&self) -> Result<(), AppError> {
        let others = self.tokens.other_logins().await;
        for name in &others.names {
            let mut events = self.history.of(name, PAGE).await?;
            events.reverse();
            self.tokens.note_missed_ends(name, &events, &others).await;
        }
        Ok(())
    }

    async fn reload_keys(&self) -> Result<(), AppError> {
        self.keys.reload_keys().await?;
        self.keys.report_journal().await?;
        self.tokens.retry_unreadable().await
    }

    async fn notify_logins(&self) -> Result<(), AppError> {
        self.logins.notify_changed();
        Ok(())
    }

    /// Reloads every account that changed after `seen`, and sets `seen` to the newest event.
    async fn read_events(&self, seen: &mut Option<CredentialEvent>) -> Result<(), AppError> {
        let newest_registered = self.tokens.registry().newest_revision();
        loop {
            // Read the last event again, to detect a restored database that lacks it.
            let after = seen.as_ref().map(|event| Revision(event.revision.0 - 1)).unwrap_or_default();
            let NewEvents { mut events, is_complete } = self.history.since(after, PAGE).await?;
            if seen.is_some() {
                if events.first() != seen.as_ref() {
                    return self.repair_after_restore(seen).await;
                }
                events.remove(0);
            }
            if !is_complete {
                self.tokens.compare_all().await?;
                self.note_unread_versions().await?;
            }
            let Some(newest) = events.last().cloned() else { break };
            self.reload_changed(&events).await?;
            *seen = Some(newest);
            // A page that is not full is the last one.
            if events.len() < PAGE - 1 {
                break;
            }
        }
        let newest = seen.as_ref().map(|event| event.revision).unwrap_or_default();
        if newest < newest_registered { self.repair_after_restore(seen).await } else { Ok(()) }
    }

    async fn reload_changed(&self, events: &[CredentialEvent]) -> Result<(), AppError> {
        let mut changed: BTreeMap<&AccountName, Vec<&CredentialEvent>> = BTreeMap::new();
        for event in events {
            changed.entry(&event.name).or_default().push(event);
        }
        for (name, events) in changed {
            self.tokens.note_ends(name, &events).await;
            let Some(last) = events.last() else { continue };
            // The changes of this replica are already registered.
            let is_known = self.tokens.registry().get(name).is_some_and(|known| known.revision >= last.revision);
            if !is_known {
                self.tokens.reload(name, &last.login_id, last.revision).await?;
            }
        }
        Ok(())
    }

    async fn repair_after_restore(&self, seen: &mut Option<CredentialEvent>) -> Result<(), AppError> {
        let newest = self.newest_event().await?;
        self.tokens.repair_after_restore().await?;
        self.note_unread_versions().await?;
        *seen = newest;
        Ok(())
    }

    /// Records in the journal what this gateway has registered without having read the events in between.
    async fn note_unread_versions(&self) -> Result<(), AppError> {
        self.note_missed_ends().await?;
        self.tokens.mark_registered().await;
        Ok(())
    }
}

/// Runs `pass_on` if the mark has changed since `seen`. If it succeeds, updates `seen`.
async fn pass_on_change(
    seen: &mut ChangeMark,
    current: ChangeMark,
    pass_on: impl Future<Output = Result<(), AppError>>,
) -> Result<(), AppError> {
    if *seen != current {
        pass_on.await?;
        *seen = current;
    }
    Ok(())
}

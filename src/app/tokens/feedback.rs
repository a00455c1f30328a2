//! Provider feedback on the accounts, for their status.
//!
//! Requests change the feedback in memory and do not wait for the store. One task stores the changes. Other replicas
//! read them when the change feed reports them.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::{select, sync::Notify};

use super::Tokens;
use crate::{
    app::AppError,
    domain::{
        ids::{AccountName, LoginId},
        provider_feedback::{FeedbackSource, ProviderFeedback},
    },
    ports::StoredFeedback,
};

/// Pause before the next attempt after the store has failed.
const PAUSE: Duration = Duration::from_secs(1);

#[derive(Debug, Default)]
pub(super) struct Feedback {
    known: Mutex<HashMap<AccountName, FeedbackEntry>>,
    /// Whether `known` has entries, so that most requests need not lock it.
    any: AtomicBool,
    unsaved: Notify,
}

#[derive(Debug)]
struct FeedbackEntry {
    login_id: LoginId,
    feedback: ProviderFeedback,
    is_unsaved: bool,
}

impl Feedback {
    /// Applies a change. Returns whether anything changed.
    fn change(&self, name: &AccountName, login_id: &LoginId, change: impl FnOnce(&mut ProviderFeedback)) -> bool {
        let mut known = self.lock();
        let before = known.get(name).filter(|known| known.login_id == *login_id);
        let before = before.map(|known| known.feedback.clone()).unwrap_or_default();
        let mut feedback = before.clone();
        change(&mut feedback);
        if feedback == before {
            return false;
        }
        known.insert(name.clone(), FeedbackEntry { login_id: login_id.clone(), feedback, is_unsaved: true });
        self.any.store(true, Ordering::Relaxed);
        self.unsaved.notify_one();
        true
    }

    /// Replaces all saved entries with the stored ones. Keeps unsaved entries, which are newer. Returns whether
    /// anything may have changed.
    fn replace(&self, stored: Vec<StoredFeedback>) -> bool {
        let mut known = self.lock();
        let count_before = known.len();
        known.retain(|_, known| known.is_unsaved);
        let is_different = known.len() != count_before || !stored.is_empty();
        for StoredFeedback { name, login_id, feedback } in stored {
            known.entry(name).or_insert(FeedbackEntry { login_id, feedback, is_unsaved: false });
        }
        self.any.store(!known.is_empty(), Ordering::Relaxed);
        is_different
    }

    fn unsaved(&self) -> Vec<StoredFeedback> {
        let known = self.lock();
        let unsaved = known.iter().filter(|(_, known)| known.is_unsaved);
        let stored = unsaved.map(|(name, known)| StoredFeedback {
            name: name.clone(),
            login_id: known.login_id.clone(),
            feedback: known.feedback.clone(),
        });
        stored.collect()
    }

    /// Marks an entry as saved, unless it has changed again.
    fn mark_saved(&self, stored: &StoredFeedback) {
        if let Some(known) = self.lock().get_mut(&stored.name)
            && (&known.login_id, &known.feedback) == (&stored.login_id, &stored.feedback)
        {
            known.is_unsaved = false;
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<AccountName, FeedbackEntry>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tokens {
    /// Returns what the provider said last about a login.
    pub(in crate::app) fn feedback(&self, name: &AccountName, login_id: &LoginId) -> ProviderFeedback {
        if !self.feedback.any.load(Ordering::Relaxed) {
            return ProviderFeedback::default();
        }
        let known = self.feedback.lock();
        let known = known.get(name).filter(|known| known.login_id == *login_id);
        known.map(|known| known.feedback.clone()).unwrap_or_default()
    }

    /// Notes that the provider accepted a request of this kind.
    pub(in crate::app) fn note_answered(&self, name: &AccountName, login_id: &LoginId, source: FeedbackSource) {
        if self.feedback.any.load(Ordering::Relaxed) {
            self.note_feedback(name, login_id, |feedback| feedback.note_accepted(source));
        }
    }

    /// Changes the feedback on a login, unless another login has replaced it.
    pub(in crate::app) fn note_feedback(
        &self,
        name: &AccountName,
        login_id: &LoginId,
        change: impl FnOnce(&mut ProviderFeedback),
    ) {
        let is_current = self.registry.get(name).is_some_and(|known| known.refresh.version.login_id == *login_id);
        if is_current && self.feedback.change(name, login_id, change) {
            self.registry.notify_changed();
        }
    }

    /// Reloads the stored feedback, which other replicas may have changed.
    pub(in crate::app) async fn load_feedback(&self) -> Result<(), AppError> {
        if self.feedback.replace(self.store.feedback().await?) {
            self.registry.notify_changed();
        }
        Ok(())
    }

    pub(in crate::app) fn start_saving_feedback(self: &Arc<Self>) {
        let (tokens, stopping) = (Arc::clone(self), self.tasks.stopping().clone());
        self.tasks.start(async move {
            loop {
                select! {
                    () = tokens.feedback.unsaved.notified() => {}
                    () = stopping.cancelled() => {}
                }
                while let Err(error) = tokens.save_feedback().await {
                    tracing::warn!(error = %error, "provider feedback cannot be stored and is kept in memory");
                    if stopping.run_until_cancelled(tokens.clock.sleep(PAUSE)).await.is_none() {
                        return;
                    }
                }
                if stopping.is_cancelled() {
                    return;
                }
            }
        });
    }

    async fn save_feedback(&self) -> Result<(), AppError> {
        for changed in self.feedback.unsaved() {
            if let Some(event) = self.store.put_feedback(&changed, self.now()).await? {
                self.events.emit(&event);
            }
            self.feedback.mark_saved(&changed);
        }
        Ok(())
    }
}

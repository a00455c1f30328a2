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
    ports::{StoreError, StoredFeedback},
};

/// Pause before the next attempt after the store has failed.
const RETRY_PAUSE: Duration = Duration::from_secs(1);

#[derive(Debug, Default)]
pub(super) struct Feedback {
    entries: Mutex<HashMap<AccountName, FeedbackEntry>>,
    /// Whether `entries` is not empty. Most requests find it empty, and need not lock it.
    has_entries: AtomicBool,
    became_unsaved: Notify,
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
        let mut entries = self.lock();
        let before = entries.get(name).filter(|entry| entry.login_id == *login_id);
        let before = before.map(|entry| entry.feedback.clone()).unwrap_or_default();
        let mut feedback = before.clone();
        change(&mut feedback);
        if feedback == before {
            return false;
        }
        entries.insert(name.clone(), FeedbackEntry { login_id: login_id.clone(), feedback, is_unsaved: true });
        self.has_entries.store(true, Ordering::Relaxed);
        self.became_unsaved.notify_one();
        true
    }

    /// Replaces all saved entries with the stored ones. Keeps unsaved entries, which are newer. Returns whether
    /// anything may have changed.
    fn replace(&self, stored: Vec<StoredFeedback>) -> bool {
        let mut entries = self.lock();
        let count_before = entries.len();
        entries.retain(|_, entry| entry.is_unsaved);
        let is_different = entries.len() != count_before || !stored.is_empty();
        for StoredFeedback { name, login_id, feedback } in stored {
            entries.entry(name).or_insert(FeedbackEntry { login_id, feedback, is_unsaved: false });
        }
        self.has_entries.store(!entries.is_empty(), Ordering::Relaxed);
        is_different
    }

    fn unsaved(&self) -> Vec<StoredFeedback> {
        let entries = self.lock();
        let unsaved = entries.iter().filter(|(_, entry)| entry.is_unsaved);
        let unsaved = unsaved.map(|(name, entry)| StoredFeedback {
            name: name.clone(),
            login_id: entry.login_id.clone(),
            feedback: entry.feedback.clone(),
        });
        unsaved.collect()
    }

    /// Marks an entry as saved, unless it has changed again.
    fn mark_saved(&self, stored: &StoredFeedback) {
        if let Some(entry) = self.lock().get_mut(&stored.name)
            && (&entry.login_id, &entry.feedback) == (&stored.login_id, &stored.feedback)
        {
            entry.is_unsaved = false;
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<AccountName, FeedbackEntry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tokens {
    /// Returns what the provider said last about a login.
    pub(in crate::app) fn feedback(&self, name: &AccountName, login_id: &LoginId) -> ProviderFeedback {
        if !self.feedback.has_entries.load(Ordering::Relaxed) {
            return ProviderFeedback::default();
        }
        let entries = self.feedback.lock();
        let entry = entries.get(name).filter(|entry| entry.login_id == *login_id);
        entry.map(|entry| entry.feedback.clone()).unwrap_or_default()
    }

    /// Notes that the provider accepted a request of the kind `source`.
    pub(in crate::app) fn note_answered(&self, name: &AccountName, login_id: &LoginId, source: FeedbackSource) {
        if self.feedback.has_entries.load(Ordering::Relaxed) {
            self.note_feedback(name, login_id, |feedback| feedback.note_accepted(source));
        }
    }

    /// Changes the feedback on a login if it is the account's current one.
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
                    () = tokens.feedback.became_unsaved.notified() => {}
                    () = stopping.cancelled() => {}
                }
                while let Err(error) = tokens.save_feedback().await {
                    tracing::warn!(error = %error, "provider feedback cannot be stored and is kept in memory");
                    if stopping.run_until_cancelled(tokens.clock.sleep(RETRY_PAUSE)).await.is_none() {
                        return;
                    }
                }
                if stopping.is_cancelled() {
                    return;
                }
            }
        });
    }

    /// Stores all changes. An unreadable account does not affect the others.
    async fn save_feedback(&self) -> Result<(), AppError> {
        for unsaved in self.feedback.unsaved() {
            match self.store.put_feedback(&unsaved, self.now()).await {
                Ok(event) => event.iter().for_each(|event| self.events.emit(event)),
                // The status shows the unreadable row. The feedback stays in memory.
                Err(StoreError::Unreadable(_)) => {}
                Err(error) => return Err(error.into()),
            }
            self.feedback.mark_saved(&unsaved);
        }
        Ok(())
    }
}

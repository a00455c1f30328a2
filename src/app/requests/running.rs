//! The request of the current task, for its record. It is a task-local value, like a tracing span, so that use cases do
//! not pass it on.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::domain::{
    ids::AccountName,
    request_record::{Asked, TokenUsage},
};

tokio::task_local! {
    static CURRENT: RunningRequest;
}

/// What is known so far of a request that is being answered.
#[derive(Debug, Clone, Default)]
pub struct RunningRequest(Arc<Mutex<Asked>>);

impl RunningRequest {
    /// Runs `work` with this as the current request.
    pub async fn scope<F: Future>(self, work: F) -> F::Output {
        CURRENT.scope(self, work).await
    }

    /// Returns the current request. Outside of one, notes are lost.
    pub fn current() -> Self {
        CURRENT.try_with(Self::clone).unwrap_or_default()
    }

    /// Notes the caller: the name of a program's token, `gateway token` or `page`.
    pub fn note_program(&self, name: &str) {
        self.lock().program = Some(name.to_owned());
    }

    pub(in crate::app) fn note_account(&self, account: &AccountName) {
        self.lock().account = Some(account.clone());
    }

    pub(in crate::app) fn note_model(&self, account: &AccountName, model: &str) {
        self.note_account(account);
        self.lock().set_model(model);
    }

    /// Notes the tokens that a response, a chunk or an event names, if it names any.
    pub(in crate::app) fn note_usage(&self, json: &[u8]) {
        if let Some(tokens) = TokenUsage::of_json(json) {
            self.lock().tokens = Some(tokens);
        }
    }

    /// Returns what is known.
    pub fn asked(&self) -> Asked {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Asked> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

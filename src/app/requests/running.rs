//! The request that the current task answers. Use cases note in it what its record shows. It is a task-local value, so
//! that use cases need not pass it as an argument.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::domain::{
    ids::AccountName,
    request_record::{RequestDetails, TokenUsage},
};

tokio::task_local! {
    static CURRENT: RunningRequest;
}

/// What was noted so far about a request that is being answered.
#[derive(Debug, Clone, Default)]
pub struct RunningRequest(Arc<Mutex<RequestDetails>>);

impl RunningRequest {
    /// Runs `work` with this as the current request.
    pub async fn scope<F: Future>(self, work: F) -> F::Output {
        CURRENT.scope(self, work).await
    }

    /// Returns the current request. Outside of a request, returns a new one that nobody reads.
    pub fn current() -> Self {
        CURRENT.try_with(Self::clone).unwrap_or_default()
    }

    /// Notes the caller: the display name of a program's token, `gateway token` or `page`.
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

    /// Notes the token usage in the JSON of a response, chunk or event, if it has any.
    pub(in crate::app) fn note_usage(&self, json: &[u8]) {
        if let Some(tokens) = TokenUsage::of_json(json) {
            self.lock().tokens = Some(tokens);
        }
    }

    /// Returns what was noted.
    pub fn details(&self) -> RequestDetails {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, RequestDetails> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

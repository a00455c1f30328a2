//! Stores complete responses, so that later requests can refer to them. A response is stored before its caller receives
//! its end, unless that takes longer than [`MAX_WAIT`].

use std::sync::Arc;

use serde_json::value::RawValue;
use tokio::select;

use super::{Content, LIMITS, MAX_BYTES, MAX_WAIT, UnsealedResponse, reasoning};
use crate::{
    app::{AppError, models::Models},
    domain::{
        dialect::{ReasonedCalls, ResponseItems},
        ids::{AccountName, Principal},
        response_memory::{RememberedResponse, ResponseId},
    },
};

/// A running response that is stored when it is complete.
#[derive(Debug)]
pub(in crate::app::models) struct PendingMemory {
    pub(in crate::app::models) principal: Principal,
    pub(in crate::app::models) part: StoredPart,
}

/// The part of a response that is stored.
#[derive(Debug)]
pub(in crate::app::models) enum StoredPart {
    /// The whole response, with the input items of its request as a JSON array, and the response that it continues.
    Whole { input: String, previous: Option<ResponseId> },
    /// Only the reasoning before tool calls, for this account.
    Reasoning(AccountName),
}

/// A complete response.
#[derive(Debug)]
pub(in crate::app::models) enum Complete {
    /// A response of the Responses API, as JSON.
    Response(String),
    /// The tool calls of a chat, with the reasoning before them.
    Chat(ReasonedCalls),
}

impl StoredPart {
    /// Returns what to store of a complete response; None if it has no id.
    fn of(self, complete: &Complete) -> Option<UnsealedResponse> {
        match (self, complete) {
            (Self::Whole { input, previous }, Complete::Response(response)) => {
                let ResponseItems { id, item_ids, .. } = ResponseItems::of(response)?;
                let raw = |json| serde_json::from_str::<&RawValue>(json).ok();
                let content = serde_json::to_string(&Content { input: raw(&input)?, response: raw(response)? }).ok()?;
                Some(UnsealedResponse { id, previous, items: item_ids, content })
            }
            (Self::Reasoning(account), Complete::Chat(calls)) => reasoning::content_to_store(&account, calls),
            (Self::Whole { .. }, Complete::Chat(_)) | (Self::Reasoning(_), Complete::Response(_)) => None,
        }
    }
}

impl Models {
    /// Stores a complete response. Waits until it is stored, at most [`MAX_WAIT`].
    pub(in crate::app::models) async fn remember(self: &Arc<Self>, pending_memory: PendingMemory, complete: Complete) {
        let models = Arc::clone(self);
        let stored = self.tasks.run(async move { models.store_response(pending_memory, &complete).await });
        select! {
            stored = stored => {
                if let Err(error) = stored {
                    tracing::warn!(error = %error, "a response is not remembered");
                }
            }
            () = self.clock.sleep(MAX_WAIT) => tracing::warn!("a response is not remembered yet"),
        }
    }

    async fn store_response(
        self: Arc<Self>,
        pending_memory: PendingMemory,
        complete: &Complete,
    ) -> Result<(), AppError> {
        let PendingMemory { principal, part } = pending_memory;
        let Some(UnsealedResponse { id, previous, items, content }) = part.of(complete) else { return Ok(()) };
        let Some(id) = ResponseId::parse(&id) else { return Ok(()) };
        // Base64 adds a third. If the sealed content exceeds the limit of a recall, no request can use it.
        if content.len() / 3 * 4 > usize::try_from(MAX_BYTES).unwrap_or(usize::MAX) {
            tracing::info!(response.bytes = content.len(), "a response is too large to be remembered");
            return Ok(());
        }
        let content = self.memory.vault.seal_response(&id, &principal, previous.as_ref(), &content)?;
        let items = items.into_iter().filter(|item| ResponseId::parse(item).is_some()).collect();
        let remembered = RememberedResponse { id, principal, previous, items, content, used_at: self.now() };
        let size = remembered.size();
        if let Err(error) = self.memory.batcher.store(self.memory.store.as_ref(), remembered).await {
            tracing::warn!(error = %error, "a response is not remembered");
            return Ok(());
        }
        if self.memory.upkeep.note(size, self.now()) {
            self.tasks.clone().start(self.make_room());
        }
        Ok(())
    }

    async fn make_room(self: Arc<Self>) {
        let oldest = self.now().minus(self.memory.lifetime);
        if let Err(error) = self.memory.store.make_room(oldest, LIMITS).await {
            tracing::warn!(error = %error, "old responses could not be deleted");
        }
    }
}

//! Remembers the model's reasoning in tool loops of Chat Completions, whose messages cannot carry it. It is stored
//! under the ids of the tool calls that follow it, and inserted before them when the caller sends their outputs. The
//! provider encrypts reasoning for one account, so it is only sent back to that account.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::select;

use super::{MAX_REFERENCES, MAX_WAIT, RecalledItems, UnsealedResponse, may_read};
use crate::{
    app::{AppError, models::Models},
    domain::{
        dialect::{ReasonedCall, ReasonedCalls},
        ids::{AccountName, Principal},
        response_memory::{ReadLimits, ResponseId},
    },
};

/// How long reasoning is remembered. If a tool takes longer, the model reasons again.
const LIFETIME: Duration = Duration::from_secs(60 * 60);

/// Reasoning items by the ids of the tool calls that follow them.
type ReasoningByCall = BTreeMap<String, Vec<Value>>;

/// The content that is sealed and stored.
#[derive(Serialize, Deserialize)]
struct ReasoningContent {
    account: String,
    calls: Vec<ReasonedCall>,
}

/// Returns what to store of a chat's reasoning.
pub(super) fn content_to_store(account: &AccountName, reasoned: &ReasonedCalls) -> Option<UnsealedResponse> {
    let ReasonedCalls { response_id, calls } = reasoned;
    let items = calls.iter().map(|call| call.call_id.clone()).collect();
    let content = ReasoningContent { account: account.to_string(), calls: calls.clone() };
    Some(UnsealedResponse {
        id: response_id.clone(),
        previous: None,
        items,
        content: serde_json::to_string(&content).ok()?,
    })
}

impl Models {
    /// Returns the reasoning before the newest of these tool calls, as far as it is remembered for this caller and
    /// account. Returns none after an error, or after [`MAX_WAIT`].
    pub(in crate::app::models) async fn recall_reasoning(
        &self,
        caller: &Principal,
        account: &AccountName,
        calls: &[String],
    ) -> RecalledItems<ReasoningByCall> {
        let newest = calls.iter().rev().filter(|id| ResponseId::parse(id).is_some()).take(MAX_REFERENCES);
        let wanted: Vec<String> = newest.cloned().collect();
        if wanted.is_empty() || !self.memory.is_on() {
            return RecalledItems::default();
        }
        let recalled = select! {
            recalled = self.reasoning_before(caller, account, &wanted) => recalled,
            () = self.clock.sleep(MAX_WAIT) => return RecalledItems::default(),
        };
        recalled.unwrap_or_else(|error| {
            tracing::warn!(error = %error, "the reasoning of a chat is not recalled");
            RecalledItems::default()
        })
    }

    async fn reasoning_before(
        &self,
        caller: &Principal,
        account: &AccountName,
        calls: &[String],
    ) -> Result<RecalledItems<ReasoningByCall>, AppError> {
        let _permit = self.acquire_read_permit().await?;
        let limits = ReadLimits { oldest: self.now().minus(LIFETIME), ..self.memory.read_limits(self.now()) };
        let mut found = self.memory.store.with_items(calls, limits).await?;
        found.retain(|response| may_read(response, caller));
        // Of two calls with the same id, the newer one is used.
        found.sort_by_key(|response| response.used_at);
        let reserved = Some(self.memory.reserve_for(&found)?);
        let opened = found.iter().filter_map(|response| self.memory.vault.open_response(response));
        let contents = opened.filter_map(|content| serde_json::from_str::<ReasoningContent>(&content).ok());
        let of_account = contents.filter(|content| content.account == account.as_str());
        let items = of_account.flat_map(|content| content.calls).map(|call| (call.call_id, call.reasoning)).collect();
        Ok(RecalledItems { items, reserved })
    }
}

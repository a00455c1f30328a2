//! The reasoning that precedes a model's tool calls. Chat Completions cannot carry it. The gateway stores it by call id
//! and adds it to the request that sends the calls' outputs.

use std::mem;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The maximum size of a response's reasoning, in bytes. Reasoning beyond it is dropped.
const MAX_BYTES: usize = 1024 * 1024;
/// What an item costs beside its texts, in bytes: a JSON object of four members. Bounds the number of items to 2,048.
const ITEM_BYTES: usize = 512;

/// A tool call and the reasoning items before it, without their summaries: the model reads only the encrypted content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReasonedCall {
    pub call_id: String,
    pub reasoning: Vec<Value>,
}

/// The calls of a complete response that follow reasoning.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReasonedCalls {
    pub response_id: String,
    pub calls: Vec<ReasonedCall>,
}

/// Collects the reasoning and the calls of one response.
#[derive(Debug, Default)]
pub(super) struct CallReasoning {
    /// The reasoning since the last call.
    pending: Vec<Value>,
    calls: Vec<ReasonedCall>,
    bytes: usize,
}

impl CallReasoning {
    pub(super) fn note_reasoning(&mut self, id: &str, encrypted_content: &str) {
        self.bytes = self.bytes.saturating_add(ITEM_BYTES + id.len() + encrypted_content.len());
        if !encrypted_content.is_empty() && self.bytes <= MAX_BYTES {
            let item = json!({"type": "reasoning", "id": id, "summary": [], "encrypted_content": encrypted_content});
            self.pending.push(item);
        }
    }

    pub(super) fn note_call(&mut self, call_id: &str) {
        let reasoning = mem::take(&mut self.pending);
        if !reasoning.is_empty() {
            self.calls.push(ReasonedCall { call_id: call_id.to_owned(), reasoning });
        }
    }

    /// Takes the calls that follow reasoning.
    pub(super) fn take(&mut self) -> Vec<ReasonedCall> {
        mem::take(&mut self.calls)
    }
}

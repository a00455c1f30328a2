//! The model's reasoning that led to its calls. Chats have no place for it, so it is remembered by the ids of the calls
//! and put back when the caller sends their outputs.

use std::mem;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The maximum reasoning of a response that is kept, in bytes.
const MAX_BYTES: usize = 1024 * 1024;

/// A call, and the reasoning items before it. Their summaries are left out: the encrypted content is what the model
/// reads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReasonedCall {
    pub call_id: String,
    pub reasoning: Vec<Value>,
}

/// The calls of a complete response that had reasoning before them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReasonedCalls {
    pub response_id: String,
    pub calls: Vec<ReasonedCall>,
}

/// Collects the finished items of one response.
#[derive(Debug, Default)]
pub(super) struct CallReasoning {
    /// The reasoning since the last call.
    waiting: Vec<Value>,
    calls: Vec<ReasonedCall>,
    bytes: usize,
}

impl CallReasoning {
    pub(super) fn note_reasoning(&mut self, id: &str, encrypted_content: &str) {
        self.bytes = self.bytes.saturating_add(id.len()).saturating_add(encrypted_content.len());
        if !encrypted_content.is_empty() && self.bytes <= MAX_BYTES {
            let item = json!({"type": "reasoning", "id": id, "summary": [], "encrypted_content": encrypted_content});
            self.waiting.push(item);
        }
    }

    pub(super) fn note_call(&mut self, call_id: &str) {
        let reasoning = mem::take(&mut self.waiting);
        if !reasoning.is_empty() {
            self.calls.push(ReasonedCall { call_id: call_id.to_owned(), reasoning });
        }
    }

    /// Returns the calls that reasoning led to.
    pub(super) fn take(&mut self) -> Vec<ReasonedCall> {
        mem::take(&mut self.calls)
    }
}

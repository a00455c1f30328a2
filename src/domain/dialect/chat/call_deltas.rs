//! The tool calls of a streamed response. A chunk begins each call, and its arguments are sent completely and once.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::item::Call;

/// A call that has begun.
#[derive(Debug)]
struct Begun {
    /// The index among the calls.
    index: usize,
    is_custom: bool,
    sent_bytes: usize,
}

/// The calls by the index of their item.
#[derive(Debug)]
pub(super) struct CallDeltas {
    begun: HashMap<u64, Begun>,
    /// Whether only the first call is sent, as `function_call`, the form before `tools`.
    as_function_call: bool,
}

impl CallDeltas {
    pub(super) fn new(as_function_call: bool) -> Self {
        Self { begun: HashMap::new(), as_function_call }
    }

    pub(super) fn len(&self) -> usize {
        self.begun.len()
    }

    /// Returns the delta that begins a call, the first time only.
    pub(super) fn begin(&mut self, item: u64, call: &Call<'_>) -> Option<Value> {
        if self.begun.contains_key(&item) {
            return None;
        }
        let index = self.begun.len();
        self.begun.insert(item, Begun { index, is_custom: call.is_custom, sent_bytes: 0 });
        if self.as_function_call {
            return Some(json!({"function_call": {"name": call.name, "arguments": ""}})).filter(|_| index == 0);
        }
        let Call { id, name, .. } = call;
        Some(if call.is_custom {
            json!({"tool_calls": [{"index": index, "id": id, "type": "custom", "custom": {"name": name, "input": ""}}]})
        } else {
            let function = json!({"name": name, "arguments": ""});
            json!({"tool_calls": [{"index": index, "id": id, "type": "function", "function": function}]})
        })
    }

    /// Returns the delta for a piece of the arguments. Pieces of a call that has not begun are skipped: its name is not
    /// known yet, and its arguments follow with the item.
    pub(super) fn piece(&mut self, item: u64, piece: &str) -> Option<Value> {
        let call = self.begun.get_mut(&item).filter(|_| !piece.is_empty())?;
        call.sent_bytes = call.sent_bytes.saturating_add(piece.len());
        let index = call.index;
        if self.as_function_call {
            return Some(json!({"function_call": {"arguments": piece}})).filter(|_| index == 0);
        }
        Some(if call.is_custom {
            json!({"tool_calls": [{"index": index, "custom": {"input": piece}}]})
        } else {
            json!({"tool_calls": [{"index": index, "function": {"arguments": piece}}]})
        })
    }

    /// Returns the delta for the rest of the finished arguments.
    pub(super) fn whole(&mut self, item: u64, input: &str) -> Option<Value> {
        let sent = self.begun.get(&item)?.sent_bytes;
        self.piece(item, input.get(sent..)?)
    }
}

//! Translates the tool calls of a streamed response to deltas: first a call's name, then its arguments.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::item::Call;
use crate::domain::dialect::surrogates::HeldHalf;

/// A call whose first delta was sent.
#[derive(Debug)]
struct StartedCall {
    /// The call's `index` in `tool_calls`.
    index: usize,
    is_custom: bool,
    sent_bytes: usize,
    half: HeldHalf,
}

/// The calls of one response, by the index of their item.
#[derive(Debug)]
pub(super) struct CallDeltas {
    started: HashMap<u64, StartedCall>,
    /// Whether the caller expects the deprecated `function_call`, which has room for the first call only.
    wants_function_call: bool,
}

impl CallDeltas {
    pub(super) fn new(wants_function_call: bool) -> Self {
        Self { started: HashMap::new(), wants_function_call }
    }

    pub(super) fn len(&self) -> usize {
        self.started.len()
    }

    /// Returns the first delta of a call; None if it was returned before, or if a `function_call` has no room for it.
    pub(super) fn begin(&mut self, item: u64, call: &Call<'_>) -> Option<Value> {
        if self.started.contains_key(&item) {
            return None;
        }
        let index = self.started.len();
        let started = StartedCall { index, is_custom: call.is_custom, sent_bytes: 0, half: HeldHalf::default() };
        self.started.insert(item, started);
        if self.wants_function_call {
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

    /// Returns the delta for a piece of the arguments, which is given as a JSON string. Skips the piece if the call has
    /// had no first delta: its id or name is still missing, and the finished item will repeat the arguments.
    pub(super) fn piece(&mut self, item: u64, json: &str) -> Option<Value> {
        let piece = self.started.get_mut(&item)?.half.join(json);
        self.add(item, &piece)
    }

    fn add(&mut self, item: u64, piece: &str) -> Option<Value> {
        let call = self.started.get_mut(&item).filter(|_| !piece.is_empty())?;
        call.sent_bytes = call.sent_bytes.saturating_add(piece.len());
        let index = call.index;
        if self.wants_function_call {
            return Some(json!({"function_call": {"arguments": piece}})).filter(|_| index == 0);
        }
        Some(if call.is_custom {
            json!({"tool_calls": [{"index": index, "custom": {"input": piece}}]})
        } else {
            json!({"tool_calls": [{"index": index, "function": {"arguments": piece}}]})
        })
    }

    /// Returns the delta for the part of the complete arguments that was not sent yet.
    pub(super) fn whole(&mut self, item: u64, input: &str) -> Option<Value> {
        let call = self.started.get_mut(&item)?;
        call.half = HeldHalf::default();
        let sent = call.sent_bytes;
        self.add(item, input.get(sent..)?)
    }

    /// Returns the deltas for the halves of characters that were held back.
    pub(super) fn rest(&mut self) -> Vec<Value> {
        let halves = self.started.iter_mut().filter_map(|(item, call)| Some((*item, call.half.rest()?)));
        let mut halves: Vec<_> = halves.collect();
        halves.sort_unstable();
        halves.into_iter().filter_map(|(item, rest)| self.add(item, rest)).collect()
    }
}

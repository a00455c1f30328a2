//! Collects the events of a response into one object, for callers without streaming.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::domain::dialect::{ResponseFailure, SseEvent, event::BackendEvent};

/// The reader of one response.
#[derive(Debug, Default)]
pub struct ResponseReader {
    /// The finished items by `output_index`, because the backend's last event may not have them.
    items: BTreeMap<u64, Value>,
}

impl ResponseReader {
    pub fn new() -> Self {
        Self::default()
    }

    /// Handles the next event. Returns the response object at the event that ends the response.
    ///
    /// A response of the status `incomplete` is a success (OpenAI API reference, `response.incomplete`). Unknown events
    /// are skipped.
    pub fn on_event(&mut self, event: &SseEvent) -> Result<Option<Value>, ResponseFailure> {
        let Some(mut event) = BackendEvent::read(event)? else {
            return Ok(None);
        };
        event.check()?;
        if event.kind == "response.output_item.done" {
            self.keep(&mut event);
            return Ok(None);
        }
        Ok(event.into_ended_response()?.map(|response| self.with_output(response)))
    }

    fn keep(&mut self, event: &mut BackendEvent) {
        let next = self.items.last_key_value().map_or(0, |(last, _)| last.saturating_add(1));
        let index = event.number("output_index").unwrap_or(next);
        if let Some(item) = event.members.remove("item") {
            self.items.insert(index, item);
        }
    }

    fn with_output(&mut self, mut response: Map<String, Value>) -> Value {
        let has_output = response.get("output").and_then(Value::as_array).is_some_and(|output| !output.is_empty());
        if !has_output {
            let items = std::mem::take(&mut self.items).into_values().collect();
            response.insert("output".to_owned(), Value::Array(items));
        }
        Value::Object(response)
    }
}

//! The events of one response, read into the object that a call without streaming answers.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::domain::dialect::{ResponseFailure, SseEvent, event::BackendEvent};

/// The reader of one response. What comes after the end of the response is no concern of it.
#[derive(Debug, Default)]
pub struct ResponseReader {
    /// The finished items by `output_index`: the backend's last event may come without them.
    items: BTreeMap<u64, Value>,
}

impl ResponseReader {
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next event; with the one that ends the response, gives the response object.
    ///
    /// A response of status `incomplete` is an answer like any other (OpenAI API reference, `response.incomplete`).
    /// Events that nobody knows are passed over.
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::dialect::FailureKind;

    fn event(data: &Value) -> SseEvent {
        let name = data["type"].as_str().unwrap_or_default();
        SseEvent { event: name.to_owned(), data: data.to_string() }
    }

    /// The answer of a stream, which must not end before its last event.
    fn answer(events: &[Value]) -> Result<Option<Value>, ResponseFailure> {
        let mut reader = ResponseReader::new();
        let (last, before) = events.split_last().unwrap();
        for data in before {
            assert_eq!(reader.on_event(&event(data))?, None, "{data}");
        }
        reader.on_event(&event(last))
    }

    fn item(id: &str) -> Value {
        json!({"type": "message", "id": id})
    }

    #[test]
    fn an_output_that_is_left_out_is_put_together_again() {
        let done = |index, id| json!({"type": "response.output_item.done", "output_index": index, "item": item(id)});
        for ended in [json!({"id": "r"}), json!({"id": "r", "output": []}), json!({"id": "r", "output": null})] {
            let events = [
                json!({"type": "response.created", "response": {"id": "r", "output": []}}),
                done(1, "second"),
                done(0, "first"),
                json!({"type": "response.completed", "response": ended}),
            ];
            let expected = json!({"id": "r", "output": [item("first"), item("second")]});
            assert_eq!(answer(&events), Ok(Some(expected)));
        }
    }

    #[test]
    fn an_output_that_is_there_stands() {
        let done = json!({"type": "response.output_item.done", "output_index": 0, "item": item("streamed")});
        let response =
            json!({"id": "r", "status": "completed", "output": [item("final")], "usage": {"total_tokens": 3}});
        assert_eq!(answer(&[done, json!({"type": "response.completed", "response": response})]), Ok(Some(response)));
    }

    #[test]
    fn items_without_an_index_keep_their_order() {
        let done = |id| json!({"type": "response.output_item.done", "item": item(id)});
        let events = [done("a"), done("b"), json!({"type": "response.completed", "response": {}})];
        assert_eq!(answer(&events), Ok(Some(json!({"output": [item("a"), item("b")]}))));
    }

    #[test]
    fn an_incomplete_response_is_an_answer() {
        let response = json!({"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}, "output": [item("a")]});
        let events = [
            json!({"type": "codex.rate_limits", "rate_limits": {}}),
            json!({"type": "response.in_progress"}),
            json!({"type": "response.incomplete", "response": response}),
        ];
        assert_eq!(answer(&events), Ok(Some(response)));
    }

    #[test]
    fn the_type_in_the_data_counts_and_the_event_name_serves_without() {
        let read = |event: &str, data: &str| {
            ResponseReader::new().on_event(&SseEvent { event: event.to_owned(), data: data.to_owned() })
        };
        assert_eq!(read("response.completed", r#"{"response": {"output": [1]}}"#), Ok(Some(json!({"output": [1]}))));
        assert_eq!(read("response.completed", r#"{"type": "response.unheard_of"}"#), Ok(None));
        assert_eq!(read("keepalive", ""), Ok(None));
        assert_eq!(read("", "[DONE]"), Ok(None));
    }

    #[test]
    fn failures_have_the_backends_words() {
        let error = json!({"code": "context_length_exceeded", "message": "Too long."});
        for failed in [
            json!({"type": "response.failed", "response": {"status": "failed", "error": error}}),
            json!({"type": "error", "code": "context_length_exceeded", "message": "Too long.", "sequence_number": 3}),
            json!({"type": "error", "error": error, "status": 400}),
        ] {
            let failure = answer(std::slice::from_ref(&failed)).unwrap_err();
            assert_eq!(failure.code.as_deref(), Some("context_length_exceeded"), "{failed}");
            assert_eq!((failure.message.as_str(), failure.kind), ("Too long.", FailureKind::BadRequest));
        }
        for failed in
            [json!({"type": "response.failed"}), json!({"type": "response.failed", "response": {"error": null}})]
        {
            assert_eq!(answer(&[failed]).unwrap_err().kind, FailureKind::Other);
        }
    }

    #[test]
    fn what_makes_no_sense_is_garbled() {
        for data in ["{", "5", "[]", "<html>", r#"{"type": "response.completed"}"#] {
            let event = SseEvent { event: String::new(), data: data.to_owned() };
            assert_eq!(ResponseReader::new().on_event(&event).unwrap_err().kind, FailureKind::Garbled, "{data}");
        }
    }
}

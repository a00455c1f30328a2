//! Parses an event of the backend, for both dialects.

use serde_json::{Map, Value};

use super::{ResponseFailure, SseEvent, without_lone_surrogates};
use crate::domain::json;

/// An event of a response stream: its `type` and its members (OpenAI API reference, streaming events).
#[derive(Debug)]
pub(super) struct BackendEvent {
    pub(super) kind: String,
    pub(super) members: Map<String, Value>,
}

impl BackendEvent {
    /// Parses an event; None for an event without data, and for the `[DONE]` of other streams of this API.
    pub(super) fn read(event: &SseEvent) -> Result<Option<Self>, ResponseFailure> {
        if matches!(event.data.trim(), "" | "[DONE]") {
            return Ok(None);
        }
        let members: Map<String, Value> = json::parse_tree(&without_lone_surrogates(event.data.as_bytes()))
            .map_err(|_source| ResponseFailure::garbled("an event that is not a JSON object"))?;
        let kind = members.get("type").and_then(Value::as_str).unwrap_or(&event.event).to_owned();
        Ok(Some(Self { kind, members }))
    }

    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.members.get(name)?.as_str()
    }

    pub(super) fn number(&self, name: &str) -> Option<u64> {
        self.members.get(name)?.as_u64()
    }

    pub(super) fn object(&self, name: &str) -> Option<&Map<String, Value>> {
        self.members.get(name)?.as_object()
    }

    /// Fails if the event reports that the response failed.
    pub(super) fn check(&self) -> Result<(), ResponseFailure> {
        let error = match self.kind.as_str() {
            "response.failed" => self.object("response").and_then(|response| response.get("error")?.as_object()),
            // `{"type": "error", "code", "message"}`, or with both inside `error`.
            "error" => self.object("error").or(Some(&self.members)),
            _ => return Ok(()),
        };
        Err(ResponseFailure::of_error(error.unwrap_or(&Map::new())))
    }

    /// Returns the response of an event that ends it (`response.completed` or `response.incomplete`); None for other
    /// events.
    pub(super) fn into_ended_response(mut self) -> Result<Option<Map<String, Value>>, ResponseFailure> {
        if !matches!(self.kind.as_str(), "response.completed" | "response.incomplete") {
            return Ok(None);
        }
        match self.members.remove("response") {
            Some(Value::Object(response)) => Ok(Some(response)),
            _ => Err(ResponseFailure::garbled("a finished response without the response")),
        }
    }
}

/// Whether an event says more than that the response has begun. Fails if it reports that the response failed.
pub fn is_news(event: &SseEvent) -> Result<bool, ResponseFailure> {
    let Some(event) = BackendEvent::read(event)? else { return Ok(false) };
    event.check()?;
    let only_begins = matches!(event.kind.as_str(), "response.created" | "response.queued" | "response.in_progress");
    // Others, such as `codex.rate_limits`, are not about the response.
    Ok(event.kind.starts_with("response.") && !only_begins)
}

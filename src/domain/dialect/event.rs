//! Parses an event of the backend. A response has an event for every few characters of text, so members are parsed only
//! when they are read.

use std::borrow::Cow;

use serde_json::{Map, Value, value::RawValue};

use super::{
    ResponseFailure, SseEvent,
    members::Members,
    raw_json::Text,
    surrogates::{unescape_lossy, without_lone_surrogates},
};
use crate::domain::json;

/// An event of a response stream: its `type` and its other members (OpenAI API reference, streaming events).
#[derive(Debug)]
pub(super) struct BackendEvent<'a> {
    pub(super) kind: Cow<'a, str>,
    pub(super) members: Members<'a>,
}

impl<'a> BackendEvent<'a> {
    /// Parses an event. Returns None for an event without data and for the end marker `[DONE]`.
    pub(super) fn read(event: &'a SseEvent<'_>) -> Result<Option<Self>, ResponseFailure> {
        if matches!(event.data.trim(), "" | "[DONE]") {
            return Ok(None);
        }
        let members = json::check_size(event.data.as_bytes()).ok().and_then(|()| Members::of_event(&event.data));
        let mut members = members.ok_or_else(|| ResponseFailure::violation("an event that is not a JSON object"))?;
        let mut kind: Cow<'a, str> =
            members.take("type").and_then(Text::of).map_or((&*event.event).into(), Text::unescaped);
        if kind == "response.done" {
            // An older name of the last event, whatever the status of the response.
            let status = members.get("response").and_then(|json| Members::of_event(json.get())?.word("status"));
            kind = match status.as_deref() {
                Some("failed") => "response.failed".into(),
                Some("incomplete") => "response.incomplete".into(),
                _ => "response.completed".into(),
            };
        } else if kind.is_empty() && members.has("error") {
            // Some failures come without any type, as in a stream of Chat Completions.
            kind = "error".into();
        }
        Ok(Some(Self { kind, members }))
    }

    /// Returns a member that is a string.
    pub(super) fn text(&self, name: &str) -> Option<Cow<'a, str>> {
        self.text_json(name).and_then(unescape_lossy)
    }

    /// Returns a member that is a string, as JSON.
    pub(super) fn text_json(&self, name: &str) -> Option<&'a str> {
        self.members.get(name).map(RawValue::get).filter(|json| json.starts_with('"'))
    }

    pub(super) fn number(&self, name: &str) -> Option<u64> {
        self.members.get(name)?.get().parse().ok()
    }

    /// Returns a member as JSON.
    pub(super) fn json(&self, name: &str) -> Option<Cow<'a, str>> {
        self.members.get(name).map(in_one_line)
    }

    /// Returns a member as a tree; None if it exceeds the limits for a provider's JSON.
    pub(super) fn tree(&self, name: &str) -> Option<Value> {
        json::parse_tree(self.json(name)?.as_bytes()).ok()
    }

    /// Returns the id of the item that the event belongs to.
    pub(super) fn item_id(&self) -> Option<Cow<'a, str>> {
        self.text("item_id").or_else(|| Members::of(self.members.get("item")?, String::new()).ok()?.word("id"))
    }

    /// Returns an error if the event reports a failure of the response.
    pub(super) fn check(&self) -> Result<(), ResponseFailure> {
        let error = match &*self.kind {
            "response.failed" => self.tree("response").and_then(|mut response| Some(response.get_mut("error")?.take())),
            // `code` and `message` are members of the event itself or of its `error`, which may also be the message.
            "error" => self.tree("error").filter(Value::is_object).or_else(|| {
                Some(
                    self.members
                        .iter()
                        .map(|(name, _)| (name.to_owned(), self.tree(name).unwrap_or_default()))
                        .collect(),
                )
            }),
            _ => return Ok(()),
        };
        let error = error.as_ref().and_then(Value::as_object).cloned();
        Err(ResponseFailure::of_error(&error.unwrap_or_default()))
    }

    /// Whether the event ends its response. A response that was cut off is a success too.
    pub(super) fn ends_response(&self) -> bool {
        matches!(&*self.kind, "response.completed" | "response.incomplete")
    }

    /// Whether the event is not part of OpenAI's API, such as `codex.rate_limits`.
    pub(super) fn is_private(&self) -> bool {
        let is_public = self.kind == "error" || self.kind.starts_with("response.");
        !is_public || self.kind == "response.metadata"
    }

    /// Returns the response in an event, if it has one.
    ///
    /// # Errors
    /// The event ends the response but does not contain it.
    pub(super) fn response(&self) -> Result<Option<Map<String, Value>>, ResponseFailure> {
        match self.tree("response") {
            Some(Value::Object(response)) => Ok(Some(response)),
            _ if self.ends_response() => Err(ResponseFailure::without_response()),
            _ => Ok(None),
        }
    }
}

/// Returns valid JSON without line breaks, for one `data` line of an event stream.
pub(super) fn in_one_line(value: &RawValue) -> Cow<'_, str> {
    let mut json = match without_lone_surrogates(value.get().as_bytes()) {
        Cow::Borrowed(_) => Cow::Borrowed(value.get()),
        Cow::Owned(mended) => Cow::Owned(String::from_utf8(mended).unwrap_or_default()),
    };
    // Line breaks occur only between values: JSON strings escape them.
    if json.contains(['\n', '\r']) {
        json = Cow::Owned(json.replace(['\n', '\r'], " "));
    }
    json
}

/// Whether an event carries more than the start of the response. Returns an error if it reports a failure.
pub fn has_output(event: &SseEvent<'_>) -> Result<bool, ResponseFailure> {
    let Some(event) = BackendEvent::read(event)? else { return Ok(false) };
    event.check()?;
    let only_begins = matches!(&*event.kind, "response.created" | "response.queued" | "response.in_progress");
    Ok(!event.is_private() && !only_begins)
}

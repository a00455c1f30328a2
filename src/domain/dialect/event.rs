//! Parses an event of the backend, for both dialects.

use std::{borrow::Cow, fmt};

use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, MapAccess, Visitor};
use serde_json::{Map, Value};

use super::{ResponseFailure, SseEvent, without_lone_surrogates};
use crate::domain::json;

/// An event of a response stream: its `type` and its other members (OpenAI API reference, streaming events).
#[derive(Debug)]
pub(super) struct BackendEvent {
    pub(super) kind: String,
    pub(super) members: EventMembers,
}

/// The members of an event, in order. A map would hash and copy the same few names for every word of a response.
#[derive(Debug)]
pub(super) struct EventMembers(Vec<(Cow<'static, str>, Value)>);

/// The members of the most frequent events.
const NAMES: [&str; 12] = [
    "type",
    "sequence_number",
    "item_id",
    "output_index",
    "content_index",
    "delta",
    "logprobs",
    "obfuscation",
    "summary_index",
    "item",
    "part",
    "response",
];

impl EventMembers {
    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        self.0.iter().rev().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    pub(super) fn get_mut(&mut self, name: &str) -> Option<&mut Value> {
        self.0.iter_mut().rev().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    pub(super) fn remove(&mut self, name: &str) -> Option<Value> {
        let index = self.0.iter().rposition(|(known, _)| known == name)?;
        Some(self.0.remove(index).1)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().map(|(name, value)| (&**name, value))
    }
}

impl<'de> Deserialize<'de> for EventMembers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = EventMembers;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::with_capacity(8);
        while let Some(name) = map.next_key_seed(Name)? {
            members.push((name, map.next_value()?));
        }
        Ok(EventMembers(members))
    }
}

/// The name of a member, which is not copied if it is a frequent one.
struct Name;

impl<'de> DeserializeSeed<'de> for Name {
    type Value = Cow<'static, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Name {
    type Value = Cow<'static, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Self::Value, E> {
        let frequent = NAMES.into_iter().find(|frequent| *frequent == name);
        Ok(frequent.map_or_else(|| Cow::Owned(name.to_owned()), Cow::Borrowed))
    }
}

impl BackendEvent {
    /// Parses an event; None for an event without data, and for the `[DONE]` of other streams of this API.
    pub(super) fn read(event: &SseEvent) -> Result<Option<Self>, ResponseFailure> {
        if matches!(event.data.trim(), "" | "[DONE]") {
            return Ok(None);
        }
        let mut members: EventMembers = json::parse_tree(&without_lone_surrogates(event.data.as_bytes()))
            .map_err(|_source| ResponseFailure::garbled("an event that is not a JSON object"))?;
        let kind = match members.remove("type") {
            Some(Value::String(kind)) => kind,
            Some(_) | None => event.event.clone(),
        };
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
            "response.failed" => {
                self.object("response").and_then(|response| response.get("error")?.as_object()).cloned()
            }
            // `{"type": "error", "code", "message"}`, or with both inside `error`.
            "error" => {
                let own = || self.members.iter().map(|(name, value)| (name.to_owned(), value.clone())).collect();
                Some(self.object("error").cloned().unwrap_or_else(own))
            }
            _ => return Ok(()),
        };
        Err(ResponseFailure::of_error(&error.unwrap_or_default()))
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

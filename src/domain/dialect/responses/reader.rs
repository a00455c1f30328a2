//! Reads the events of a response and repairs deviations from OpenAI's API.

use std::borrow::Cow;

use serde_json::json;

use super::{RequestEcho, output::Output, whole_deltas::WholeDeltas};
use crate::domain::dialect::{
    ResponseFailure, SseEvent,
    event::{BackendEvent, in_one_line},
    json_writer::JsonWriter,
    members::Members,
    surrogates::has_lone_surrogates,
};

/// The maximum length of an id that is kept, in bytes.
const MAX_ID_BYTES: usize = 1024;

/// The reader of one response.
#[derive(Debug)]
pub struct ResponseReader {
    echo: RequestEcho,
    output: Output,
    deltas: WholeDeltas,
    /// The `sequence_number` that follows the last event's.
    next_number: u64,
    is_codex_client: bool,
    /// The id of the response, if the first event has a short one.
    response_id: Option<String>,
}

/// An event of the backend, with its repairs.
#[derive(Debug)]
pub struct ReadEvent<'a> {
    event: BackendEvent<'a>,
    /// The response that replaces the event's own, as JSON.
    response: Option<String>,
    /// The `delta` that replaces the event's own, as JSON.
    delta: Option<String>,
    /// Whether the event has lone surrogates, which many parsers refuse.
    has_lone_surrogates: bool,
    /// The `sequence_number` of an `error` event that lacks it. OpenAI's API requires it, and clients check it.
    missing_number: Option<u64>,
    failure: Option<ResponseFailure>,
    /// The frame that replaces an `error` event for a Codex client.
    failed_frame: Option<String>,
}

impl ResponseReader {
    pub fn new(echo: RequestEcho) -> Self {
        Self {
            echo,
            output: Output::default(),
            deltas: WholeDeltas::default(),
            next_number: 0,
            is_codex_client: false,
            response_id: None,
        }
    }

    /// Sets whether the caller is a Codex client. It uses the backend's private events, and ignores `error` events.
    pub fn for_codex_client(self, is_codex_client: bool) -> Self {
        Self { is_codex_client, ..self }
    }

    /// Whether an event is left out of the caller's stream. Some clients of OpenAI's API fail if `response.created` is
    /// not the first event, or at any event that they do not know.
    pub fn omits(&self, event: &ReadEvent<'_>) -> bool {
        event.event.is_private() && !self.is_codex_client
    }

    /// Returns the frame of an error that the gateway adds after the last event.
    pub fn error_frame(&self, code: &str, message: &str) -> String {
        let number = self.next_number;
        if self.is_codex_client {
            return self.failed_frame(&json!({"code": code, "message": message}).to_string(), number);
        }
        let error =
            json!({"type": "error", "code": code, "message": message, "param": null, "sequence_number": number});
        format!("event: error\ndata: {error}\n\n")
    }

    /// Returns the frame of a failed response, with this error as JSON. The Codex CLI reads it, but ignores an `error`
    /// event, and would send the request again.
    fn failed_frame(&self, error: &str, number: u64) -> String {
        let mut response = JsonWriter::for_body(error.len());
        response.word("id", self.response_id.as_deref().unwrap_or("unknown"));
        response.word("status", "failed");
        response.json("output", "[]");
        response.json("error", error);
        response.end_object();
        let response = response.into_text();
        let completed = Members::of_event(&response).map(|response| self.echo.complete(&response, None));
        let mut event = JsonWriter::for_body(response.len());
        event.word("type", "response.failed");
        event.json("sequence_number", &number.to_string());
        event.json("response", completed.as_deref().unwrap_or(&response));
        event.end_object();
        format!("event: response.failed\ndata: {}\n\n", event.into_text())
    }

    /// Handles the next event. Returns None for an event without data. Events without a response are not changed.
    ///
    /// A response with the status `incomplete` is a success (OpenAI API reference, `response.incomplete`).
    pub fn on_event<'a>(&mut self, event: &'a SseEvent<'_>) -> Result<Option<ReadEvent<'a>>, ResponseFailure> {
        let has_lone_surrogates = has_lone_surrogates(&event.data);
        let Some(event) = BackendEvent::read(event)? else { return Ok(None) };
        let failure = event.check().err();
        let number = event.number("sequence_number");
        let missing_number = (event.kind == "error" && number.is_none()).then_some(self.next_number);
        let failed = failure.as_ref().filter(|_| self.is_codex_client && event.kind == "error");
        let failed_frame = failed.map(|failure| {
            let nested = event.json("error").filter(|error| error.starts_with('{')).map(Cow::into_owned);
            let flat = || json!({"code": failure.code, "message": failure.message}).to_string();
            self.failed_frame(&nested.unwrap_or_else(flat), number.unwrap_or(self.next_number))
        });
        self.next_number = number.map_or(self.next_number, |number| number.saturating_add(1));
        self.output.add(&event);
        let delta = self.deltas.replacement(&event, has_lone_surrogates);
        let json = event.json("response");
        let response = match (&*event.kind, json.as_deref().and_then(Members::of_event)) {
            ("response.created" | "response.queued" | "response.in_progress" | "response.failed", Some(response)) => {
                let id = response.word("id").filter(|id| id.len() <= MAX_ID_BYTES).map(Cow::into_owned);
                self.response_id = id.or_else(|| self.response_id.take());
                Some(self.echo.complete(&response, None))
            }
            ("response.completed" | "response.incomplete", Some(response)) => {
                let collected = self.output.take(&response.word("status").unwrap_or("completed".into()));
                let has_output = response.list("output").is_some_and(|own| !own.is_empty());
                Some(self.echo.complete(&response, Some(&*collected).filter(|_| !has_output)))
            }
            ("response.completed" | "response.incomplete", None) => return Err(ResponseFailure::without_response()),
            _ => None,
        };
        Ok(Some(ReadEvent { event, response, delta, has_lone_surrogates, missing_number, failure, failed_frame }))
    }
}

impl ReadEvent<'_> {
    /// Whether this is the last event of its stream.
    pub fn is_last(&self) -> bool {
        self.failure.is_some() || self.event.ends_response()
    }

    /// Returns the failure that the event has only in its member `error`. In OpenAI's API, `code` and `message` are
    /// members of the event itself, and clients check that they are texts.
    fn nested_failure(&self) -> Option<&ResponseFailure> {
        self.failure.as_ref().filter(|_| self.event.kind == "error" && !self.event.members.has("message"))
    }

    /// Returns the frame that replaces the event's own; None if the event is not changed.
    pub fn repaired_frame(&self) -> Option<String> {
        if self.failed_frame.is_some() {
            return self.failed_frame.clone();
        }
        let nested = self.nested_failure();
        let replaced = match (&self.response, &self.delta, self.missing_number) {
            (Some(response), _, _) => Some(("response", Cow::Borrowed(response.as_str()))),
            (None, Some(delta), _) => Some(("delta", Cow::Borrowed(delta.as_str()))),
            (None, None, Some(number)) => Some(("sequence_number", Cow::Owned(number.to_string()))),
            (None, None, None) if self.has_lone_surrogates || nested.is_some() => None,
            (None, None, None) => return None,
        };
        let mut out = JsonWriter::for_body(replaced.as_ref().map_or(0, |(_, value)| value.len()));
        out.word("type", &self.event.kind);
        let is_written = |name: &str| {
            replaced.as_ref().is_some_and(|(replaced, _)| *replaced == name)
                || nested.is_some() && matches!(name, "code" | "message" | "param")
        };
        for (other, value) in self.event.members.iter().filter(|&(other, _)| !is_written(other)) {
            out.json(other, &in_one_line(value));
        }
        if let Some(failure) = nested {
            out.word("code", &failure.code);
            out.word("message", &failure.message);
            out.json("param", "null");
        }
        if let Some((name, value)) = &replaced {
            out.json(name, value);
        }
        out.end_object();
        let mut frame = out.into_text();
        frame.insert_str(0, &format!("event: {}\ndata: ", self.event.kind));
        frame.push_str("\n\n");
        Some(frame)
    }

    /// Returns the response of the last event as JSON; None for other events.
    pub fn into_response(self) -> Result<Option<String>, ResponseFailure> {
        let is_last = self.is_last();
        match self.failure {
            Some(failure) => Err(failure),
            None => Ok(self.response.filter(|_| is_last)),
        }
    }
}

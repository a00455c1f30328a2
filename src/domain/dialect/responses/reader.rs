//! Reads the events of a response and repairs deviations from OpenAI's API.

use std::borrow::Cow;

use super::{RequestEcho, output::Output, whole_deltas::WholeDeltas};
use crate::domain::dialect::{
    ResponseFailure, SseEvent,
    event::{BackendEvent, in_one_line},
    json_writer::JsonWriter,
    members::Members,
    surrogates::has_lone_surrogates,
};

/// The reader of one response.
#[derive(Debug)]
pub struct ResponseReader {
    echo: RequestEcho,
    output: Output,
    deltas: WholeDeltas,
    /// The `sequence_number` that follows the last event's.
    next_number: u64,
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
}

impl ResponseReader {
    pub fn new(echo: RequestEcho) -> Self {
        Self { echo, output: Output::default(), deltas: WholeDeltas::default(), next_number: 0 }
    }

    /// Returns the `sequence_number` of an event that the gateway adds after the last one.
    pub fn next_number(&self) -> u64 {
        self.next_number
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
        self.next_number = number.map_or(self.next_number, |number| number.saturating_add(1));
        self.output.add(&event);
        let delta = self.deltas.replacement(&event, has_lone_surrogates);
        let json = event.json("response");
        let response = match (&*event.kind, json.as_deref().and_then(Members::of_event)) {
            ("response.created" | "response.queued" | "response.in_progress" | "response.failed", Some(response)) => {
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
        Ok(Some(ReadEvent { event, response, delta, has_lone_surrogates, missing_number, failure }))
    }
}

impl ReadEvent<'_> {
    /// Whether this is the last event of its stream.
    pub fn is_last(&self) -> bool {
        self.failure.is_some() || self.event.ends_response()
    }

    /// Returns the frame that replaces the event's own; None if the event is not changed.
    pub fn repaired_frame(&self) -> Option<String> {
        let replaced = match (&self.response, &self.delta, self.missing_number) {
            (Some(response), _, _) => Some(("response", Cow::Borrowed(response.as_str()))),
            (None, Some(delta), _) => Some(("delta", Cow::Borrowed(delta.as_str()))),
            (None, None, Some(number)) => Some(("sequence_number", Cow::Owned(number.to_string()))),
            (None, None, None) if self.has_lone_surrogates => None,
            (None, None, None) => return None,
        };
        let mut out = JsonWriter::for_body(replaced.as_ref().map_or(0, |(_, value)| value.len()));
        out.word("type", &self.event.kind);
        for (other, value) in self.event.members.iter() {
            if replaced.as_ref().is_none_or(|(name, _)| *name != other) {
                out.json(other, &in_one_line(value));
            }
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

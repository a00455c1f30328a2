//! What a response says, event by event, and how it is sent: an interruption ends it early.

use super::{
    events::Events,
    items,
    question::{question, wants_reasoning},
    request::ModelRequest,
    usage::InputTokens,
};
use crate::{
    model::{self, Answer},
    performance::{self, Frame, Interrupted, Move},
};

/// The events of the answer to a request, with so many words where nothing else is asked for.
pub(super) fn events(request: &ModelRequest, words: u32, input: InputTokens, mut events: Events) -> Events {
    if wants_reasoning(request) {
        items::reasoning(&mut events);
    }
    match model::answer(&question(request), words) {
        Answer::Text(pieces) => items::message(&mut events, &pieces),
        Answer::Calls(calls) => calls.iter().for_each(|call| items::function_call(&mut events, call)),
    }
    events.complete(input);
    events
}

/// How the events are sent.
pub(super) fn moves(events: &Events, interrupted: Option<Interrupted>) -> Vec<Move> {
    let frame = |(number, event): (usize, &super::events::Event)| Frame {
        bytes: event.frame(number),
        is_delta: event.is_delta(),
    };
    let frames = events.all().iter().enumerate().map(frame).collect();
    performance::moves(frames, interrupted, |code, sent| events.failure(code).frame(sent))
}

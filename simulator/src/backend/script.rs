//! Builds a response according to its script, which determines content, end and form.

use serde_json::Value;

use super::{
    events::{Event, Events},
    form::{self, Form},
    items,
    question::{
        custom_tool, includes_reasoning, named_image_tool, question, wants_compaction, wants_reasoning, wants_summary,
    },
    request::ModelRequest,
    usage::InputTokens,
};
use crate::{
    model::{self, Output},
    scripts::Script,
    stream_writer::{self, Action, Frame, StreamFault},
    streams::StreamEnd,
};

/// Characters of two, three and four bytes, and characters of several code points.
const MULTIBYTE: [&str; 6] = ["Grüße, ", "日本語の", "テキスト ", "👩‍👩‍👧‍👦 ", "🏳️‍🌈 ", "한국어"];

/// The comment between the first two events of every response.
const COMMENT: &[u8] = b": keepalive\n\n";

/// The number of words of `Script::Long`.
const MANY_WORDS: u32 = 2_000;

/// A patch, the most common input of a plain-text tool.
const PATCH: [&str; 3] = ["*** Begin Patch\n", "*** Add File: a.txt\n+\"a\"\n", "*** End Patch\n"];

/// The custom tool that is called if the request has none.
const PATCH_TOOL: &str = "apply_patch";

const REFUSAL: [&str; 2] = ["I cannot ", "help with that."];

/// The three independent parts of a script.
#[derive(Clone, Copy)]
struct Plan<'a> {
    content: Content<'a>,
    end: End<'a>,
    form: Form,
}

#[derive(Clone, Copy)]
enum Content<'a> {
    /// The output that follows from the request.
    Default,
    /// The same output, after additional events.
    DefaultAfter(fn(&ModelRequest, &mut Events)),
    /// Other events instead of the output.
    Instead(fn(&ModelRequest, &mut Events)),
    /// Unfinished text.
    Unfinished,
    /// The events of the script instead of the output.
    Scripted(&'a [Value]),
}

#[derive(Clone, Copy)]
enum End<'a> {
    /// `response.completed`; `listed` fills its `output`.
    Completed { listed: bool },
    /// `response.incomplete` for this reason.
    CutShort(&'static str),
    /// `response.failed` with this code.
    Failed(&'a str),
    /// An `error` event with this code.
    Error(&'a str),
    /// No last event.
    Missing,
    /// `response.completed`, then more bytes and an open connection.
    GoesOn,
}

fn plan(script: &Script) -> Plan<'_> {
    let plain = Plan { content: Content::Default, end: End::Completed { listed: false }, form: Form::Plain };
    let instead = |content| Plan { content: Content::Instead(content), ..plain };
    let formed = |form| Plan { form, ..plain };
    match script {
        Script::Auto | Script::Untyped => plain,
        Script::Multibyte => Plan { form: Form::TornCharacters, ..instead(multibyte) },
        Script::Crlf => formed(Form::Crlf),
        Script::Comments => formed(Form::Comments),
        Script::Garbage => formed(Form::Garbage),
        Script::TinyChunks => formed(Form::Bytes),
        Script::OneWrite => formed(Form::OneWrite),
        Script::Refusal => instead(|_, events| items::refusal(events, &REFUSAL.map(ToOwned::to_owned))),
        Script::CustomTool => instead(call_custom_tool),
        Script::Long => instead(|_, events| items::message(events, &model::words(MANY_WORDS))),
        Script::UnknownEvents => {
            Plan { content: Content::DefaultAfter(|_, events| items::unknown_events(events)), ..plain }
        }
        Script::WebSearch => Plan { content: Content::DefaultAfter(search), ..plain },
        Script::ListedOutput => Plan { end: End::Completed { listed: true }, ..plain },
        Script::Incomplete => Plan { content: Content::Unfinished, end: End::CutShort("max_output_tokens"), ..plain },
        Script::ContentFilter => Plan { content: Content::Unfinished, end: End::CutShort("content_filter"), ..plain },
        Script::Failed(code) => Plan { end: End::Failed(code), ..instead(|_, _| ()) },
        Script::ErrorEvent(code) => Plan { end: End::Error(code), ..instead(|_, _| ()) },
        Script::Eof => Plan { end: End::Missing, ..plain },
        Script::Events(events) => Plan { content: Content::Scripted(events), ..plain },
        Script::AfterCompleted => Plan { end: End::GoesOn, ..plain },
    }
}

/// Returns the actions of a response. `text_pieces` is its plain text.
pub(super) fn actions(
    script: &Script,
    request: &ModelRequest,
    text_pieces: Vec<String>,
    input: InputTokens,
    mut events: Events,
    stream_fault: Option<StreamFault>,
) -> Vec<Action> {
    let plan = plan(script);
    match plan.content {
        Content::Default => default_output(request, text_pieces, &mut events),
        Content::DefaultAfter(before) => {
            before(request, &mut events);
            default_output(request, text_pieces, &mut events);
        }
        Content::Instead(speak) => speak(request, &mut events),
        Content::Scripted(scripted) => events.push_unchanged(scripted),
        Content::Unfinished => items::unfinished_message(&mut events, &text_pieces),
    }
    let mut last = vec![Action::RecordEnd(StreamEnd::Completed)];
    match plan.end {
        End::Completed { listed } => events.complete(input, listed),
        End::CutShort(reason) => events.cut_short(input, reason),
        End::Failed(code) => events.fail(code),
        End::Error(code) => events.push_error(code),
        End::Missing => last = vec![Action::RecordEnd(StreamEnd::Broken)],
        End::GoesOn => {
            events.complete(input, false);
            last.extend([Action::Write(form::TRAILING_BYTES.into()), Action::Hang]);
        }
    }
    let frame = |(number, event): (usize, &Event)| {
        let comment = if number == 1 { COMMENT } else { b"" };
        Frame { bytes: [comment, &event.frame(number)].concat().into(), is_delta: event.is_delta() }
    };
    let frames = events.all().iter().enumerate().map(frame).collect();
    let actions = stream_writer::actions(frames, last, stream_fault, |code, sent| events.failure(code).frame(sent));
    plan.form.apply(actions)
}

fn default_output(request: &ModelRequest, text_pieces: Vec<String>, events: &mut Events) {
    if wants_compaction(request) {
        return items::compaction(events);
    }
    if wants_reasoning(request) {
        items::reasoning(events, wants_summary(request), includes_reasoning(request));
    }
    if let Some(tool) = named_image_tool(request) {
        return items::image(events, &question(request).user_text, tool);
    }
    match model::output(&question(request), text_pieces) {
        Output::Text(pieces) => items::message(events, &pieces),
        Output::Calls(calls) => calls.iter().for_each(|call| items::function_call(events, call)),
    }
}

fn multibyte(_: &ModelRequest, events: &mut Events) {
    items::message(events, &MULTIBYTE.map(ToOwned::to_owned));
}

fn call_custom_tool(request: &ModelRequest, events: &mut Events) {
    let name = custom_tool(request).unwrap_or(PATCH_TOOL);
    items::custom_tool_call(events, name, &PATCH.map(ToOwned::to_owned));
}

fn search(request: &ModelRequest, events: &mut Events) {
    items::web_search(events, &question(request).user_text);
}

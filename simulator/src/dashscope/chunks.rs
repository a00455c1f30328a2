//! A completion in chunks, as the compatible API streams it: data without event names, then `[DONE]`.

use bytes::Bytes;
use serde_json::{Value, json};

use super::completion::{Completion, tool_call};
use crate::{
    model::{Call, Output, json_pieces},
    stream_writer::Frame,
};

/// The end of every stream.
const DONE: &str = "data: [DONE]\n\n";

/// Returns the frames of a stream. The usage comes in its own chunk, and only on request.
pub(super) fn frames(completion: &Completion, with_usage: bool) -> Vec<Frame> {
    let chunk = |choices: Value, usage: Value| {
        data(&completion.object("chat.completion.chunk", json!({"choices": choices, "usage": usage})))
    };
    let choice = |delta: &Value, finish_reason: Option<&str>| {
        chunk(json!([{"index": 0, "delta": delta, "finish_reason": finish_reason, "logprobs": null}]), Value::Null)
    };
    let plain = |bytes: Bytes| Frame { bytes, is_delta: false };
    let mut frames = vec![plain(choice(&json!({"role": "assistant", "content": ""}), None))];
    frames.extend(deltas(&completion.output).iter().map(|delta| Frame { bytes: choice(delta, None), is_delta: true }));
    frames.push(plain(choice(&json!({}), Some(completion.finish_reason()))));
    if with_usage {
        frames.push(plain(chunk(json!([]), completion.usage())));
    }
    frames.push(plain(DONE.into()));
    frames
}

/// Returns the `delta` of each chunk.
fn deltas(output: &Output) -> Vec<Value> {
    match output {
        Output::Text(pieces) => pieces.iter().map(|piece| json!({"content": piece})).collect(),
        Output::Calls(calls) => {
            calls.iter().enumerate().flat_map(|(index, call)| deltas_of_call(index, call)).collect()
        }
    }
}

/// Returns the deltas of one call. Only the first contains the id and the function's name.
fn deltas_of_call(index: usize, call: &Call) -> Vec<Value> {
    let delta = |(number, piece): (usize, String)| match number {
        0 => json!({"tool_calls": [tool_call(index, call, &piece)]}),
        _ => json!({"tool_calls": [{"index": index, "function": {"arguments": piece}}]}),
    };
    json_pieces(&call.arguments).into_iter().enumerate().map(delta).collect()
}

/// Returns a frame without an event name.
pub(super) fn data(value: &Value) -> Bytes {
    format!("data: {value}\n\n").into()
}

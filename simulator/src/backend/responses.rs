//! `POST /codex/responses`: what the backend takes (it refuses every parameter it does not know), and the answer as a
//! stream of server-sent events.

use std::sync::Arc;

use hyper::{
    header::{CONTENT_ENCODING, CONTENT_TYPE},
    http::request::Parts,
};
use serde_json::{Map, Value};

use super::{limits, script::Script, stream};
use crate::{
    faults::Interruption,
    http::{Delivery, Reply},
    provider::{Entry, Provider, random_text},
    refusals,
    settings::Account,
    streams::{OpenStream, StreamEnd},
};

/// The parameters the backend takes.
const SUPPORTED: [&str; 14] = [
    "client_metadata",
    "include",
    "input",
    "instructions",
    "model",
    "parallel_tool_calls",
    "prompt_cache_key",
    "reasoning",
    "service_tier",
    "store",
    "stream",
    "text",
    "tool_choice",
    "tools",
];

/// Answers a request for a response of a model.
pub(super) fn responses(
    provider: &Arc<Provider>,
    entry: &Entry,
    head: &Parts,
    body: &[u8],
    account: &Account,
    interruption: Option<(usize, Interruption)>,
) -> Reply {
    let (settings, now) = {
        let state = provider.state();
        (state.settings.clone(), state.now())
    };
    let model = match model_of(head, body, &settings.models) {
        Ok(model) => model,
        Err(why) => {
            entry.outcome("invalid_request");
            return Reply::json(400, &refusals::detail(&why));
        }
    };
    let script = Script::new(&model, settings.stream_deltas, now);
    let open = OpenStream::new(provider, entry);
    let ending = open.ending();
    let pause = settings.stream_pause;
    let streamed = Delivery::written(move |writer, _| {
        // It begins, and until its writer says otherwise a stream that ends was abandoned.
        ending.is(StreamEnd::Abandoned);
        stream::perform(writer, script, pause, interruption, ending)
    });
    let reply = Reply::new(200, "").headers([
        ("content-type", "text/event-stream"),
        ("cache-control", "no-cache"),
        ("x-request-id", &format!("req_{}", random_text())),
        ("openai-model", &model),
        ("openai-processing-ms", "1"),
    ]);
    limits::told(reply, account, settings.used_percent, now).delivered(streamed, open)
}

/// The model of a request the backend takes; or why it does not.
fn model_of(head: &Parts, body: &[u8], models: &[String]) -> Result<String, String> {
    let media_type = head.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !media_type.starts_with("application/json") || head.headers.contains_key(CONTENT_ENCODING) {
        return Err("The body must be plain JSON".to_owned());
    }
    let request: Map<String, Value> = serde_json::from_slice(body).or(Err("The body is not a JSON object"))?;
    if let Some(unknown) = request.keys().find(|name| !SUPPORTED.contains(&name.as_str())) {
        return Err(format!("Unsupported parameter: {unknown}"));
    }
    let input = request.get("input").and_then(Value::as_array).ok_or("Input must be a list")?;
    if input.iter().any(|item| item.get("role").and_then(Value::as_str) == Some("system")) {
        return Err("System messages are not allowed".to_owned());
    }
    if request.get("store") != Some(&Value::Bool(false)) {
        return Err("Store must be set to false".to_owned());
    }
    if request.get("stream") != Some(&Value::Bool(true)) {
        return Err("Stream must be set to true".to_owned());
    }
    let model = request.get("model").and_then(Value::as_str).unwrap_or_default();
    if !models.iter().any(|known| known == model) {
        return Err(format!("The '{model}' model is not supported when using Codex with a ChatGPT account."));
    }
    Ok(model.to_owned())
}

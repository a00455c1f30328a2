//! `POST /codex/responses`: one model turn as a stream of server-sent events.

use std::sync::Arc;

use hyper::http::request::Parts;

use super::{
    catalog,
    events::Events,
    limits::Quota,
    refusal::Refusal,
    request::{ModelRequest, RESPONSE_PARAMETERS},
    script,
};
use crate::{
    http::Reply,
    provider::{Entry, Provider, random_text},
    scripts::Script,
    settings::Account,
    stream_writer::{self, StreamFault},
    streams::OpenStream,
};

/// The header that keeps the requests of one turn on one account.
const TURN_STATE: &str = "x-codex-turn-state";

/// Handles a request for a model response.
pub(super) fn responses(
    provider: &Arc<Provider>,
    entry: &Entry,
    head: &Parts,
    body: &[u8],
    account: &Account,
    stream_fault: Option<StreamFault>,
) -> Reply {
    let (settings, now) = provider.state().settings_and_time();
    let read = ModelRequest::read(head, body, &RESPONSE_PARAMETERS, &settings.models).and_then(|request| {
        request.check_tools_in_input(head, &settings.lite_models)?;
        Ok(request)
    });
    let request = match read {
        Ok(request) => request,
        Err(refusal) => return refusal.reply(entry),
    };
    let quota = Quota::of(account, &settings, &provider.state().backend.added_usage, now);
    if let Some(refusal) = quota.refusal() {
        entry.set_outcome("usage_limit_reached");
        return refusal;
    }
    let requested = head.headers.get(TURN_STATE).and_then(|state| state.to_str().ok());
    let Ok(turn_state) = provider.state().backend.turns.state_for(&account.account_id, requested) else {
        return Refusal::from("The turn state belongs to another account").reply(entry);
    };
    let key = request.get("prompt_cache_key").and_then(serde_json::Value::as_str);
    let input = provider.state().backend.prompts.count_and_cache(
        &account.account_id,
        key,
        &request.before_input(),
        request.input(),
    );

    let script = provider.state().scripts.next();
    let mut events = Events::begin(&request, now);
    if settings.rate_limits_in_stream {
        events.push_first("codex.rate_limits", quota.event());
    }
    provider.state().backend.added_usage.add(account, settings.percent_per_response, now);
    let actions = script::actions(&script, &request, settings.text_pieces(), input, events, stream_fault);
    let open = OpenStream::new(provider, entry);
    let streamed = stream_writer::delivery(actions, settings.stream_pause, &open);
    let request_id = format!("req_{}", random_text());
    let reply = Reply::new(200, "").headers([
        ("cache-control", "no-cache"),
        ("x-request-id", &request_id),
        ("x-oai-request-id", &request_id),
        ("openai-model", request.model()),
        ("openai-version", "2020-10-01"),
        ("openai-processing-ms", "1"),
        ("x-models-etag", &catalog::etag_of(&settings)),
        (TURN_STATE, &turn_state),
        ("cf-ray", "0123456789abcdef-FRA"),
        ("set-cookie", &format!("__cf_bm={}; Path=/; HttpOnly; Secure; SameSite=None", random_text())),
    ]);
    let reply = if script == Script::Untyped { reply } else { reply.header("content-type", "text/event-stream") };
    quota.with_usage_headers(reply).with_delivery(streamed, open)
}

//! `POST /codex/responses`: one turn of a model, as a stream of server-sent events.

use std::sync::Arc;

use hyper::http::request::Parts;

use super::{
    events::Events,
    limits::Quota,
    request::{ModelRequest, OF_RESPONSES},
    script,
};
use crate::{
    http::Reply,
    performance::{self, Interrupted},
    provider::{Entry, Provider, random_text},
    refusals,
    settings::Account,
    streams::OpenStream,
};

/// What keeps the requests of one turn on one account.
const TURN_STATE: &str = "x-codex-turn-state";

/// Answers a request for a response of a model.
pub(super) fn responses(
    provider: &Arc<Provider>,
    entry: &Entry,
    head: &Parts,
    body: &[u8],
    account: &Account,
    interrupted: Option<Interrupted>,
) -> Reply {
    let (settings, now) = {
        let state = provider.state();
        (state.settings.clone(), state.now())
    };
    let read = ModelRequest::read(head, body, &OF_RESPONSES, &settings.models);
    let request = match read.and_then(|request| request.check_delivery().map(|()| request)) {
        Ok(request) => request,
        Err(why) => return refused(entry, &why),
    };
    let quota = Quota::of(account, &settings, now);
    if let Some(refusal) = quota.refusal() {
        entry.outcome("usage_limit_reached");
        return refusal;
    }
    let presented = head.headers.get(TURN_STATE).and_then(|state| state.to_str().ok());
    let Ok(turn_state) = provider.state().backend.turns.state_for(&account.account_id, presented) else {
        return refused(entry, "The turn state belongs to another account");
    };
    let key = request.get("prompt_cache_key").and_then(serde_json::Value::as_str);
    let input = provider.state().backend.prompts.count(&account.account_id, key, request.input());

    let events = Events::begin(request.model(), now);
    let moves = script::moves(&script::events(&request, settings.stream_deltas, input, events), interrupted);
    let open = OpenStream::new(provider, entry);
    let streamed = performance::delivery(moves, settings.stream_pause, &open);
    let reply = Reply::new(200, "").headers([
        ("content-type", "text/event-stream"),
        ("cache-control", "no-cache"),
        ("x-request-id", &format!("req_{}", random_text())),
        ("openai-model", request.model()),
        ("openai-processing-ms", "1"),
        (TURN_STATE, &turn_state),
    ]);
    quota.told(reply).delivered(streamed, open)
}

/// 400 with the reason.
pub(super) fn refused(entry: &Entry, why: &str) -> Reply {
    entry.outcome("invalid_request");
    Reply::json(400, &refusals::detail(why))
}

//! `POST /codex/responses/compact`: compacts a long conversation. The response is not a stream.

use hyper::http::request::Parts;
use serde_json::{Value, json};

use super::{
    items,
    limits::Quota,
    request::{COMPACTION_PARAMETERS, ModelRequest, text},
};
use crate::{
    http::Reply,
    provider::{Entry, Provider},
    settings::Account,
};

/// Returns the user's messages unchanged, and one item with encrypted content in place of the rest.
pub(super) fn compact(provider: &Provider, entry: &Entry, head: &Parts, body: &[u8], account: &Account) -> Reply {
    let (settings, now) = provider.state().settings_and_time();
    let request = match ModelRequest::read(head, body, &COMPACTION_PARAMETERS, &settings.models) {
        Ok(request) => request,
        Err(refusal) => return refusal.reply(entry),
    };
    let quota = Quota::of(account, &settings, &provider.state().backend.added_usage, now);
    if let Some(refusal) = quota.refusal() {
        entry.set_outcome("usage_limit_reached");
        return refusal;
    }
    let messages = request.input().iter().filter(|item| text(item, "role") == Some("user")).cloned();
    let output: Vec<Value> = messages.chain([items::compacted()]).collect();
    quota.with_usage_headers(Reply::json(200, &json!({"output": output})))
}

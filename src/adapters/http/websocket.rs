//! Rejects WebSocket upgrades, which the model routes and the proxy do not support.

use poem::{
    Request, Response,
    http::{HeaderValue, header},
};

use super::{paths, problem_json::ProblemJson};
use crate::adapters::contract::ProblemKind;

/// Rejects a WebSocket upgrade with a 426, on paths with errors in OpenAI's form. The Codex CLI tries an upgrade first.
/// After a 426 it uses plain HTTP at once; after other errors it retries the upgrade.
pub(super) fn reject_websocket(request: &Request) -> Result<(), Response> {
    // Ignore other upgrades, which are optional: Java's client offers HTTP/2 this way.
    let is_websocket =
        |value: &HeaderValue| value.to_str().is_ok_and(|text| text.to_ascii_lowercase().contains("websocket"));
    let is_upgrade = request.headers().get_all(header::UPGRADE).iter().any(is_websocket);
    if is_upgrade && paths::expects_openai_errors(request.uri().path()) {
        let detail = "WebSockets are not supported here; use plain HTTP";
        return Err(ProblemJson::response(ProblemKind::NoUpgrade, detail));
    }
    Ok(())
}

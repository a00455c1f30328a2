//! Requests for a WebSocket, which this gateway does not offer.

use poem::{
    Request, Response,
    http::{HeaderValue, header},
};

use super::{paths, problem_json::ProblemJson};
use crate::adapters::contract::ProblemKind;

/// Rejects WebSockets with a 426. Codex tries one first; after a 426 it uses plain HTTP at once, after other errors it
/// retries.
pub(super) fn no_upgrade(request: &Request) -> Result<(), Response> {
    // Other upgrades are optional and ignored: Java's client offers HTTP/2 this way.
    let is_websocket =
        |value: &HeaderValue| value.to_str().is_ok_and(|text| text.to_ascii_lowercase().contains("websocket"));
    let upgrades = request.headers().get_all(header::UPGRADE).iter().any(is_websocket);
    if upgrades && paths::speaks_openai(request.uri().path()) {
        let detail = "WebSockets are not supported here; use plain HTTP";
        return Err(ProblemJson::response(ProblemKind::NoUpgrade, detail));
    }
    Ok(())
}

//! The list of models that the client's version supports, with an `ETag` for conditional requests.

use hyper::{
    header::{ETAG, IF_NONE_MATCH},
    http::request::Parts,
};
use serde_json::{Value, json};

use crate::{
    http::{Parameters, Reply},
    journal::body_sha256,
    refusals,
    settings::Settings,
};

/// The oldest client version that gets the models; older ones get an empty list.
const MINIMAL_CLIENT_VERSION: &str = "0.1.0";

/// Handles `GET /codex/models`.
pub(super) fn models(settings: &Settings, head: &Parts) -> Reply {
    let query = Parameters::from_form(head.uri.query().unwrap_or_default().as_bytes()).ok();
    let Some(version) = query.as_ref().and_then(|query| version(query.get("client_version")?)) else {
        return Reply::json(400, &refusals::detail("A client_version such as 1.2.3 is required"));
    };
    let is_supported = Some(version) >= self::version(MINIMAL_CLIENT_VERSION);
    let catalog = catalog(if is_supported { &settings.models } else { &[] }, &settings.lite_models);
    let etag = etag(&catalog);
    let is_unchanged = head.headers.get(IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == etag.as_bytes());
    let reply = if is_unchanged { Reply::new(304, "") } else { Reply::json(200, &catalog) };
    reply.header(ETAG.as_str(), &etag)
}

/// Returns the `ETag` of the whole list, which every model response has in `x-models-etag`.
pub(super) fn etag_of(settings: &Settings) -> String {
    etag(&catalog(&settings.models, &settings.lite_models))
}

fn catalog(slugs: &[String], lite_slugs: &[String]) -> Value {
    let entries = slugs.iter().enumerate().map(|(priority, slug)| model(priority, slug, lite_slugs.contains(slug)));
    json!({"models": entries.collect::<Vec<_>>()})
}

fn etag(catalog: &Value) -> String {
    format!("\"{}\"", body_sha256(catalog.to_string().as_bytes()).chars().take(16).collect::<String>())
}

/// Parses the numbers of a version, without a pre-release suffix.
fn version(text: &str) -> Option<[u32; 3]> {
    let numbers = text.split('-').next()?.split('.').map(|number| number.parse().ok());
    numbers.collect::<Option<Vec<_>>>()?.try_into().ok()
}

fn model(priority: usize, slug: &str, is_lite: bool) -> Value {
    json!({
        "slug": slug,
        "display_name": slug,
        "description": "A simulated model.",
        "default_reasoning_level": "medium",
        "supported_reasoning_levels": [
            {"effort": "low", "description": "Quick"},
            {"effort": "medium", "description": "Balanced"},
            {"effort": "high", "description": "Thorough"},
        ],
        "shell_type": "shell_command",
        "visibility": "list",
        "minimal_client_version": MINIMAL_CLIENT_VERSION,
        "supported_in_api": true,
        "priority": priority,
        "upgrade": null,
        "base_instructions": "You are a simulated model.",
        "supports_reasoning_summaries": true,
        "support_verbosity": true,
        "default_verbosity": "medium",
        "apply_patch_tool_type": "freeform",
        "truncation_policy": {"mode": "tokens", "limit": 10_000},
        "supports_parallel_tool_calls": true,
        "context_window": 272_000,
        "effective_context_window_percent": 95,
        "experimental_supported_tools": [],
        "input_modalities": ["text", "image"],
        "prefer_websockets": false,
        "use_responses_lite": is_lite,
        "available_in_plans": ["free", "go", "plus", "pro", "team", "business", "enterprise", "education"],
        "service_tiers": [],
    })
}

//! The list of models, with an `ETag` for clients that ask again.

use hyper::{
    HeaderMap,
    header::{ETAG, IF_NONE_MATCH},
};
use serde_json::{Value, json};

use crate::{http::Reply, journal::body_sha256};

/// Answers `GET /codex/models`.
pub(super) fn models(slugs: &[String], headers: &HeaderMap) -> Reply {
    let catalog = json!({"models": slugs.iter().enumerate().map(model).collect::<Vec<_>>()});
    let etag = format!("\"{}\"", body_sha256(catalog.to_string().as_bytes()).chars().take(16).collect::<String>());
    let known = headers.get(IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == etag.as_bytes());
    let reply = if known { Reply::new(304, "") } else { Reply::json(200, &catalog) };
    reply.header(ETAG.as_str(), &etag)
}

fn model((priority, slug): (usize, &String)) -> Value {
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
        "minimal_client_version": "0.1.0",
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
        "available_in_plans": ["free", "go", "plus", "pro", "team", "business", "enterprise", "education"],
        "service_tiers": [],
    })
}

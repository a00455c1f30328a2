//! Ready-made faults of the backend and of the network in front of it.

use serde_json::{Value, json};

use super::Fault;
use crate::{journal::machine_time, refusals};

impl Fault {
    /// 400 with this reason.
    #[must_use]
    pub fn bad_request(why: &str) -> Self {
        answer(400, &refusals::detail(why))
    }

    /// 401 of the backend for a valid token: with this code in the body, or without one as `{"detail":"Unauthorized"}`.
    #[must_use]
    pub fn unauthorized(code: Option<&str>) -> Self {
        answer(401, &code.map_or_else(refusals::unauthorized, refusals::refused_token))
    }

    /// 402: the workspace has no credits left.
    #[must_use]
    pub fn payment_required() -> Self {
        answer(402, &refusals::detail("Payment required: your workspace is out of credits."))
    }

    /// 402 without a body.
    #[must_use]
    pub fn empty_payment_required() -> Self {
        Self::Answer { status: 402, headers: Vec::new(), body: String::new() }
    }

    /// 402: the workspace is deactivated. The token is still valid.
    #[must_use]
    pub fn deactivated_workspace() -> Self {
        answer(402, &refusals::deactivated_workspace())
    }

    /// 401: the account is deactivated. No refresh helps.
    #[must_use]
    pub fn account_deactivated() -> Self {
        answer(401, &invalid_request("account_deactivated", "Your account has been deactivated."))
    }

    /// 401: the token lacks a permission, which a refresh does not add.
    #[must_use]
    pub fn missing_scope() -> Self {
        let message = "You have insufficient permissions for this operation. Missing scopes: api.responses.write.";
        answer(401, &invalid_request("missing_scope", message))
    }

    /// 403 with this code in `error`. The token is still valid.
    #[must_use]
    pub fn forbidden(code: &str) -> Self {
        let message = "You do not have access to Codex in this workspace.";
        answer(403, &json!({"error": {"message": message, "type": "request_forbidden", "param": null, "code": code}}))
    }

    /// 403: the workspace in `chatgpt-account-id` does not belong to the token.
    #[must_use]
    pub fn invalid_workspace() -> Self {
        answer(403, &json!({"detail": {"code": "invalid_workspace_selected"}}))
    }

    /// 404 for a usage limit, as older backends sent and some proxies still do.
    #[must_use]
    pub fn usage_limit_not_found(resets_in_seconds: u64) -> Self {
        let resets_at = machine_time().as_secs() + resets_in_seconds;
        answer(404, &refusals::usage_limit_reached("plus", resets_at, resets_in_seconds))
    }

    /// 429 of the backend: the plan's limit is reached until the reset.
    #[must_use]
    pub fn usage_limit_reached(resets_in_seconds: u64) -> Self {
        let resets_at = machine_time().as_secs() + resets_in_seconds;
        let body = refusals::usage_limit_reached("plus", resets_at, resets_in_seconds);
        let header = |name: &str, value: String| (name.to_owned(), value);
        let headers = vec![
            content_type("application/json"),
            header("x-codex-plan-type", "plus".to_owned()),
            header("x-codex-primary-used-percent", "100.0".to_owned()),
            header("x-codex-primary-window-minutes", "300".to_owned()),
            header("x-codex-primary-reset-at", resets_at.to_string()),
            header("x-codex-primary-reset-after-seconds", resets_in_seconds.to_string()),
            header("x-codex-rate-limit-reached-type", "primary".to_owned()),
        ];
        Self::Answer { status: 429, headers, body: body.to_string() }
    }

    /// 429: the plan does not include Codex, so waiting does not help.
    #[must_use]
    pub fn usage_not_included() -> Self {
        let message = refusals::failure_message("usage_not_included");
        answer(429, &json!({"error": {"type": "usage_not_included", "message": message, "plan_type": "free"}}))
    }

    /// 503 with `slow_down`, another code for an overloaded server.
    #[must_use]
    pub fn slow_down() -> Self {
        let message = refusals::failure_message("slow_down");
        answer(503, &json!({"error": {"message": message, "type": "server_error", "param": null, "code": "slow_down"}}))
    }

    /// 403 with a browser challenge page. The token is still valid.
    #[must_use]
    pub fn cloudflare_challenge() -> Self {
        cloudflare(403, "Just a moment...", "Enable JavaScript and cookies to continue")
    }

    /// 403 with the block page of a content delivery network. The token is still valid.
    #[must_use]
    pub fn cloudflare_blocked() -> Self {
        cloudflare(403, "Attention Required! | Cloudflare", "Sorry, you have been blocked")
    }

    /// 500 with an HTML page.
    #[must_use]
    pub fn internal_server_error_page() -> Self {
        cloudflare(500, "500 Internal Server Error", "Internal server error")
    }

    /// 504 with an HTML page.
    #[must_use]
    pub fn gateway_timeout() -> Self {
        cloudflare(504, "504 Gateway Time-out", "Gateway time-out")
    }
}

fn invalid_request(code: &str, message: &str) -> Value {
    json!({"error": {"message": message, "type": "invalid_request_error", "param": null, "code": code}})
}

fn answer(status: u16, body: &Value) -> Fault {
    Fault::Answer { status, headers: vec![content_type("application/json")], body: body.to_string() }
}

/// Returns an HTML page of the network in front of the backend.
fn cloudflare(status: u16, title: &str, says: &str) -> Fault {
    let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let headers = vec![
        content_type("text/html; charset=UTF-8"),
        header("server", "cloudflare"),
        header("cf-ray", "0123456789abcdef-FRA"),
    ];
    let body = format!("<!DOCTYPE html><html><head><title>{title}</title></head><body><h1>{says}</h1></body></html>");
    Fault::Answer { status, headers, body }
}

/// Returns the header `Content-Type`.
pub(super) fn content_type(media_type: &str) -> (String, String) {
    ("content-type".to_owned(), media_type.to_owned())
}

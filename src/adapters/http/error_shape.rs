//! The form of an error: problem+json everywhere but on the routes that OpenAI's clients call, which parse OpenAI's own.

use poem::{
    Endpoint, Request, Response,
    http::{StatusCode, header},
};
use serde_json::json;

use super::problem::Problem;

/// The routes whose callers expect OpenAI's form.
const OPENAI: [&str; 1] = ["/v1/proxy/"];

tokio::task_local! {
    static OPENAI_IS_SPOKEN: bool;
}

/// Answers a request in the form that its route is known for.
pub(super) async fn of_route<E: Endpoint<Output = Response>>(
    routes: std::sync::Arc<E>,
    request: Request,
) -> poem::Result<Response> {
    let openai = OPENAI.iter().any(|prefix| request.uri().path().starts_with(prefix));
    OPENAI_IS_SPOKEN.scope(openai, routes.call(request)).await
}

/// The problem in OpenAI's form, if that is what this request's caller expects.
pub(super) fn openai(problem: &Problem) -> Option<Response> {
    if !OPENAI_IS_SPOKEN.try_with(|spoken| *spoken).unwrap_or(false) {
        return None;
    }
    let status = status(problem);
    let body = json!({"error": {
        "message": problem.detail,
        "type": kind(status),
        "code": problem.code,
        "param": null,
    }});
    let mut answer = Response::builder().status(status).content_type("application/json");
    if status == StatusCode::SERVICE_UNAVAILABLE {
        answer = answer.header(header::RETRY_AFTER, "1");
    }
    Some(answer.body(body.to_string()))
}

/// Those clients try a 409 again by themselves, in vain: only the account's owner can help.
fn status(problem: &Problem) -> StatusCode {
    match problem.code.as_str() {
        "needs_reauth" | "not_connected" => StatusCode::UNAUTHORIZED,
        "disabled_by_configuration" | "switched_off" => StatusCode::FORBIDDEN,
        _ => problem.status(),
    }
}

/// As OpenAI names the kinds.
fn kind(status: StatusCode) -> &'static str {
    match status.as_u16() {
        401 => "authentication_error",
        403 => "permission_error",
        429 => "rate_limit_error",
        400..=499 => "invalid_request_error",
        _ => "server_error",
    }
}

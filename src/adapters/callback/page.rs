//! Renders the pages that the browser shows after a callback.
//!
//! Their texts are fixed, except for the provider's error from a callback with a valid `state`, and for the names and
//! labels of accounts.

use poem::{
    Response,
    http::{HeaderName, HeaderValue, StatusCode, header},
};

use crate::{
    domain::login_outcome::{LoginEnd, LoginOutcome},
    ports::CallbackReply,
};

/// The inline style sheet. [`POLICY`] allows it by its hash.
const STYLE: &str = include_str!("page.css");
const POLICY: &str = "default-src 'none'; style-src 'sha256-6abNMGf2Ozu+e++bxGtvtYQA6iYnb9b06wwDo0QARRg='; base-uri 'none'; form-action 'none'; \
                      frame-ancestors 'none'";

const SAFE_HEADERS: [(HeaderName, &str); 5] = [
    (header::CACHE_CONTROL, "no-store"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::CONTENT_SECURITY_POLICY, POLICY),
    // The listener closes soon, so do not keep connections alive.
    (header::CONNECTION, "close"),
];

pub(super) fn with_safe_headers(mut response: Response) -> Response {
    for (name, value) in SAFE_HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

/// Returns the page for the outcome of a login or the rejection of a callback.
pub(super) fn outcome(reply: &CallbackReply) -> Response {
    match reply {
        CallbackReply::Ended(LoginEnd { outcome: LoginOutcome::Completed, reason }) => {
            html(StatusCode::OK, "done", "Connected", reason)
        }
        CallbackReply::Ended(end) => html(StatusCode::OK, "failed", "Not connected", &end.reason),
        CallbackReply::Question(question) => html(
            StatusCode::OK,
            "waiting",
            "Another account signed in",
            &format!(
                "{} Choose where you started the sign-in: on the gateway's page, or with goclaw auth confirm.",
                question.sentence()
            ),
        ),
        CallbackReply::Unsaved => html(
            StatusCode::OK,
            "waiting",
            "Approved, not saved yet",
            "The gateway has the tokens and cannot save them now. It saves them when its database is back. The approval is \
             used up; you do not need to repeat it.",
        ),
        CallbackReply::Rejected => html(
            StatusCode::BAD_REQUEST,
            "failed",
            "This sign-in is not pending here",
            "The address does not belong to a pending sign-in of this gateway. Other sign-ins are not affected. Start \
             again.",
        ),
        CallbackReply::Finishing => html(
            StatusCode::CONFLICT,
            "waiting",
            "This sign-in is being finished",
            "Another request is finishing it. See the result where you started the sign-in.",
        ),
        CallbackReply::Unavailable => html(
            StatusCode::SERVICE_UNAVAILABLE,
            "failed",
            "The gateway could not finish this sign-in",
            "It could not read or save its data. Fix the cause shown in the gateway's log, then start again.",
        ),
    }
}

pub(super) fn refusal(status: StatusCode) -> Response {
    let title = if status == StatusCode::NOT_FOUND { "Not found" } else { "Request refused" };
    html(status, "failed", title, "This address serves pending sign-ins only.")
}

fn html(status: StatusCode, class: &'static str, title: &'static str, text: &str) -> Response {
    let text = escaped(text);
    let page = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title} - goclaw</title>\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><style>{STYLE}</style></head>\
         <body class=\"{class}\"><main><p class=\"mark\" aria-hidden=\"true\"></p><h1>{title}</h1><p>{text}</p>\
         <p>You can close this tab and return to where you started.</p></main>\
         </body></html>\n"
    );
    Response::builder().status(status).content_type("text/html; charset=utf-8").body(page)
}

/// Escapes a text for HTML.
fn escaped(text: &str) -> String {
    let references = [('&', "&amp;"), ('<', "&lt;"), ('>', "&gt;"), ('"', "&quot;"), ('\'', "&#39;")];
    references.into_iter().fold(text.to_owned(), |text, (c, reference)| text.replace(c, reference))
}

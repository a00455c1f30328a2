//! The error of a request that cannot be translated, with the messages and codes of OpenAI's API. Clients show them
//! unchanged.

use crate::domain::json::InvalidJson;

/// The code of a body that exceeds a limit.
pub const TOO_LARGE: &str = "body_too_large";

/// The maximum length of a caller's word in a message, in characters.
const MAX_SHOWN_CHARS: usize = 64;

/// A request that cannot be translated: the caller must change it. The fields are those of `error` in a response with
/// status 400, or 413 for [`TOO_LARGE`] (OpenAI API reference, error codes).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct InvalidRequest {
    pub message: String,
    /// The place in the body, e.g. `messages[2].content`.
    pub param: Option<String>,
    /// One of `invalid_json`, `body_too_large`, `missing_required_parameter`, `invalid_type`, `unsupported_parameter`,
    /// `unsupported_value`, `previous_response_not_found`.
    pub code: &'static str,
}

impl InvalidRequest {
    pub(super) fn missing(param: &str) -> Self {
        let message = format!("Missing required parameter: '{param}'.");
        Self { message, param: Some(param.to_owned()), code: "missing_required_parameter" }
    }

    /// Returns the error of a wrong type. `expected` has an article: "a string".
    pub(super) fn invalid_type(param: &str, expected: &str) -> Self {
        let message = match param {
            "" => format!("The body must be {expected}."),
            param => format!("Invalid type for '{param}': expected {expected}."),
        };
        Self { message, param: Some(param.to_owned()).filter(|param| !param.is_empty()), code: "invalid_type" }
    }

    /// Returns the error of a known parameter that is not supported. `advice` is the reason and the remedy.
    pub(super) fn refused(param: &str, advice: &str) -> Self {
        let message = format!("Unsupported parameter: {param}. {advice}");
        Self { message, param: Some(param.to_owned()), code: "unsupported_parameter" }
    }

    /// Returns the error of a response that is not remembered. `rule` is the reason.
    pub fn previous_response_not_found(id: &str, rule: &str) -> Self {
        let message = format!("Previous response with id '{}' not found. {rule}", shown(id));
        Self { message, param: Some("previous_response_id".to_owned()), code: "previous_response_not_found" }
    }

    /// Returns the error of a remembered conversation that no request can hold.
    pub fn conversation_too_long() -> Self {
        let message = "The conversation before this response is too long. Send a shorter one in `input`.".to_owned();
        Self { message, param: Some("previous_response_id".to_owned()), code: TOO_LARGE }
    }

    /// Returns the error of a page that begins after an item which the list does not have.
    pub fn unknown_after(id: &str) -> Self {
        Self::unsupported_value("after", &format!("the list has no item '{}'.", shown(id)))
    }

    pub(super) fn unsupported_value(param: &str, advice: &str) -> Self {
        let message = format!("Unsupported value for '{param}': {advice}");
        Self { message, param: Some(param.to_owned()), code: "unsupported_value" }
    }
}

impl From<InvalidJson> for InvalidRequest {
    fn from(InvalidJson { reason, line, column }: InvalidJson) -> Self {
        Self {
            message: format!("The body {reason} (line {line}, column {column})."),
            param: None,
            code: if reason.is_too_large() { TOO_LARGE } else { "invalid_json" },
        }
    }
}

/// Shortens a caller's word for a message.
pub(super) fn shown(word: &str) -> String {
    word.chars().take(MAX_SHOWN_CHARS).collect()
}

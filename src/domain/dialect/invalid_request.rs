//! The error of a request that cannot be translated. Messages and codes follow OpenAI's API, because clients show them
//! unchanged.

use crate::domain::json::InvalidJson;

/// The error code of a body that exceeds a limit.
pub const TOO_LARGE: &str = "body_too_large";

/// The maximum length of a caller's text in a message, in characters.
const MAX_SHOWN_CHARS: usize = 64;

/// A request that the caller must change. The fields become the members of `error` in a response with status 400, or
/// 413 for [`TOO_LARGE`] (OpenAI API reference, error codes).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct InvalidRequest {
    pub message: String,
    /// The path in the body, e.g. `messages[2].content`, or the name of a query parameter.
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

    /// Returns the error for a value of the wrong type. `expected` includes an article: "a string".
    pub(super) fn invalid_type(param: &str, expected: &str) -> Self {
        let message = match param {
            "" => format!("The body must be {expected}."),
            param => format!("Invalid type for '{param}': expected {expected}."),
        };
        Self { message, param: Some(param.to_owned()).filter(|param| !param.is_empty()), code: "invalid_type" }
    }

    /// Returns the error for a known parameter that is not supported. `advice` is the reason and the remedy.
    pub(super) fn refused(param: &str, advice: &str) -> Self {
        let message = format!("Unsupported parameter: {param}. {advice}");
        Self { message, param: Some(param.to_owned()), code: "unsupported_parameter" }
    }

    /// Returns the error for an earlier response that is not stored.
    pub fn previous_response_not_found(id: &str, reason: &str) -> Self {
        let message = format!("Previous response with id '{}' not found. {reason}", shown(id));
        Self { message, param: Some("previous_response_id".to_owned()), code: "previous_response_not_found" }
    }

    /// Returns the error for a stored conversation that is longer than a request may be.
    pub fn conversation_too_long() -> Self {
        let message = "The conversation before this response is too long. Send a shorter one in `input`.".to_owned();
        Self { message, param: Some("previous_response_id".to_owned()), code: TOO_LARGE }
    }

    /// Returns the error for the value at which JSON in the place of strings becomes too long.
    pub(super) fn too_long_json(param: &str) -> Self {
        let message = format!(
            "The tool outputs and arguments up to '{param}' have too much JSON that is not a string: send strings."
        );
        Self { message, param: Some(param.to_owned()), code: TOO_LARGE }
    }

    /// Returns the error for a page of a list that begins after an unknown item.
    pub fn unknown_after(id: &str) -> Self {
        Self::unsupported_value("after", &format!("the list has no item '{}'.", shown(id)))
    }

    /// Returns the error for a stored response that is requested as a stream.
    pub fn whole_response_only() -> Self {
        Self::refused("stream", "A stored response is complete: leave it out.")
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

/// Shortens a caller's text for a message.
pub(super) fn shown(word: &str) -> String {
    word.chars().take(MAX_SHOWN_CHARS).collect()
}

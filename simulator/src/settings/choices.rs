//! Enumerations used in the settings.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::durations;

/// The ports a loopback redirect URI may use. The real provider registers two.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RedirectPorts {
    /// Any port.
    Any,
    /// These ports only.
    Only(Vec<u16>),
}

/// The outcome of a valid request at the authorization endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "mode", rename_all = "snake_case", deny_unknown_fields)]
pub enum Approval {
    /// Show a page with Approve and Deny.
    Ask,
    /// Redirect back with a code immediately.
    AutoApprove,
    /// Redirect back with `access_denied`.
    Deny,
    /// Redirect back with `access_denied`; the description contains `missing_codex_entitlement`.
    MissingEntitlement,
    /// Redirect back with this error code.
    ErrorParam {
        /// The value of the `error` parameter.
        error: String,
    },
    /// Accept the request and never respond.
    NeverAnswer,
    /// Show the HTML page of an invalid session (400), without a redirect.
    InvalidSession,
}

/// The text of a plain response.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Speech {
    /// `stream_deltas` numbered words, so that a test notices a missing one.
    NumberedWords,
    /// A fixed text in sentences, one word per delta.
    Sentences,
}

/// The fault in the redirect back to the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallbackFault {
    /// No fault.
    None,
    /// `state` differs from the one the client sent.
    WrongState,
    /// No `code`.
    MissingCode,
    /// Unknown parameters. Not a fault: clients must ignore them (RFC 6749 section 4.1.2).
    ExtraParams,
    /// `code` twice, with different values.
    RepeatedCode,
    /// `iss` with the issuer (RFC 9207). Not a fault.
    IssuerAdded,
    /// `iss` with another issuer (RFC 9207 section 2.4: clients must refuse it).
    WrongIssuer,
}

/// The reaction to a reused refresh token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReusePolicy {
    /// Refuse it and revoke the whole family, access tokens included (RFC 9700 section 4.14).
    KillFamily,
    /// Refuse it; the family stays live.
    RefuseOnly,
    /// Accept it for this time after its first use; then act as `KillFamily`.
    Grace(#[serde(with = "durations")] Duration),
}

/// The shape of error responses at the token endpoint. The real provider uses several.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorShape {
    /// `{"error": {"message", "type", "param", "code"}}`.
    Object,
    /// `{"error": "...", "error_description": "..."}` (RFC 6749 section 5.2).
    StringAndDescription,
    /// `{"code": "...", "message": "..."}`.
    TopLevelCode,
    /// `{"error": "invalid_grant", "code": "..."}`, where the two disagree.
    Mixed,
    /// `{"detail": "..."}`.
    Detail,
    /// The message as plain text.
    PlainText,
    /// An HTML page.
    Html,
    /// An empty body.
    Empty,
    /// `Object`, cut in the middle, in a complete HTTP response.
    TruncatedJson,
}

/// The `expires_in` member of token responses.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExpiresIn {
    /// The access lifetime in seconds.
    Honest,
    /// Omitted.
    Absent,
    /// This value, for example 0, -1, 1e18 or "3600".
    Value(Value),
}

/// The form of access tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccessTokenForm {
    /// A JWT with all claims.
    Jwt,
    /// Not a JWT.
    Opaque,
    /// A JWT without `exp`.
    WithoutExp,
    /// A JWT whose `exp` is not a number.
    UnreadableExp,
}

//! The choices among the settings.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::durations;

/// Which ports a loopback redirect URI may name. The real provider has two registered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RedirectPorts {
    /// Any port, as tests need it.
    Any,
    /// These ports only.
    Only(Vec<u16>),
}

/// What happens at the authorization endpoint once the request itself is valid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "mode", rename_all = "snake_case", deny_unknown_fields)]
pub enum Approval {
    /// Show a page with Approve and Deny.
    Ask,
    /// Redirect back with a code at once.
    AutoApprove,
    /// Redirect back with `access_denied`.
    Deny,
    /// Redirect back with `access_denied` whose description contains `missing_codex_entitlement`.
    MissingEntitlement,
    /// Redirect back with this error code.
    ErrorParam {
        /// The value of the `error` parameter.
        error: String,
    },
    /// Accept the request and never answer.
    NeverAnswer,
    /// Show the HTML page of a stale session (400), without a redirect.
    InvalidSession,
}

/// What goes wrong with the redirect back to the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallbackFault {
    /// Nothing.
    None,
    /// `state` is not the one that was sent.
    WrongState,
    /// No `code`.
    MissingCode,
    /// Parameters nobody asked for. Not a fault: clients must ignore them (RFC 6749 section 4.1.2).
    ExtraParams,
    /// `code` twice, with different values.
    RepeatedCode,
    /// `iss` with the issuer (RFC 9207). Not a fault.
    IssuerAdded,
    /// `iss` with somebody else's issuer (RFC 9207 section 2.4: clients must refuse).
    WrongIssuer,
}

/// What a spent refresh token does when it comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReusePolicy {
    /// Refused, and the whole family, access tokens included, is dead (RFC 9700 section 4.14).
    KillFamily,
    /// Refused; the family lives on.
    RefuseOnly,
    /// Within this time after it was first spent it still works; later as `KillFamily`.
    Grace(#[serde(with = "durations")] Duration),
}

/// The form of refusals at the token endpoint. The real provider shows several.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorShape {
    /// `{"error": {"message", "type", "param", "code"}}`.
    Object,
    /// `{"error": "...", "error_description": "..."}` (RFC 6749 section 5.2).
    StringAndDescription,
    /// `{"code": "...", "message": "..."}`.
    TopLevelCode,
    /// `{"error": "invalid_grant", "code": "..."}`, the two disagreeing.
    Mixed,
    /// `{"detail": "..."}`.
    Detail,
    /// The message as text.
    PlainText,
    /// A page.
    Html,
    /// Nothing.
    Empty,
    /// The object form, cut in the middle, in a complete HTTP answer.
    TruncatedJson,
}

/// The `expires_in` member of token answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExpiresIn {
    /// The access lifetime in seconds.
    Honest,
    /// No such member.
    Absent,
    /// Whatever this is: 0, -1, 1e18, "3600".
    Value(Value),
}

/// What access tokens look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccessTokenForm {
    /// A JWT with all claims.
    Jwt,
    /// Not a JWT at all.
    Opaque,
    /// A JWT without `exp`.
    WithoutExp,
    /// A JWT whose `exp` is not a number.
    UnreadableExp,
}

//! The kinds of error: status, stable code and title. A test compares them with `docs/errors.md`.

use http_message::StatusCode;
use poem_openapi::Enum;
use serde::{Deserialize, Deserializer, Serialize};

macro_rules! kinds {
    ($($kind:ident: $status:ident, $code:literal, $title:literal;)*) => {
        /// The stable code of a kind of error. New codes may be added; treat an unknown one as `internal`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Enum, Serialize)]
        #[oai(rename = "ProblemCode")]
        pub enum ProblemKind {
            $(
                #[oai(rename = $code)]
                #[serde(rename = $code)]
                $kind,
            )*
        }

        impl ProblemKind {
            const ALL: &'static [Self] = &[$(Self::$kind,)*];

            pub fn status(self) -> StatusCode {
                match self {
                    $(Self::$kind => StatusCode::$status,)*
                }
            }

            /// Returns the stable code.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$kind => $code,)*
                }
            }

            pub fn title(self) -> &'static str {
                match self {
                    $(Self::$kind => $title,)*
                }
            }
        }
    };
}

impl ProblemKind {
    /// Returns whether the account's owner must act before a retry can succeed.
    pub fn needs_owner(self) -> bool {
        matches!(self, Self::NeedsReauth | Self::NotConnected | Self::DisabledByConfiguration | Self::SwitchedOff)
    }

    /// Returns the status for OpenAI's clients, which retry a 409 and attribute a 401 to their own token.
    pub fn openai_status(self) -> StatusCode {
        if self.needs_owner() { StatusCode::BAD_REQUEST } else { self.status() }
    }

    /// Returns whether a retry of the same request cannot succeed.
    pub fn is_permanent(self) -> bool {
        let needs_configuration = matches!(self, Self::DecryptionFailed | Self::UpstreamRedirect);
        let is_transient = matches!(self, Self::BodyTimeout | Self::TooManyAttempts);
        needs_configuration || self.openai_status().is_client_error() && !is_transient
    }
}

/// Reads an unknown code as [`ProblemKind::Internal`]: a newer gateway may have more kinds.
impl<'de> Deserialize<'de> for ProblemKind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let code = String::deserialize(deserializer)?;
        Ok(Self::ALL.iter().copied().find(|kind| kind.as_str() == code).unwrap_or(Self::Internal))
    }
}

kinds! {
    BadRequest: BAD_REQUEST, "bad_request", "Bad request";
    InvalidBody: BAD_REQUEST, "bad_body", "Body of another shape";
    MalformedJson: BAD_REQUEST, "malformed_json", "Malformed JSON";
    InvalidProviderName: BAD_REQUEST, "bad_provider_name", "Bad provider name";
    InvalidDisplayName: BAD_REQUEST, "bad_display_name", "Bad display name";
    UnknownProviderType: BAD_REQUEST, "unknown_provider_type", "Unknown provider type";
    InvalidSecret: BAD_REQUEST, "bad_secret", "Unusable secret";
    ExpiredSecret: BAD_REQUEST, "expired_secret", "Expired secret";
    SecretRefused: BAD_REQUEST, "secret_refused", "Provider refused the secret";
    InvalidRedirectUrl: BAD_REQUEST, "bad_redirect_url", "Bad redirect URL";
    InvalidState: BAD_REQUEST, "invalid_state", "Invalid state";
    WrongRedirectAddress: BAD_REQUEST, "wrong_redirect_address", "Wrong redirect address";
    WrongIssuer: BAD_REQUEST, "wrong_issuer", "Wrong issuer";
    NoCode: BAD_REQUEST, "no_code", "No authorization code";
    NoModels: BAD_REQUEST, "no_models", "Nothing to prompt";
    UnsupportedApi: BAD_REQUEST, "unsupported_api", "Another API";
    InvalidPath: BAD_REQUEST, "bad_path", "Bad path";
    UnknownScope: BAD_REQUEST, "unknown_scope", "Unknown scope";
    Unauthorized: UNAUTHORIZED, "unauthorized", "Not authorized";
    InsufficientScope: FORBIDDEN, "insufficient_scope", "Token is not for this";
    Denied: FORBIDDEN, "denied", "Declined at the provider";
    MissingEntitlement: FORBIDDEN, "missing_entitlement", "No access to Codex";
    NotYourLogin: FORBIDDEN, "not_your_login", "Somebody else's sign-in";
    PathNotAllowed: FORBIDDEN, "path_not_allowed", "Path does not pass";
    NotFound: NOT_FOUND, "not_found", "Nothing here";
    ModelNotFound: NOT_FOUND, "model_not_found", "No such model";
    NoUsage: NOT_FOUND, "no_usage", "Usage is not told";
    UnknownToken: NOT_FOUND, "unknown_token", "Unknown token";
    UnknownProvider: NOT_FOUND, "unknown_provider", "Unknown provider";
    MethodNotAllowed: METHOD_NOT_ALLOWED, "method_not_allowed", "Method not allowed";
    BodyTimeout: REQUEST_TIMEOUT, "body_timeout", "Body too slow";
    TypeConflict: CONFLICT, "provider_type_conflict", "Provider of another type";
    AuthMethodMismatch: CONFLICT, "auth_method_mismatch", "Connects in another way";
    NotConnected: CONFLICT, "not_connected", "Not connected";
    DisabledByConfiguration: CONFLICT, "disabled_by_configuration", "Switched off";
    SwitchedOff: CONFLICT, "switched_off", "Switched off by its owner";
    NothingToRefresh: CONFLICT, "nothing_to_refresh", "Nothing to refresh with";
    StaleConsent: CONFLICT, "stale_consent", "Tokens have changed";
    NeedsReauth: CONFLICT, "needs_reauth", "Sign in again";
    TooManyTokens: CONFLICT, "too_many_tokens", "Too many tokens";
    NoPendingLogin: CONFLICT, "no_pending_login", "No pending sign-in";
    NoSession: CONFLICT, "no_session", "No session of the page";
    LoginInProgress: CONFLICT, "login_in_progress", "Being finished";
    LoginOver: GONE, "login_over", "Sign-in is over";
    Expired: GONE, "expired", "Sign-in expired";
    BodyTooLarge: PAYLOAD_TOO_LARGE, "body_too_large", "Body too large";
    NotJson: UNSUPPORTED_MEDIA_TYPE, "not_json", "Not JSON";
    HostNotAllowed: MISDIRECTED_REQUEST, "host_not_allowed", "Another host";
    NoUpgrade: UPGRADE_REQUIRED, "no_upgrade", "Plain HTTP only";
    TooManyAttempts: TOO_MANY_REQUESTS, "too_many_attempts", "Too many attempts";
    Internal: INTERNAL_SERVER_ERROR, "internal", "Internal error";
    ProviderError: BAD_GATEWAY, "provider_error", "Provider reported an error";
    CodeRefused: BAD_GATEWAY, "code_refused", "Provider refused the code";
    ProviderUnavailable: BAD_GATEWAY, "provider_unavailable", "Provider not available";
    InvalidResponse: BAD_GATEWAY, "bad_answer", "Unusable answer from the provider";
    UpstreamUnavailable: BAD_GATEWAY, "upstream_unavailable", "Provider's API not available";
    UpstreamRefused: BAD_GATEWAY, "upstream_refused", "Provider's API refused";
    InvalidUpstreamResponse: BAD_GATEWAY, "invalid_upstream_response", "Unusable answer of the provider's API";
    UpstreamRedirect: BAD_GATEWAY, "upstream_redirect", "Provider's API redirects";
    StoreUnavailable: SERVICE_UNAVAILABLE, "store_unavailable", "Database not available";
    RefreshUnavailable: SERVICE_UNAVAILABLE, "refresh_unavailable", "Not refreshed yet";
    Busy: SERVICE_UNAVAILABLE, "busy", "Too much at once";
    RetryRequest: SERVICE_UNAVAILABLE, "retry_request", "Refreshed meanwhile";
    DecryptionFailed: SERVICE_UNAVAILABLE, "decryption_failed", "Secrets not readable";
    NotSaved: SERVICE_UNAVAILABLE, "not_saved", "Tokens not saved";
    ProviderTimeout: GATEWAY_TIMEOUT, "provider_timeout", "Provider did not answer";
    UpstreamTimeout: GATEWAY_TIMEOUT, "upstream_timeout", "Provider's API was silent";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documentation_lists_the_same_kinds() {
        let documented: Vec<(&str, &str, &str)> = include_str!("../../../docs/errors.md")
            .lines()
            .filter_map(|line| {
                let mut cells = line.strip_prefix("| ")?.split(" | ");
                let (status, code, title) = (cells.next()?, cells.next()?, cells.next()?);
                Some((status, code.strip_prefix('`')?.strip_suffix('`')?, title))
            })
            .collect();
        let statuses: Vec<String> = ProblemKind::ALL.iter().map(|kind| kind.status().as_u16().to_string()).collect();
        let kinds: Vec<_> = ProblemKind::ALL
            .iter()
            .zip(&statuses)
            .map(|(kind, status)| (status.as_str(), kind.as_str(), kind.title()))
            .collect();
        assert_eq!(documented, kinds);
    }
}

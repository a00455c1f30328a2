//! The gateway's error kinds with status, stable code and title. A test compares them with `docs/errors.md`.

use http_message::StatusCode;

macro_rules! kinds {
    ($($kind:ident: $status:ident, $code:literal, $title:literal;)*) => {
        #[derive(Debug, Clone, Copy, PartialEq, Eq, strum::VariantArray)]
        pub enum ProblemKind {
            $($kind,)*
        }

        impl ProblemKind {
            pub const ALL: &'static [Self] = <Self as strum::VariantArray>::VARIANTS;

            const fn details(self) -> (StatusCode, &'static str, &'static str) {
                match self {
                    $(Self::$kind => (StatusCode::$status, $code, $title),)*
                }
            }
        }
    };
}

impl ProblemKind {
    pub const fn status(self) -> StatusCode {
        self.details().0
    }

    /// Returns the stable code that programs match on.
    pub const fn as_str(self) -> &'static str {
        self.details().1
    }

    pub const fn title(self) -> &'static str {
        self.details().2
    }

    /// Returns whether only the account's owner can fix the error.
    pub fn needs_owner(self) -> bool {
        matches!(
            self,
            Self::NeedsReauth
                | Self::NotConnected
                | Self::AccountUnreadable
                | Self::DisabledByConfiguration
                | Self::SwitchedOff
        )
    }

    /// Returns the status for OpenAI's clients: 400 instead of the status of an error that only the owner can fix.
    /// These clients retry a 409, and take a 401 for an error of their own token.
    pub fn openai_status(self) -> StatusCode {
        if self.needs_owner() { StatusCode::BAD_REQUEST } else { self.status() }
    }

    /// Returns whether the same request fails again until the caller, the account or the configuration changes.
    pub fn forbids_retry(self) -> bool {
        let needs_configuration = matches!(self, Self::DecryptionFailed | Self::UpstreamRedirect);
        let is_transient = matches!(self, Self::BodyTimeout | Self::TooManyAttempts | Self::TooManyRequests);
        needs_configuration || self.openai_status().is_client_error() && !is_transient
    }
}

// An unknown code is read as [`ProblemKind::Internal`]: a newer gateway may send codes that this version lacks.
impl_enum! {
    ProblemKind as "ProblemCode", "Stable code of an error. New codes may be added; treat an unknown code as `internal`.",
        else Self::Internal;
}

kinds! {
    BadRequest: BAD_REQUEST, "bad_request", "Bad request";
    InvalidBody: BAD_REQUEST, "invalid_body", "Invalid body";
    MalformedJson: BAD_REQUEST, "malformed_json", "Malformed JSON";
    InvalidAccountName: BAD_REQUEST, "invalid_account_name", "Invalid account name";
    InvalidDisplayName: BAD_REQUEST, "invalid_display_name", "Invalid display name";
    UnknownProviderType: BAD_REQUEST, "unknown_provider_type", "Unknown provider type";
    InvalidSecret: BAD_REQUEST, "invalid_secret", "Invalid secret";
    ExpiredSecret: BAD_REQUEST, "expired_secret", "Expired secret";
    SecretRefused: BAD_REQUEST, "secret_refused", "Provider refused the secret";
    InvalidRedirectUrl: BAD_REQUEST, "invalid_redirect_url", "Invalid redirect URL";
    InvalidState: BAD_REQUEST, "invalid_state", "Invalid state";
    WrongIssuer: BAD_REQUEST, "wrong_issuer", "Wrong issuer";
    NoCode: BAD_REQUEST, "no_code", "No authorization code";
    NoModels: BAD_REQUEST, "no_models", "No language models";
    UnsupportedApi: BAD_REQUEST, "unsupported_api", "Unsupported API";
    InvalidScope: BAD_REQUEST, "invalid_scope", "Invalid scope";
    InvalidPath: BAD_REQUEST, "invalid_path", "Invalid path";
    Unauthorized: UNAUTHORIZED, "unauthorized", "Unauthorized";
    InsufficientScope: FORBIDDEN, "insufficient_scope", "Insufficient scope";
    Denied: FORBIDDEN, "denied", "Declined at the provider";
    MissingEntitlement: FORBIDDEN, "missing_entitlement", "No access to Codex";
    NotYourLogin: FORBIDDEN, "not_your_login", "Login belongs to another caller";
    PathNotAllowed: FORBIDDEN, "path_not_allowed", "Path not allowed";
    NotFound: NOT_FOUND, "not_found", "Not found";
    ModelNotFound: NOT_FOUND, "model_not_found", "Model not found";
    ResponseNotFound: NOT_FOUND, "response_not_found", "Response not found";
    ItemNotFound: NOT_FOUND, "item_not_found", "Item not found";
    NoUsage: NOT_FOUND, "no_usage", "No usage reported";
    UnknownToken: NOT_FOUND, "unknown_token", "Unknown token";
    UnknownSession: NOT_FOUND, "unknown_session", "Unknown session";
    UnknownProvider: NOT_FOUND, "unknown_provider", "Unknown provider";
    MethodNotAllowed: METHOD_NOT_ALLOWED, "method_not_allowed", "Method not allowed";
    BodyTimeout: REQUEST_TIMEOUT, "body_timeout", "Body timed out";
    TypeConflict: CONFLICT, "provider_type_conflict", "Provider type conflict";
    AuthMethodMismatch: CONFLICT, "auth_method_mismatch", "Wrong auth method";
    NotConnected: CONFLICT, "not_connected", "Not connected";
    AccountUnreadable: CONFLICT, "account_unreadable", "Account unreadable";
    DisabledByConfiguration: CONFLICT, "disabled_by_configuration", "Disabled by configuration";
    SwitchedOff: CONFLICT, "switched_off", "Disabled by its owner";
    NothingToRefresh: CONFLICT, "nothing_to_refresh", "Cannot be refreshed";
    StaleConsent: CONFLICT, "stale_consent", "Consent is out of date";
    NeedsReauth: CONFLICT, "needs_reauth", "Sign in again";
    TokenNameTaken: CONFLICT, "token_name_taken", "Token name taken";
    AmbiguousToken: CONFLICT, "ambiguous_token", "Ambiguous token";
    TooManyTokens: CONFLICT, "too_many_tokens", "Too many tokens";
    NoPendingLogin: CONFLICT, "no_pending_login", "No pending login";
    ConfirmationNeeded: CONFLICT, "confirmation_needed", "Another account signed in";
    NoSession: CONFLICT, "no_session", "No page session";
    LoginInProgress: CONFLICT, "login_in_progress", "Login in progress";
    LoginEnded: GONE, "login_ended", "Login has ended";
    Expired: GONE, "expired", "Login expired";
    BodyTooLarge: PAYLOAD_TOO_LARGE, "body_too_large", "Body too large";
    NotJson: UNSUPPORTED_MEDIA_TYPE, "not_json", "Not JSON";
    HostNotAllowed: MISDIRECTED_REQUEST, "host_not_allowed", "Host not allowed";
    NoUpgrade: UPGRADE_REQUIRED, "no_upgrade", "Upgrade not supported";
    TooManyAttempts: TOO_MANY_REQUESTS, "too_many_attempts", "Too many attempts";
    TooManyRequests: TOO_MANY_REQUESTS, "too_many_requests", "Too many requests";
    Internal: INTERNAL_SERVER_ERROR, "internal", "Internal error";
    ProviderError: BAD_GATEWAY, "provider_error", "Provider reported an error";
    CodeRefused: BAD_GATEWAY, "code_refused", "Provider refused the code";
    ProviderUnavailable: BAD_GATEWAY, "provider_unavailable", "Provider unavailable";
    InvalidResponse: BAD_GATEWAY, "bad_answer", "Invalid response from the provider";
    UpstreamUnavailable: BAD_GATEWAY, "upstream_unavailable", "Provider's API unavailable";
    UpstreamRefused: BAD_GATEWAY, "upstream_refused", "Provider's API refused the request";
    InvalidUpstreamResponse: BAD_GATEWAY, "invalid_upstream_response", "Invalid response from the provider's API";
    UpstreamRedirect: BAD_GATEWAY, "upstream_redirect", "Provider's API redirected";
    StoreUnavailable: SERVICE_UNAVAILABLE, "store_unavailable", "Database unavailable";
    RefreshUnavailable: SERVICE_UNAVAILABLE, "refresh_unavailable", "Refresh unavailable";
    Busy: SERVICE_UNAVAILABLE, "busy", "Gateway busy";
    GatewayStopping: SERVICE_UNAVAILABLE, "gateway_stopping", "Gateway stopping";
    RetryRequest: SERVICE_UNAVAILABLE, "retry_request", "Retry the request";
    DecryptionFailed: SERVICE_UNAVAILABLE, "decryption_failed", "Decryption failed";
    NotSaved: SERVICE_UNAVAILABLE, "not_saved", "Tokens not saved";
    ProviderTimeout: GATEWAY_TIMEOUT, "provider_timeout", "Provider timed out";
    UpstreamTimeout: GATEWAY_TIMEOUT, "upstream_timeout", "Provider's API timed out";
}

//! The enums of the API. Those that mirror an enum of the domain are converted by exhaustive matches, so a new variant
//! there does not compile until it is added here.

use poem_openapi::Enum;
use serde::{Deserialize, Serialize};

use crate::{
    app,
    domain::{api_token::Scope, credential, history, login_outcome, provider, refresh},
};

/// Declares enums with their names on the wire; `of` names the mirrored enum of the domain.
macro_rules! sets {
    ($($(#[$meta:meta])* $name:ident $(of $domain:literal)? { $($variant:ident = $text:literal),* })*) => {$(
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Enum, Serialize, Deserialize)]
        $(#[oai(remote = $domain)])?
        pub enum $name { $(
            #[oai(rename = $text)]
            #[serde(rename = $text)]
            $variant,
        )* }

        impl $name {
            /// Returns the name on the wire.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)*
                }
            }
        }
    )*};
}

sets! {
    /// The state of an account.
    AccountState of "credential::AccountState" {
        Absent = "absent", Active = "active", Refreshing = "refreshing", InDoubt = "in_doubt", NeedsReauth = "needs_reauth",
        Disabled = "disabled"
    }
    /// Who switched an account off: its `owner`, who can switch it on again, or the `configuration`.
    SwitchedOffBy of "app::SwitchedOffBy" { Owner = "owner", Configuration = "configuration" }
    /// How a login ended: `completed`, or what went wrong.
    LoginOutcome of "login_outcome::LoginOutcome" {
        Completed = "completed", Denied = "denied", MissingEntitlement = "missing_entitlement",
        ProviderError = "provider_error", Expired = "expired", Cancelled = "cancelled", CodeRefused = "code_refused",
        ProviderUnavailable = "provider_unavailable", ProviderTimeout = "provider_timeout", InvalidResponse = "bad_answer",
        NotSaved = "not_saved", Interrupted = "interrupted"
    }
    /// The revocation of the refresh token: `revoked` (the provider confirmed it), `pending` (the provider did not
    /// respond; the gateway retries for a day), `failed` (the token stays valid until it expires), or `not_applicable`.
    Revocation of "app::Revocation" {
        Revoked = "revoked", Pending = "pending", Failed = "failed", NotApplicable = "not_applicable"
    }
    /// The kind of service.
    Category of "provider::Category" { Llm = "llm", Media = "media" }
    /// How an account is connected.
    AuthMethod of "provider::AuthMethod" { OAuth = "oauth", SessionToken = "session_token", ApiKey = "api_key" }
    /// The provider of an account.
    ProviderType of "provider::ProviderType" { OpenaiCodex = "openai-codex", Suno = "suno", Dashscope = "dashscope" }
    /// Why a refresh failed.
    RefreshCause of "refresh::Cause" {
        RefreshTokenExpired = "refresh_token_expired", RefreshTokenReused = "refresh_token_reused",
        RefreshTokenInvalidated = "refresh_token_invalidated", InvalidGrant = "invalid_grant", Unauthorized = "unauthorized",
        AccountMismatch = "account_mismatch", TimedOut = "timed_out", ConnectionLost = "connection_lost",
        ServerError = "server_error", Unreadable = "unreadable", Refused = "refused", Interrupted = "interrupted",
        HeldUp = "held_up", RateLimited = "rate_limited", NoConnection = "no_connection", DecryptionFailed = "sealed"
    }
    /// What happened. `sign_in_ended` (a login that saved nothing) appears only in the activity.
    EventKind {
        SignedIn = "signed_in", SignedOut = "signed_out", Changed = "changed", RefreshStarted = "refresh_started",
        Refreshed = "refreshed", RefreshPostponed = "refresh_postponed", InDoubt = "in_doubt", NeedsReauth = "needs_reauth",
        SignInEnded = "sign_in_ended"
    }
    /// The operations that a token permits: `proxy`, which is the models and the proxy.
    #[derive(clap::ValueEnum)]
    TokenScope { Proxy = "proxy" }
    /// Whether the login waits for approval or is not needed.
    LoginStartStatus { Pending = "pending", AlreadyAuthenticated = "already_authenticated" }
    /// Whether there was a login to cancel.
    CancelStatus { Cancelled = "cancelled", NoPendingLogin = "no_pending_login" }
    LogoutStatus { LoggedOut = "logged out" }
    SessionEndStatus { SignedOut = "signed out" }
    TokenRevocationStatus { Revoked = "revoked" }
    HealthStatus { Ok = "ok" }
    ModelObject { Model = "model" }
    ModelListObject { List = "list" }
}

impl AccountState {
    pub fn in_words(self) -> String {
        self.as_str().replace('_', " ")
    }
}

impl TokenScope {
    /// Returns the scope of a program's token; `None` for the tokens of the page.
    pub fn of_program(scope: Scope) -> Option<Self> {
        match scope {
            Scope::Proxy => Some(Self::Proxy),
            Scope::Page | Scope::Link => None,
        }
    }
}

impl From<history::EventKind> for EventKind {
    fn from(kind: history::EventKind) -> Self {
        match kind {
            history::EventKind::SignedIn => Self::SignedIn,
            history::EventKind::SignedOut => Self::SignedOut,
            history::EventKind::Changed => Self::Changed,
            history::EventKind::RefreshStarted => Self::RefreshStarted,
            history::EventKind::Refreshed => Self::Refreshed,
            history::EventKind::RefreshPostponed => Self::RefreshPostponed,
            history::EventKind::InDoubt => Self::InDoubt,
            history::EventKind::NeedsReauth => Self::NeedsReauth,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Debug;

    use poem_openapi::types::ToJSON;
    use serde::de::DeserializeOwned;
    use serde_json::json;

    use super::*;

    /// Asserts that the names on the wire, in the document and in the domain are equal.
    fn check<D: Into<W>, W>(all: impl IntoIterator<Item = D>, name: impl Fn(&D) -> &'static str)
    where
        W: Copy + Debug + PartialEq + Serialize + DeserializeOwned + ToJSON,
    {
        for value in all {
            let expected = json!(name(&value));
            let wire: W = value.into();
            assert_eq!(serde_json::to_value(wire).unwrap(), expected);
            assert_eq!(wire.to_json(), Some(expected.clone()));
            assert_eq!(serde_json::from_value::<W>(expected).unwrap(), wire);
        }
    }

    #[test]
    fn names_are_the_domain_s() {
        check::<_, LoginOutcome>(login_outcome::LoginOutcome::ALL.iter().copied(), |outcome| outcome.as_str());
        check::<_, EventKind>(history::EventKind::ALL.iter().copied(), |kind| kind.as_str());
        check::<_, RefreshCause>(refresh::Cause::ALL.iter().copied(), |cause| cause.as_str());
        check::<_, ProviderType>(provider::ProviderType::ALL, |kind| kind.as_str());
        use credential::AccountState::{Absent, Active, Disabled, InDoubt, NeedsReauth, Refreshing};
        let states = [Absent, Active, Refreshing, InDoubt, NeedsReauth, Disabled];
        check::<_, AccountState>(states, |state| state.as_str());
        use provider::AuthMethod::{ApiKey, OAuth, SessionToken};
        check::<_, AuthMethod>([OAuth, SessionToken, ApiKey], |method| method.as_str());
        check::<_, Category>([provider::Category::Llm, provider::Category::Media], |category| category.as_str());
        use app::Revocation::{Failed, NotApplicable, Pending, Revoked};
        check::<_, Revocation>([Revoked, Pending, Failed, NotApplicable], |revocation| revocation.as_str());
    }
}

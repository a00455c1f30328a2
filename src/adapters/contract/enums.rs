//! The closed sets of the API. Each mirrors a set of the domain: `remote` generates conversions that match exhaustively.

use poem_openapi::Enum;
use serde::{Deserialize, Serialize};

use crate::{
    app,
    domain::{api_token::Scope, credential, history, login_outcome, provider, refresh},
};

/// Where an account stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum, Serialize, Deserialize)]
#[oai(rename_all = "snake_case", remote = "credential::AccountState")]
#[serde(rename_all = "snake_case")]
pub enum AccountState {
    Absent,
    Active,
    Refreshing,
    InDoubt,
    NeedsReauth,
    Disabled,
}

impl AccountState {
    pub fn in_words(self) -> String {
        credential::AccountState::from(self).as_str().replace('_', " ")
    }
}

/// Who switched an account off: its `owner`, who can switch it on again, or the `configuration`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum, Serialize, Deserialize)]
#[oai(rename_all = "snake_case", remote = "app::SwitchedOffBy")]
#[serde(rename_all = "snake_case")]
pub enum SwitchedOffBy {
    Owner,
    Configuration,
}

/// How a login ended: `completed`, or what went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum, Serialize, Deserialize)]
#[oai(rename_all = "snake_case", remote = "login_outcome::LoginOutcome")]
#[serde(rename_all = "snake_case")]
pub enum LoginOutcome {
    Completed,
    Denied,
    MissingEntitlement,
    ProviderError,
    Expired,
    Cancelled,
    CodeRefused,
    ProviderUnavailable,
    ProviderTimeout,
    #[oai(rename = "bad_answer")]
    #[serde(rename = "bad_answer")]
    InvalidResponse,
    NotSaved,
    Interrupted,
}

/// What became of the refresh token at the provider: `revoked` (the provider confirmed it), `pending` (it did not answer and
/// is asked again for a day), `failed` (the token lives there until it expires), or `not_applicable`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum, Serialize, Deserialize)]
#[oai(rename_all = "snake_case", remote = "app::Revocation")]
#[serde(rename_all = "snake_case")]
pub enum Revocation {
    Revoked,
    Pending,
    Failed,
    NotApplicable,
}

/// What a provider is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum, Serialize, Deserialize)]
#[oai(rename_all = "snake_case", remote = "provider::Category")]
#[serde(rename_all = "snake_case")]
pub enum Category {
    Llm,
    Media,
}

/// How an account is connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum, Serialize, Deserialize)]
#[oai(rename_all = "snake_case", remote = "provider::AuthMethod")]
#[serde(rename_all = "snake_case")]
pub enum AuthMethod {
    #[oai(rename = "oauth")]
    #[serde(rename = "oauth")]
    OAuth,
    SessionToken,
    ApiKey,
}

/// The vendor of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum, Serialize, Deserialize)]
#[oai(rename_all = "kebab-case", remote = "provider::ProviderType")]
#[serde(rename_all = "kebab-case")]
pub enum ProviderType {
    OpenaiCodex,
    Suno,
    Dashscope,
}

impl ProviderType {
    pub fn as_str(self) -> &'static str {
        provider::ProviderType::from(self).as_str()
    }
}

/// What a token may be used for: `proxy`, the models and the pass-through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum, Serialize, Deserialize, clap::ValueEnum)]
#[oai(rename_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum TokenScope {
    Proxy,
}

impl TokenScope {
    /// Returns the scope of a program's token; `None` for the tokens of the page.
    pub fn of_program(scope: Scope) -> Option<Self> {
        match scope {
            Scope::Proxy => Some(Self::Proxy),
            Scope::Page | Scope::Link => None,
        }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Proxy => Scope::Proxy.as_str(),
        }
    }
}

/// What happened. `sign_in_ended`, a login that saved nothing, appears in the activity only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum, Serialize, Deserialize)]
#[oai(rename_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    SignedIn,
    SignedOut,
    Changed,
    RefreshStarted,
    Refreshed,
    RefreshPostponed,
    InDoubt,
    NeedsReauth,
    SignInEnded,
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

/// Why a refresh failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum, Serialize, Deserialize)]
#[oai(rename_all = "snake_case", remote = "refresh::Cause")]
#[serde(rename_all = "snake_case")]
pub enum RefreshCause {
    RefreshTokenExpired,
    RefreshTokenReused,
    RefreshTokenInvalidated,
    InvalidGrant,
    Unauthorized,
    AccountMismatch,
    TimedOut,
    ConnectionLost,
    ServerError,
    Unreadable,
    Refused,
    Interrupted,
    HeldUp,
    RateLimited,
    NoConnection,
    #[oai(rename = "sealed")]
    #[serde(rename = "sealed")]
    DecryptionFailed,
}

/// Declares an enum for a member that has one meaning in each operation, such as `status`.
macro_rules! statuses {
    ($($(#[$meta:meta])* $name:ident { $($variant:ident = $text:literal),* })*) => {$(
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Enum, Serialize, Deserialize)]
        pub enum $name { $(
            #[oai(rename = $text)]
            #[serde(rename = $text)]
            $variant,
        )* }
    )*};
}

statuses! {
    /// Whether a login waits for approval or is not needed.
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

#[cfg(test)]
mod tests {
    use std::fmt::Debug;

    use poem_openapi::types::ToJSON;
    use serde::de::DeserializeOwned;
    use serde_json::json;

    use super::*;

    /// The name on the wire, the one in the document and the domain's own are the same.
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
        check::<_, LoginOutcome>(login_outcome::LoginOutcome::ALL, |outcome| outcome.as_str());
        check::<_, EventKind>(history::EventKind::ALL, |kind| kind.as_str());
        check::<_, RefreshCause>(refresh::Cause::ALL, |cause| cause.as_str());
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

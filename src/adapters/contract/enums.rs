//! The enums of the API. Those of `app` and the domain are used directly, except for [`EventKind`], which has a further
//! value.

use poem_openapi::Enum;
use serde::{Deserialize, Serialize};

pub use crate::{
    app::{Revocation, SwitchedOffBy},
    domain::{
        credential::AccountState,
        login_outcome::LoginOutcome,
        provider::{AuthMethod, Category, ProviderType},
        refresh::Cause as RefreshCause,
        request_record::RequestEnd,
    },
};

use crate::domain::history;

impl_enum! {
    AccountState as "AccountState", "The state of an account.";
    SwitchedOffBy as "SwitchedOffBy",
        "Who switched an account off: its `owner`, who can switch it on again, or the `configuration`.";
    LoginOutcome as "LoginOutcome", "How a login ended: `completed`, or what went wrong.";
    Revocation as "Revocation",
        "The revocation of the refresh token: `revoked` (the provider confirmed it), `pending` (the provider did not\n\
         respond; the gateway retries for a day), `waiting` (it would end the sign-in of another account of the same user;\n\
         the gateway waits for a day), `failed` (the token stays valid until it expires), or `not_applicable`.";
    Category as "Category", "The kind of service.";
    AuthMethod as "AuthMethod", "How an account is connected.";
    ProviderType as "ProviderType", "The provider of an account.";
    RefreshCause as "RefreshCause", "Why a refresh failed.";
    RequestEnd as "RequestEnd",
        "How a response ended: `complete`, `caller_left` (before its end), or `broken` (by the gateway or the provider).";
}

/// Declares enums with their values in JSON.
macro_rules! enums {
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

enums! {
    /// What happened. `sign_in_ended` (a login that saved nothing) appears only in the activity.
    EventKind {
        SignedIn = "signed_in", SignedOut = "signed_out", MovedAway = "moved_away", Changed = "changed",
        RefreshStarted = "refresh_started", Refreshed = "refreshed", RefreshPostponed = "refresh_postponed",
        InDoubt = "in_doubt", NeedsReauth = "needs_reauth", Refused = "refused", SignInEnded = "sign_in_ended"
    }
    /// Whether the login waits for approval or is not needed.
    LoginStartStatus { Pending = "pending", AlreadyAuthenticated = "already_authenticated" }
    /// Whether there was a login to cancel.
    CancelStatus { Cancelled = "cancelled", NoPendingLogin = "no_pending_login" }
    LogoutStatus { LoggedOut = "logged out" }
    SessionEndStatus { SignedOut = "signed out" }
    /// A session of the page, or a link that has not been opened.
    SessionKind { Session = "session", Link = "link" }
    TokenRevocationStatus { Revoked = "revoked" }
    HealthStatus { Ok = "ok" }
    /// Whether requests may be sent to this gateway. `degraded`: the database fails, but tokens in memory serve.
    ReadinessStatus { Ready = "ready", Degraded = "degraded", Unavailable = "unavailable", Stopping = "stopping" }
    ModelObject { Model = "model" }
    ModelListObject { List = "list" }
    ResponseObject { Response = "response" }
    ItemOrder { Asc = "asc", Desc = "desc" }
}

impl AccountState {
    pub fn in_words(self) -> String {
        self.as_str().replace('_', " ")
    }
}

impl From<history::EventKind> for EventKind {
    fn from(kind: history::EventKind) -> Self {
        match kind {
            history::EventKind::SignedIn => Self::SignedIn,
            history::EventKind::SignedOut => Self::SignedOut,
            history::EventKind::MovedAway => Self::MovedAway,
            history::EventKind::Changed => Self::Changed,
            history::EventKind::RefreshStarted => Self::RefreshStarted,
            history::EventKind::Refreshed => Self::Refreshed,
            history::EventKind::RefreshPostponed => Self::RefreshPostponed,
            history::EventKind::InDoubt => Self::InDoubt,
            history::EventKind::NeedsReauth => Self::NeedsReauth,
            history::EventKind::Refused => Self::Refused,
        }
    }
}

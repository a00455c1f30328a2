//! The events of accounts. The owner sees them, and the other replicas on the same database follow them.

use super::{
    ids::{AccountName, Generation, LoginId},
    provider_feedback::ProviderCode,
    refresh::{Cause, RefreshState},
    time::Timestamp,
};

/// The number of an event. Later events have greater numbers. An account's revision is the number of its last event;
/// snapshots of the account are ordered by it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Revision(pub i64);

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CredentialEvent {
    pub revision: Revision,
    pub name: AccountName,
    pub login_id: LoginId,
    /// The generation after the event.
    pub generation: Generation,
    pub kind: EventKind,
    pub cause: Option<Cause>,
    /// The provider's error code, for [`EventKind::Refused`].
    pub code: Option<ProviderCode>,
    pub at: Timestamp,
}

impl CredentialEvent {
    /// Returns an event without a revision. `refresh` is the account's state after the event.
    pub fn unnumbered(name: &AccountName, kind: EventKind, refresh: &RefreshState, at: Timestamp) -> Self {
        Self {
            revision: Revision::default(),
            name: name.clone(),
            login_id: refresh.version.login_id.clone(),
            generation: refresh.version.generation,
            kind,
            cause: refresh.cause,
            code: None,
            at,
        }
    }

    /// Returns an [`EventKind::Refused`] event without a revision.
    pub fn refused(name: &AccountName, code: &ProviderCode, refresh: &RefreshState, at: Timestamp) -> Self {
        let event = Self::unnumbered(name, EventKind::Refused, refresh, at);
        Self { cause: None, code: Some(code.clone()), ..event }
    }

    /// Returns the cause or the provider's code in words, to end a sentence with.
    pub fn reason(&self) -> Option<&'static str> {
        self.cause.map(Cause::in_words).or(self.code.as_ref().map(ProviderCode::in_words))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::IntoStaticStr, strum::EnumString, strum::VariantArray)]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum EventKind {
    SignedIn,
    SignedOut,
    /// The account was moved to another installation with its tokens.
    MovedAway,
    /// The account was enabled or disabled, or its display name was changed.
    Changed,
    RefreshStarted,
    Refreshed,
    /// The provider did not consume the refresh token. The refresh is retried later.
    RefreshPostponed,
    InDoubt,
    NeedsReauth,
    /// The provider's API refuses the account.
    Refused,
}

stored_words!(EventKind);

//! What happened to accounts: told to their owners, and followed by the other gateways on the same database.

use super::{
    ids::{Generation, LoginId, ProviderName},
    refresh::{Cause, RefreshState},
    time::Timestamp,
};

/// The number of an event: greater than that of every event before it. A credential carries that of the last one that
/// changed it, so that of two snapshots the later one is known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Revision(pub i64);

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CredentialEvent {
    pub revision: Revision,
    pub name: ProviderName,
    pub login_id: LoginId,
    /// As it is after the event.
    pub generation: Generation,
    pub kind: EventKind,
    pub cause: Option<Cause>,
    pub at: Timestamp,
}

impl CredentialEvent {
    /// Returns an event that the history has not numbered yet. `state` is the account's after it.
    pub fn unnumbered(name: &ProviderName, kind: EventKind, state: &RefreshState, at: Timestamp) -> Self {
        Self {
            revision: Revision::default(),
            name: name.clone(),
            login_id: state.version.login_id.clone(),
            generation: state.version.generation,
            kind,
            cause: state.cause,
            at,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::IntoStaticStr, strum::EnumString, strum::VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum EventKind {
    SignedIn,
    SignedOut,
    /// Renamed, or switched on or off.
    Changed,
    RefreshStarted,
    Refreshed,
    /// The provider did not take the token; it is tried again later.
    RefreshPostponed,
    InDoubt,
    NeedsReauth,
}

impl EventKind {
    pub const ALL: &'static [Self] = <Self as strum::VariantArray>::VARIANTS;

    /// As stored, and as `event` in the API.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    pub fn parse(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

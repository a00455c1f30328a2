//! Where connected accounts are kept. It speaks sealed secrets only: it has no type that could hold a token.

use async_trait::async_trait;

use super::StoreError;
use crate::domain::{
    credential::{NewSealedCredential, SealedCredential},
    history::CredentialEvent,
    ids::ProviderName,
    login_outcome::LoginOutcome,
    provider::ProviderType,
    refresh::{Effect, RefreshEvent, RefreshPolicy},
    revocation::RevocationOrder,
    time::Timestamp,
};

/// What became of a save.
#[derive(Debug, Clone, PartialEq)]
pub enum SaveOutcome {
    /// The account as it is stored now.
    Saved(Box<SealedCredential>),
    /// The login that it came from was ended meanwhile, e.g. by a logout; nothing was changed.
    LoginOver(LoginOutcome),
    /// The name is taken by an account of another type; nothing was changed.
    TypeConflict(ProviderType),
}

/// What an event of the refresh protocol came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Advanced {
    /// What the caller has to do.
    pub effect: Effect,
    /// The account as it is now; None if there is none.
    pub credential: Option<SealedCredential>,
    /// What was added to its history, in order.
    pub events: Vec<CredentialEvent>,
}

/// What an owner may change about a connected account; None leaves it as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProfileChange {
    pub display_name: Option<String>,
    pub enabled: Option<bool>,
}

/// Errors: [`StoreError`] whenever the store is broken or out of reach; then nothing was changed, or the whole of it was
/// and only the answer was lost. Every change is an event of the account's history ([`super::CredentialHistory`]), written
/// in the same transaction.
#[async_trait]
pub trait TokenStore: Send + Sync {
    /// The account of that name, or None.
    async fn load(&self, name: &ProviderName) -> Result<Option<SealedCredential>, StoreError>;

    /// All accounts, by name.
    async fn list(&self) -> Result<Vec<SealedCredential>, StoreError>;

    /// Saves what a login yielded, and returns the account as it is then: the caller needs no second read, whose failure would
    /// hide that the tokens are safe.
    ///
    /// Contract:
    /// - Access token, refresh token and metadata MUST become visible together or not at all.
    /// - A first login MUST create the row with `id`; a further one MUST keep id, creation time and unknown settings,
    ///   replace login id and tokens (a refresh token that is no longer there MUST go), set the generation to 0 and
    ///   enable the account.
    /// - If there is a login of that id, it MUST be the one whose code is being redeemed and MUST end as completed in the
    ///   same transaction; if it is over, nothing may change: [`SaveOutcome::LoginOver`]. So a login that was cancelled while
    ///   its code was being redeemed stays cancelled. Other logins of the account whose redemption began earlier MUST end as
    ///   cancelled, so that a slow one never puts an older login in a newer one's place.
    /// - The refresh token that it replaces MUST be queued for revocation if the credential orders it.
    /// - A row of another provider type MUST be left untouched and reported as [`SaveOutcome::TypeConflict`].
    async fn save_login(&self, credential: &NewSealedCredential, now: Timestamp) -> Result<SaveOutcome, StoreError>;

    /// Changes what is `Some` and returns the account as it is then, or None if there is none.
    async fn change_profile(
        &self,
        name: &ProviderName,
        change: &ProfileChange,
        now: Timestamp,
    ) -> Result<Option<SealedCredential>, StoreError>;

    /// Applies one event of the refresh protocol.
    ///
    /// Contract:
    /// - MUST read the row, ask [`step`](crate::domain::refresh::step) and write what it says in one transaction that no
    ///   other write can come between, durable when it returns. New tokens and metadata are written with [`Effect::Stored`]
    ///   alone; other accounts' settings survive.
    /// - Applying an event again after an error MUST have the same effect as applying it once.
    /// - `now` is the caller's clock. A store that several machines share MUST go by its own instead.
    async fn advance(
        &self,
        name: &ProviderName,
        event: &RefreshEvent,
        policy: &RefreshPolicy,
        now: Timestamp,
    ) -> Result<Advanced, StoreError>;

    /// Removes the account, both its tokens included, and returns what was there.
    ///
    /// Contract: MUST be atomic and idempotent; a second call returns None. Its refresh token, if it has one, MUST be queued
    /// for revocation in the same transaction if that is ordered.
    async fn remove<'a>(
        &self,
        name: &ProviderName,
        revocation: Option<&'a RevocationOrder>,
        now: Timestamp,
    ) -> Result<Option<SealedCredential>, StoreError>;
}

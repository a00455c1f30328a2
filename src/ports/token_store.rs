//! Storage of connected accounts. It handles only sealed secrets, never plaintext tokens.

use async_trait::async_trait;

use super::{Author, StoreError};
use crate::domain::{
    credential::{NewSealedCredential, SealedCredential},
    history::CredentialEvent,
    ids::{AccountName, LoginId},
    login_outcome::LoginOutcome,
    provider::ProviderType,
    provider_feedback::ProviderFeedback,
    refresh::{Effect, RefreshEvent, RefreshPolicy, TokenVersion},
    revocation::{RevocationId, RevocationOrder},
    time::Timestamp,
    unreadable::UnreadableAccount,
};

/// The outcome of saving a login.
#[derive(Debug, Clone, PartialEq)]
pub enum SaveOutcome {
    /// The account after the save.
    Saved(Box<SealedCredential>),
    /// The login ended before, e.g. by a logout. Nothing was changed.
    LoginEnded(LoginOutcome),
    /// An account of another type has this name. Nothing was changed.
    TypeConflict(ProviderType),
    /// The account has other tokens than the order revokes. Nothing was changed.
    Changed,
    /// The tokens may not replace the account's current login. Nothing was changed.
    OtherLogin,
}

/// All accounts.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct StoredAccounts {
    /// Ordered by name.
    pub readable: Vec<SealedCredential>,
    pub unreadable: Vec<UnreadableAccount>,
}

/// The accounts that move to another installation.
#[derive(Debug, Clone, PartialEq)]
pub struct MoveRequest {
    /// Each account with the version of its exported tokens.
    pub accounts: Vec<(AccountName, TokenVersion)>,
    /// The queued revocations that would end the accounts at their destination.
    pub revocations: Vec<RevocationId>,
    /// The archive that the accounts are exported to, for the audit log.
    pub archive: String,
}

/// The outcome of removing an account.
#[derive(Debug, Clone, PartialEq)]
pub enum Removal {
    /// The account before the removal.
    Removed(Box<SealedCredential>),
    /// An unreadable account was removed.
    RemovedUnreadable,
    Absent,
    /// The account has other tokens than the order revokes. Nothing was changed.
    Changed,
}

/// The result of applying an event of the refresh protocol.
#[derive(Debug, Clone, PartialEq)]
pub struct Advanced {
    /// The caller's next action.
    pub effect: Effect,
    /// The account after the event; None if it is not connected.
    pub credential: Option<SealedCredential>,
    /// The recorded events, in order.
    pub events: Vec<CredentialEvent>,
}

/// Changes that an owner makes to a connected account. None leaves a value unchanged.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProfileChange {
    pub display_name: Option<String>,
    pub enabled: Option<bool>,
}

/// A provider's last feedback about one login of an account.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredFeedback {
    pub name: AccountName,
    pub login_id: LoginId,
    pub feedback: ProviderFeedback,
}

/// All methods return [`StoreError`] if the store is broken or unreachable. Then either nothing was changed, or the
/// change was committed and only the reply was lost. Every change of an account records an event
/// ([`super::CredentialHistory`]) in the same transaction.
#[async_trait]
pub trait TokenStore: Send + Sync {
    /// Returns the account with this name, or None. An unreadable row is [`StoreError::Unreadable`], which concerns
    /// only this account.
    async fn load(&self, name: &AccountName) -> Result<Option<SealedCredential>, StoreError>;

    /// Returns all accounts.
    ///
    /// Contract: an unreadable row MUST NOT be an error. A row without a valid name MUST be skipped and logged.
    async fn list(&self) -> Result<StoredAccounts, StoreError>;

    /// Returns at most `limit` accounts with names after `after`, ordered by name, and the last name that was read, or
    /// None on the last page. Each page is a separate read, so a change between two reads may show on some pages only.
    async fn list_after(
        &self,
        after: Option<&str>,
        limit: usize,
    ) -> Result<(StoredAccounts, Option<String>), StoreError> {
        let StoredAccounts { readable, unreadable } = self.list().await?;
        let is_after = |name: &AccountName| after.is_none_or(|after| name.as_str() > after);
        let names = readable.iter().map(|account| &account.name).chain(unreadable.iter().map(|account| &account.name));
        let mut names: Vec<AccountName> = names.filter(|name| is_after(name)).cloned().collect();
        names.sort();
        names.truncate(limit);
        let last = names.last().filter(|_| names.len() == limit).map(ToString::to_string);
        let page = StoredAccounts {
            readable: readable.into_iter().filter(|account| names.contains(&account.name)).collect(),
            unreadable: unreadable.into_iter().filter(|account| names.contains(&account.name)).collect(),
        };
        Ok((page, last))
    }

    /// Saves the tokens of a login. Returns the saved account, because a second read could fail and hide that the
    /// tokens are saved.
    ///
    /// Contract:
    /// - Access token, refresh token and metadata MUST become visible together or not at all.
    /// - A first login MUST create the row with `id`. A later login MUST keep id, creation time and unknown settings,
    ///   replace the login id and both tokens (deleting the refresh token if the new login has none), set the
    ///   generation to 0 and enable the account.
    /// - A stored login with this login id MUST be exchanging or interrupted, or unconfirmed if `replaces` is confirmed.
    ///   It MUST end as completed in the same transaction, and its stored tokens MUST be deleted. Otherwise nothing may
    ///   change ([`SaveOutcome::LoginEnded`]), so that a login that is cancelled during the code exchange stays
    ///   cancelled. An interrupted login was swept while another replica could not save its tokens.
    /// - If `replaces` does not allow the account's current login, nothing may change ([`SaveOutcome::OtherLogin`]).
    /// - Other logins of the account whose code exchange began earlier, and interrupted ones that started earlier, MUST
    ///   end as cancelled, so that a slow older login never replaces a newer one.
    /// - With a revocation order in `superseded`, the replaced refresh token MUST be queued for revocation. If the
    ///   account has other tokens than the order revokes, nothing may change ([`SaveOutcome::Changed`]).
    /// - A row of another provider type MUST NOT be changed: [`SaveOutcome::TypeConflict`].
    /// - An unreadable row MUST be treated like an absent one, whatever its type.
    async fn save_login(&self, credential: &NewSealedCredential, author: &Author) -> Result<SaveOutcome, StoreError>;

    /// Applies the `Some` values and returns the changed account, or None if it is not connected.
    async fn change_profile(
        &self,
        name: &AccountName,
        change: &ProfileChange,
        author: &Author,
    ) -> Result<Option<SealedCredential>, StoreError>;

    /// Applies one event of the refresh protocol.
    ///
    /// Contract:
    /// - MUST read the row, call [`step`](crate::domain::refresh::step) and write the result in one transaction, which
    ///   no other write interrupts and which is durable on return. MUST write new tokens and metadata only for
    ///   [`Effect::Stored`], and keep unknown settings. If a step leaves no row, MUST delete the account with both
    ///   tokens.
    /// - An unreadable row MUST be an error and stay unchanged, with one exception: if its login and generation can be
    ///   read, new tokens of that login MUST be stored. They repair the row.
    /// - Applying an event again after an error MUST have the same effect as applying it once.
    /// - `now` is the caller's clock. A store that several machines share MUST use its own clock instead.
    async fn advance(
        &self,
        name: &AccountName,
        event: &RefreshEvent,
        policy: &RefreshPolicy,
        now: Timestamp,
    ) -> Result<Advanced, StoreError>;

    /// Deletes the account with both tokens and returns it.
    ///
    /// Contract: MUST be atomic and idempotent; a second call returns [`Removal::Absent`]. With a revocation order, the
    /// refresh token MUST be queued for revocation in the same transaction. If the account has other tokens than the
    /// order revokes, nothing may change ([`Removal::Changed`]). An unreadable account MUST be deleted too.
    async fn remove<'a>(
        &self,
        name: &AccountName,
        revocation: Option<&'a RevocationOrder>,
        author: &Author,
    ) -> Result<Removal, StoreError>;

    /// Deletes accounts that move to another installation, with both tokens, without a revocation. Also deletes the
    /// queued revocations that would end the accounts there. Returns whether it did.
    ///
    /// Contract: MUST be one transaction. Nothing may change if one of the accounts has another version, is unreadable,
    /// or has a refresh token that is not [at rest](crate::domain::refresh::RefreshState::is_at_rest). MUST record an
    /// event [`EventKind::MovedAway`] for each account, so that other replicas follow.
    ///
    /// [`EventKind::MovedAway`]: crate::domain::history::EventKind::MovedAway
    async fn move_away(&self, request: &MoveRequest, author: &Author) -> Result<bool, StoreError>;

    /// Returns the stored feedback of all accounts.
    async fn feedback(&self) -> Result<Vec<StoredFeedback>, StoreError>;

    /// Replaces the feedback about an account.
    ///
    /// Contract:
    /// - MUST change nothing else of the account, and nothing at all if the account has another login now.
    /// - If the provider refuses the account with a new code, an event MUST be recorded in the same transaction and
    ///   returned, unless the login already had such an event within the last [`ANNOUNCEMENT_INTERVAL`].
    /// - For `now`, the contract of [`TokenStore::advance`] applies.
    ///
    /// [`ANNOUNCEMENT_INTERVAL`]: crate::domain::provider_feedback::ANNOUNCEMENT_INTERVAL
    async fn put_feedback(
        &self,
        feedback: &StoredFeedback,
        now: Timestamp,
    ) -> Result<Option<CredentialEvent>, StoreError>;
}

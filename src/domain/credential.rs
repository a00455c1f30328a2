//! A connected account with its tokens, before and after sealing.

use std::mem;

use super::{
    confirmation::Replaces,
    history::Revision,
    ids::{AccountName, Generation, LoginId, ProviderId},
    provider::{AuthMethod, ProviderType},
    provider_settings::{ProviderSettings, TokenMetadata},
    refresh::{Cause, Effect, RefreshEvent, RefreshState, Rotation, TokenState},
    revocation::RevocationOrder,
    sealed::TokenPlace,
    sealed_secret::SealedSecret,
    secret::{AccessToken, RefreshToken},
    time::Timestamp,
};

/// The plaintext result of a login or of a pasted secret, before the vault seals it.
#[derive(Debug, Clone)]
pub struct NewCredential {
    pub name: AccountName,
    pub provider_type: ProviderType,
    /// None keeps the stored name.
    pub display_name: Option<String>,
    /// The configured base URL of the provider's API.
    pub api_base: String,
    pub login_id: LoginId,
    pub access_token: AccessToken,
    pub refresh_token: Option<RefreshToken>,
    pub metadata: TokenMetadata,
    pub replaces: Replaces,
}

/// A sealed credential, before it is stored.
#[derive(Debug, Clone)]
pub struct NewSealedCredential {
    /// The id of a new row; an existing row keeps its id.
    pub id: ProviderId,
    pub name: AccountName,
    pub provider_type: ProviderType,
    pub display_name: Option<String>,
    pub api_base: String,
    pub login_id: LoginId,
    pub access_token: SealedSecret,
    pub refresh_token: Option<SealedSecret>,
    pub metadata: TokenMetadata,
    pub replaces: Replaces,
    /// Revokes the refresh token that this login replaces; None if that token must not or cannot be revoked.
    pub superseded: Option<RevocationOrder>,
}

/// A connected account as stored: a row of `llm_providers` with its refresh token.
#[derive(Debug, Clone, PartialEq)]
pub struct SealedCredential {
    pub id: ProviderId,
    pub name: AccountName,
    pub provider_type: ProviderType,
    pub display_name: Option<String>,
    pub api_base: String,
    pub enabled: bool,
    pub refresh: RefreshState,
    /// The revision of the account's last event.
    pub revision: Revision,
    pub access_token: SealedSecret,
    pub refresh_token: Option<SealedSecret>,
    pub metadata: TokenMetadata,
    pub settings: ProviderSettings,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// The state of an account, as the API reports it. It is computed, not stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::IntoStaticStr, strum::VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum AccountState {
    /// Nothing is stored under the name.
    Absent,
    Active,
    /// The access token is being refreshed.
    Refreshing,
    /// The refresh token may be consumed: no readable response arrived, or the row is from a restored database.
    InDoubt,
    /// The owner must log in again.
    NeedsReauth,
    /// The provider's API refuses the account, whatever its tokens.
    Refused,
    /// The owner or the configuration disabled the account; its tokens are kept.
    Disabled,
    /// The row cannot be used: see [`super::unreadable`].
    Unreadable,
}

impl AccountState {
    /// Returns the state according to an account's row, without the configuration and the provider's refusals.
    /// `refresh` must come from [`RefreshState::at`].
    pub fn of(enabled: bool, refresh: &RefreshState, now: Timestamp) -> Self {
        match refresh.state {
            _ if !enabled => Self::Disabled,
            TokenState::Active if !refresh.refreshable && refresh.access_token_expired(now) => Self::NeedsReauth,
            TokenState::Active => Self::Active,
            TokenState::Refreshing(_) => Self::Refreshing,
            TokenState::InDoubt => Self::InDoubt,
            TokenState::NeedsReauth => Self::NeedsReauth,
        }
    }

    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

impl SealedCredential {
    /// Returns the account after a login. `before` is the account that the login replaces, if there is one.
    pub fn after_login(new: &NewSealedCredential, before: Option<&Self>, now: Timestamp) -> Self {
        let metadata = &new.metadata;
        let settings = before.map_or_else(ProviderSettings::default, |account| account.settings.clone());
        Self {
            id: before.map_or(&new.id, |account| &account.id).clone(),
            name: new.name.clone(),
            provider_type: new.provider_type,
            display_name: new.display_name.clone().or_else(|| before?.display_name.clone()),
            api_base: new.api_base.clone(),
            enabled: true,
            refresh: RefreshState {
                cookie_rotates: metadata.cookie_rotates,
                ..RefreshState::after_login(
                    new.login_id.clone(),
                    new.refresh_token.is_some(),
                    metadata.obtained_at,
                    metadata.expires_at,
                )
            },
            revision: Revision::default(),
            access_token: new.access_token.clone(),
            refresh_token: new.refresh_token.clone(),
            metadata: metadata.clone(),
            settings: settings.with_metadata(metadata),
            created_at: before.map_or(now, |account| account.created_at),
            updated_at: now,
        }
    }

    /// Replaces the tokens with those of a refresh. A rotation without a refresh token keeps the old one.
    fn take_tokens(&mut self, rotation: &Rotation) {
        self.access_token = rotation.access_token.clone();
        if let Some(token) = &rotation.refresh_token {
            self.refresh_token = Some(token.clone());
        }
        self.settings = mem::take(&mut self.settings).with_metadata(&rotation.metadata);
        self.metadata = rotation.metadata.clone();
    }

    /// Returns the account after a step of the refresh protocol, with the new tokens if the step stored any.
    #[must_use]
    pub fn after_step(&self, event: &RefreshEvent, effect: Effect, refresh: RefreshState) -> Self {
        let mut account = Self { refresh, ..self.clone() };
        if effect == Effect::Stored
            && let Some(rotation) = event.rotation()
        {
            // The refresh token of another login must not stay.
            if *self.login_id() != rotation.version.login_id {
                account.refresh_token = None;
            }
            account.take_tokens(rotation);
        }
        // Keep the other account's labels: the status names both accounts.
        if effect == Effect::Discard
            && let Some(other) = event.rotation().filter(|rotation| !rotation.same_account)
        {
            account.settings = account.settings.with_other_account(&other.metadata.account);
        }
        account
    }

    /// Returns a description of both accounts, if a refresh returned tokens of another account.
    pub fn account_mismatch(&self) -> Option<String> {
        let other = self.settings.other_account().filter(|_| self.refresh.cause == Some(Cause::AccountMismatch))?;
        let connected = self.metadata.account.in_words();
        Some(format!("{} (returned: {other}; connected: {connected})", Cause::AccountMismatch.in_words()))
    }

    /// Returns the account's tokens as a rotation.
    pub fn rotation(&self) -> Rotation {
        Rotation {
            version: self.refresh.version.clone(),
            access_token: self.access_token.clone(),
            refresh_token: self.refresh_token.clone(),
            metadata: self.metadata.clone(),
            same_account: true,
        }
    }

    /// Whether the account has the tokens of this rotation.
    pub fn has_tokens_of(&self, rotation: &Rotation) -> bool {
        self.refresh.version == rotation.version && self.access_token == rotation.access_token
    }

    /// Whether `order` revokes the tokens of another version than the account has.
    pub fn contradicts(&self, order: Option<&RevocationOrder>) -> bool {
        order.is_some_and(|order| order.version != self.refresh.version)
    }

    /// Whether the account's secret can be presented more than once: a session cookie that does not rotate.
    pub fn is_reusable(&self) -> bool {
        self.metadata.auth_method == AuthMethod::SessionToken && !self.metadata.cookie_rotates
    }

    pub fn token_place(&self) -> TokenPlace<'_> {
        TokenPlace { name: &self.name, provider_type: self.provider_type, version: &self.refresh.version }
    }

    pub fn login_id(&self) -> &LoginId {
        &self.refresh.version.login_id
    }

    pub fn generation(&self) -> Generation {
        self.refresh.version.generation
    }

    /// Returns the state of the row at `now`, as [`AccountState::of`] does.
    pub fn state(&self, now: Timestamp) -> AccountState {
        AccountState::of(self.enabled, &self.refresh.clone().at(now), now)
    }

    /// Whether the account is enabled in its row, and its access token has not expired at `now`.
    pub fn is_usable(&self, now: Timestamp) -> bool {
        self.enabled && !self.refresh.access_token_expired(now)
    }
}

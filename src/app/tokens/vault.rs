//! The vault: the only code of `app` that seals and opens secrets. `login_tokens` has its methods for unsaved logins.

use std::{error::Error, sync::Arc};

use secrecy::ExposeSecret;

use crate::{
    app::actor,
    domain::{
        api_token::{ApiToken, SealedApiToken, TokenDigest},
        audit::AuditEntry,
        credential::{NewCredential, NewSealedCredential, SealedCredential},
        ids::{AccountName, Principal, ProviderId},
        keys::{KEY_CHECK, KeyCheck},
        login::{PendingLogin, SealedLogin},
        login_outcome::LoginProgress,
        oauth_client::OAuthClient,
        provider::ProviderType,
        provider_settings::TokenMetadata,
        refresh::{Rotation, TokenVersion},
        response_memory::{RememberedResponse, ResponseId},
        revocation::{PendingRevocation, RevocationId, RevocationOrder},
        sealed::{SealContext, TokenPlace, refresh_token_key},
        sealed_secret::SealedSecret,
        secret::{AccessToken, OAuthState, PkceVerifier, RefreshToken},
        time::Timestamp,
        token_response::TokenResponse,
        unreadable::UnreadableRow,
    },
    ports::{Author, OpenError, SealError, SecretCipher},
};

#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    #[error("a secret could not be sealed")]
    Seal(#[from] SealError),
    #[error("the {what} could not be opened")]
    Open { what: &'static str, source: OpenError },
}

impl VaultError {
    /// Whether a secret was sealed with a key that this gateway lacks.
    pub fn lacks_key(&self) -> bool {
        matches!(self, Self::Open { source: OpenError::UnknownKey { .. }, .. })
    }
}

#[derive(Clone)]
pub struct Vault {
    pub(super) cipher: Arc<dyn SecretCipher>,
}

impl Vault {
    pub fn new(cipher: Arc<dyn SecretCipher>) -> Self {
        Self { cipher }
    }

    /// Returns the current actor as the author of a change.
    pub fn author(&self, at: Timestamp) -> Author {
        Author { actor: actor::current(), at, cipher: Arc::clone(&self.cipher) }
    }

    /// Checks the mark of an audit entry.
    pub fn check_audit_mark(&self, entry: &AuditEntry) -> Result<(), OpenError> {
        self.cipher.open(&SealContext::AuditEntry(&entry.digest), &entry.mark).map(drop)
    }

    /// Seals the tokens of a new credential. Takes them by value, so that only the sealed form remains.
    pub fn seal_credential(
        &self,
        new: NewCredential,
        id: ProviderId,
        superseded: Option<RevocationOrder>,
    ) -> Result<NewSealedCredential, VaultError> {
        let version = TokenVersion::first_of(new.login_id);
        let place = TokenPlace { name: &new.name, provider_type: new.provider_type, version: &version };
        let access_token = self.cipher.seal(&SealContext::AccessToken(place), new.access_token.expose_secret())?;
        let refresh_token =
            new.refresh_token.as_ref().map(|token| self.seal_refresh_token(place, token)).transpose()?;
        Ok(NewSealedCredential {
            id,
            access_token,
            refresh_token,
            name: new.name,
            provider_type: new.provider_type,
            display_name: new.display_name,
            api_base: new.api_base,
            login_id: version.login_id,
            metadata: new.metadata,
            replaces: new.replaces,
            superseded,
        })
    }

    /// Opens the access token of an account.
    pub fn open_access_token(&self, sealed: &SealedCredential) -> Result<AccessToken, VaultError> {
        let opened = self.cipher.open(&SealContext::AccessToken(sealed.token_place()), &sealed.access_token);
        let opened = opened.map_err(|source| VaultError::Open { what: "access token", source })?;
        Ok(AccessToken::new(opened.expose_secret()))
    }

    /// Seals the response to a refresh for the next token version. A token that the response lacks is resealed. If it
    /// does not open, an access token is copied as it is, and a refresh token is dropped. Borrows the response, so that
    /// after an error the caller still has the only copy of the tokens.
    pub fn seal_rotation(
        &self,
        presented: &SealedCredential,
        response: &TokenResponse,
        metadata: TokenMetadata,
        same_account: bool,
    ) -> Result<Rotation, VaultError> {
        let version = presented.refresh.version.next();
        let place = TokenPlace { version: &version, ..presented.token_place() };
        let seal_access =
            |token: &AccessToken| self.cipher.seal(&SealContext::AccessToken(place), token.expose_secret());
        let access_token = match (&response.access_token, self.open_access_token(presented)) {
            (Some(token), _) => seal_access(token)?,
            (None, Ok(kept)) => seal_access(&kept)?,
            (None, Err(_)) => presented.access_token.clone(),
        };
        let refresh_token = match &response.refresh_token {
            Some(token) => Some(self.seal_refresh_token(place, token)?),
            None => {
                let kept = self.open_refresh_token(presented).ok().flatten();
                kept.map(|token| self.seal_refresh_token(place, &token)).transpose()?
            }
        };
        Ok(Rotation { version: version.clone(), access_token, refresh_token, metadata, same_account })
    }

    /// Opens the refresh token of an account, if it has one.
    pub fn open_refresh_token(&self, sealed: &SealedCredential) -> Result<Option<RefreshToken>, VaultError> {
        let token = sealed.refresh_token.as_ref();
        token.map(|token| self.open_refresh_token_at(sealed.token_place(), token)).transpose()
    }

    /// Seals a refresh token for the revocation queue, bound to the OAuth client that revokes it.
    pub fn seal_revocation(
        &self,
        id: RevocationId,
        client: &OAuthClient,
        place: TokenPlace<'_>,
        token: &RefreshToken,
        user_id: Option<&str>,
        now: Timestamp,
    ) -> Result<PendingRevocation, VaultError> {
        let TokenPlace { name, provider_type, version: TokenVersion { login_id, .. } } = place;
        let context = SealContext::Revocation { id: &id, name, provider_type, login_id, client, user_id };
        let token = self.cipher.seal(&context, token.expose_secret())?;
        let (name, login_id, client) = (name.clone(), login_id.clone(), client.clone());
        let user_id = user_id.map(str::to_owned);
        Ok(PendingRevocation { id, name, provider_type, login_id, token, client, user_id, created_at: now })
    }

    /// Opens a refresh token of the revocation queue.
    pub fn open_revocation(&self, queued: &PendingRevocation) -> Result<RefreshToken, VaultError> {
        let opened = self.cipher.open(&SealContext::of_revocation(queued), &queued.token);
        let opened = opened.map_err(|source| VaultError::Open { what: "queued refresh token", source })?;
        Ok(RefreshToken::new(opened.expose_secret()))
    }

    fn seal_refresh_token(&self, place: TokenPlace<'_>, token: &RefreshToken) -> Result<SealedSecret, SealError> {
        self.cipher.seal(&SealContext::RefreshToken(place), token.expose_secret())
    }

    /// Opens a refresh token that was sealed for the account and version of `place`.
    pub fn open_refresh_token_at(
        &self,
        place: TokenPlace<'_>,
        sealed: &SealedSecret,
    ) -> Result<RefreshToken, VaultError> {
        let opened = self.cipher.open(&SealContext::RefreshToken(place), sealed);
        let opened = opened.map_err(|source| VaultError::Open { what: "refresh token", source })?;
        Ok(RefreshToken::new(opened.expose_secret()))
    }

    pub fn seal_login(&self, login: &PendingLogin) -> Result<SealedLogin, VaultError> {
        let session = &login.session;
        Ok(SealedLogin {
            state_digest: login.state.digest(),
            state: self.cipher.seal(&SealContext::LoginState(session), login.state.expose_secret())?,
            verifier: self.cipher.seal(&SealContext::LoginVerifier(session), login.verifier.expose_secret())?,
            tokens: None,
            progress: LoginProgress::Pending,
            detail: None,
            progress_since: session.started_at,
            session: session.clone(),
        })
    }

    pub fn open_login(&self, sealed: SealedLogin) -> Result<PendingLogin, VaultError> {
        let session = &sealed.session;
        let state = self.cipher.open(&SealContext::LoginState(session), &sealed.state);
        let state = state.map_err(|source| VaultError::Open { what: "state of a login", source })?;
        let verifier = self.cipher.open(&SealContext::LoginVerifier(session), &sealed.verifier);
        let verifier = verifier.map_err(|source| VaultError::Open { what: "verifier of a login", source })?;
        Ok(PendingLogin {
            state: OAuthState::new(state.expose_secret()),
            verifier: PkceVerifier::new(verifier.expose_secret()),
            session: sealed.session,
        })
    }

    /// Checks that every secret of an account opens, and returns its access token.
    ///
    /// # Errors
    /// [`UnreadableRow`] for the secret that does not open.
    pub fn check(&self, sealed: &SealedCredential) -> Result<AccessToken, UnreadableRow> {
        let unreadable_row = |table, column, row: String| {
            move |error: VaultError| {
                let reason = error.source().map_or_else(|| error.to_string(), ToString::to_string);
                let (lacks_key, provider_type) = (error.lacks_key(), Some(sealed.provider_type));
                UnreadableRow { table, column, row, reason, lacks_key, provider_type }
            }
        };
        let refresh_token_row = || unreadable_row("config_secrets", "value", refresh_token_key(&sealed.name));
        self.open_refresh_token(sealed).map_err(refresh_token_row())?;
        self.open_access_token(sealed).map_err(unreadable_row("llm_providers", "api_key", sealed.name.to_string()))
    }

    /// Returns the mark of an API token, which authenticates its values except `last_used_at`. The mark of a link or
    /// session also seals the digest of the gateway token under which it was issued.
    pub fn mark(&self, token: &ApiToken, gateway_token: Option<&TokenDigest>) -> Result<SealedSecret, VaultError> {
        let content = gateway_token.map_or("", TokenDigest::as_str);
        Ok(self.cipher.seal(&SealContext::ApiToken(token), content)?)
    }

    /// Checks the mark of an API token. Returns the token, and the digest of the gateway token if the mark seals one.
    pub fn open_api_token(&self, sealed: SealedApiToken) -> Result<(ApiToken, Option<TokenDigest>), VaultError> {
        let SealedApiToken { token, mark } = sealed;
        let opened = match &mark {
            Some(mark) => self.cipher.open(&SealContext::ApiToken(&token), mark),
            None => Err(OpenError::Malformed),
        };
        let opened = opened.map_err(|source| VaultError::Open { what: "API token", source })?;
        let content = Some(opened.expose_secret()).filter(|digest| !digest.is_empty());
        Ok((token, content.map(|digest| TokenDigest::from_stored(digest.to_owned()))))
    }

    /// Seals the content of a remembered response.
    pub fn seal_response(
        &self,
        id: &ResponseId,
        principal: &Principal,
        previous: Option<&ResponseId>,
        content: &str,
    ) -> Result<SealedSecret, VaultError> {
        Ok(self.cipher.seal(&SealContext::Response { id, principal, previous }, content)?)
    }

    /// Opens the content of a remembered response. None if it does not open; the response then counts as forgotten.
    pub fn open_response(&self, response: &RememberedResponse) -> Option<String> {
        let RememberedResponse { id, principal, previous, content, .. } = response;
        let context = SealContext::Response { id, principal, previous: previous.as_ref() };
        let opened = self.cipher.open(&context, content).ok()?;
        Some(opened.expose_secret().to_owned())
    }

    /// Creates the key check of the first key, which seals.
    pub fn key_check(&self) -> Result<KeyCheck, VaultError> {
        let value = self.cipher.seal(&SealContext::KeyCheck, KEY_CHECK)?;
        Ok(KeyCheck { key_id: self.cipher.key_id(), value })
    }

    pub fn opens_key_check(&self, check: &KeyCheck) -> bool {
        self.cipher.open(&SealContext::KeyCheck, &check.value).is_ok_and(|text| text.expose_secret() == KEY_CHECK)
    }

    /// Reseals a value with the first key.
    pub fn reseal(&self, context: &SealContext<'_>, sealed: &SealedSecret) -> Result<SealedSecret, VaultError> {
        let opened = self.cipher.open(context, sealed);
        let opened = opened.map_err(|source| VaultError::Open { what: "sealed value", source })?;
        Ok(self.cipher.seal(context, opened.expose_secret())?)
    }

    /// Reseals a value of the first format (`v1`) with the first key, in the current format.
    pub fn adopt(&self, context: &SealContext<'_>, sealed: &SealedSecret) -> Result<SealedSecret, VaultError> {
        let opened = self.cipher.open_first_format(context, sealed);
        let opened = opened.map_err(|source| VaultError::Open { what: "sealed value", source })?;
        Ok(self.cipher.seal(context, opened.expose_secret())?)
    }

    /// Reseals the tokens of a journal record. Returns None if they already have the first key and the current format.
    pub fn reseal_rotation(
        &self,
        name: &AccountName,
        provider_type: ProviderType,
        rotation: &Rotation,
    ) -> Result<Option<Rotation>, VaultError> {
        let place = TokenPlace { name, provider_type, version: &rotation.version };
        let key_id = self.cipher.key_id();
        let is_current = |sealed: &SealedSecret| !sealed.is_first_format() && sealed.key_id().as_ref() == Some(&key_id);
        if is_current(&rotation.access_token) && rotation.refresh_token.as_ref().is_none_or(is_current) {
            return Ok(None);
        }
        let reseal = |context: SealContext<'_>, sealed: &SealedSecret| {
            if sealed.is_first_format() { self.adopt(&context, sealed) } else { self.reseal(&context, sealed) }
        };
        let refresh_token = rotation.refresh_token.as_ref();
        Ok(Some(Rotation {
            access_token: reseal(SealContext::AccessToken(place), &rotation.access_token)?,
            refresh_token: refresh_token.map(|token| reseal(SealContext::RefreshToken(place), token)).transpose()?,
            ..rotation.clone()
        }))
    }
}

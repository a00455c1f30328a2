//! Seals and opens secrets. No other code of the core does.

use std::sync::Arc;

use secrecy::ExposeSecret;

use crate::{
    domain::{
        credential::{NewCredential, NewSealedCredential, SealedCredential},
        ids::{AccountName, LoginId, ProviderId},
        login::{PendingLogin, SealedLogin},
        login_outcome::LoginProgress,
        provider_settings::TokenMetadata,
        refresh::Rotation,
        revocation::RevocationOrder,
        sealed::{SealContext, SealedSecret},
        secret::{AccessToken, OAuthState, PkceVerifier, RefreshToken},
        token_response::TokenResponse,
    },
    ports::{OpenError, SealError, SecretCipher},
};

#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    #[error("a secret could not be sealed")]
    Seal(#[from] SealError),
    #[error("the {what} could not be opened")]
    Open { what: &'static str, source: OpenError },
}

#[derive(Clone)]
pub struct Vault {
    cipher: Arc<dyn SecretCipher>,
}

impl Vault {
    pub fn new(cipher: Arc<dyn SecretCipher>) -> Self {
        Self { cipher }
    }

    /// Seals the tokens of a login. Takes them by value, so that only the sealed form remains.
    pub fn seal_credential(
        &self,
        new: NewCredential,
        id: ProviderId,
        superseded: Option<RevocationOrder>,
    ) -> Result<NewSealedCredential, VaultError> {
        let access_context = SealContext::access_token(&new.name, &new.login_id);
        let access_token = self.cipher.seal(&access_context, new.access_token.expose_secret())?;
        let refresh_context = SealContext::refresh_token(&new.name, &new.login_id);
        let seal_refresh = |token: &RefreshToken| self.cipher.seal(&refresh_context, token.expose_secret());
        let refresh_token = new.refresh_token.as_ref().map(seal_refresh).transpose()?;
        Ok(NewSealedCredential {
            id,
            access_token,
            refresh_token,
            name: new.name,
            provider_type: new.provider_type,
            display_name: new.display_name,
            api_base: new.api_base,
            login_id: new.login_id,
            metadata: new.metadata,
            superseded,
        })
    }

    /// Opens the access token of an account.
    pub fn open_access_token(&self, sealed: &SealedCredential) -> Result<AccessToken, VaultError> {
        let context = SealContext::access_token(&sealed.name, sealed.login_id());
        let opened = self.cipher.open(&context, &sealed.access_token);
        let opened = opened.map_err(|source| VaultError::Open { what: "access token", source })?;
        Ok(AccessToken::new(opened.expose_secret()))
    }

    /// Seals the response to a refresh. Borrows it, so that the caller keeps the only copy after an error.
    pub fn seal_rotation(
        &self,
        presented: &SealedCredential,
        response: &TokenResponse,
        metadata: TokenMetadata,
        same_account: bool,
    ) -> Result<Rotation, VaultError> {
        let (name, login_id) = (&presented.name, presented.login_id());
        let access_context = SealContext::access_token(name, login_id);
        let refresh_context = SealContext::refresh_token(name, login_id);
        let seal_refresh = |token: &RefreshToken| self.cipher.seal(&refresh_context, token.expose_secret());
        Ok(Rotation {
            seen: presented.refresh.version.clone(),
            // After a response without an access token, the old one stays valid.
            access_token: match &response.access_token {
                Some(token) => self.cipher.seal(&access_context, token.expose_secret())?,
                None => presented.access_token.clone(),
            },
            refresh_token: response.refresh_token.as_ref().map(seal_refresh).transpose()?,
            metadata,
            same_account,
        })
    }

    /// Opens the refresh token of an account, if it has one.
    pub fn open_refresh_token(&self, sealed: &SealedCredential) -> Result<Option<RefreshToken>, VaultError> {
        let token = sealed.refresh_token.as_ref();
        token.map(|token| self.open_rotated_token(&sealed.name, sealed.login_id(), token)).transpose()
    }

    /// Opens a refresh token that was sealed for that login.
    pub fn open_rotated_token(
        &self,
        name: &AccountName,
        login_id: &LoginId,
        sealed: &SealedSecret,
    ) -> Result<RefreshToken, VaultError> {
        let opened = self.cipher.open(&SealContext::refresh_token(name, login_id), sealed);
        let opened = opened.map_err(|source| VaultError::Open { what: "refresh token", source })?;
        Ok(RefreshToken::new(opened.expose_secret()))
    }

    pub fn seal_login(&self, login: &PendingLogin) -> Result<SealedLogin, VaultError> {
        let id = &login.session.id;
        Ok(SealedLogin {
            state_digest: login.state.digest(),
            state: self.cipher.seal(&SealContext::login_state(id), login.state.expose_secret())?,
            verifier: self.cipher.seal(&SealContext::login_verifier(id), login.verifier.expose_secret())?,
            progress: LoginProgress::Pending,
            progress_since: login.session.started_at,
            session: login.session.clone(),
        })
    }

    pub fn open_login(&self, sealed: SealedLogin) -> Result<PendingLogin, VaultError> {
        let id = &sealed.session.id;
        let state = self.cipher.open(&SealContext::login_state(id), &sealed.state);
        let state = state.map_err(|source| VaultError::Open { what: "state of a login", source })?;
        let verifier = self.cipher.open(&SealContext::login_verifier(id), &sealed.verifier);
        let verifier = verifier.map_err(|source| VaultError::Open { what: "verifier of a login", source })?;
        Ok(PendingLogin {
            state: OAuthState::new(state.expose_secret()),
            verifier: PkceVerifier::new(verifier.expose_secret()),
            session: sealed.session,
        })
    }

    /// Checks that every secret of an account opens. The start does this to detect a wrong key before anything is
    /// written.
    pub fn check(&self, sealed: &SealedCredential) -> Result<(), VaultError> {
        self.open_access_token(sealed)?;
        self.open_refresh_token(sealed).map(drop)
    }
}

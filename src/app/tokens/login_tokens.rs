//! Seals and opens the tokens of a login that are not saved yet. They are sealed together with their account labels.
//! The owner decides by these labels, so access to the database must not suffice to change them.

use std::borrow::Cow;

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Vault, VaultError};
use crate::{
    domain::{
        account::AccountLabels,
        confirmation::{LoginTokens, Replaced},
        ids::LoginId,
        login::{LoginSession, SealedLogin},
        provider_settings::ProviderSettings,
        sealed::SealContext,
        sealed_secret::SealedSecret,
        secret::{AccessToken, RefreshToken},
    },
    ports::{OpenError, SealError},
};

/// The document that is sealed.
#[derive(Serialize, Deserialize)]
struct LoginTokensJson<'a> {
    #[serde(borrow)]
    access_token: Cow<'a, str>,
    #[serde(borrow)]
    refresh_token: Cow<'a, str>,
    /// The token metadata, in the form of an account's `settings`.
    settings: Value,
    replaces: Option<ReplacedJson>,
}

#[derive(Serialize, Deserialize)]
struct ReplacedJson {
    login_id: String,
    account_id: Option<String>,
    user_id: Option<String>,
    email: Option<String>,
    plan_type: Option<String>,
}

impl From<&Replaced> for ReplacedJson {
    fn from(Replaced { login_id, account }: &Replaced) -> Self {
        let AccountLabels { account_id, user_id, email, plan_type } = account.clone();
        Self { login_id: login_id.to_string(), account_id, user_id, email, plan_type }
    }
}

impl From<ReplacedJson> for Replaced {
    fn from(json: ReplacedJson) -> Self {
        let ReplacedJson { login_id, account_id, user_id, email, plan_type } = json;
        Self {
            login_id: LoginId::from_stored(login_id),
            account: AccountLabels { account_id, user_id, email, plan_type },
        }
    }
}

impl Vault {
    /// Seals the tokens of a login.
    pub fn seal_login_tokens(&self, session: &LoginSession, tokens: &LoginTokens) -> Result<SealedSecret, VaultError> {
        let json = LoginTokensJson {
            access_token: tokens.access_token.expose_secret().into(),
            refresh_token: tokens.refresh_token.expose_secret().into(),
            settings: ProviderSettings::default().with_metadata(&tokens.metadata).into_json(),
            replaces: tokens.replaces.as_ref().map(ReplacedJson::from),
        };
        let text = serde_json::to_string(&json).map_err(|error| SealError(Box::new(error)))?;
        let text = SecretString::from(text);
        Ok(self.cipher.seal(&SealContext::LoginTokens(session), text.expose_secret())?)
    }

    /// Opens the tokens of a login.
    pub fn open_login_tokens(&self, session: &LoginSession, sealed: &SealedSecret) -> Result<LoginTokens, VaultError> {
        let open_error = |source| VaultError::Open { what: "tokens of a login", source };
        let opened = self.cipher.open(&SealContext::LoginTokens(session), sealed).map_err(open_error)?;
        let malformed = || open_error(OpenError::Malformed);
        let json: LoginTokensJson<'_> =
            serde_json::from_str(opened.expose_secret()).map_err(|_may_quote_tokens| malformed())?;
        let settings = ProviderSettings::from_json(json.settings).and_then(|settings| settings.metadata());
        Ok(LoginTokens {
            access_token: AccessToken::new(json.access_token.as_ref()),
            refresh_token: RefreshToken::new(json.refresh_token.as_ref()),
            metadata: settings.map_err(|_invalid_metadata| malformed())?,
            replaces: json.replaces.map(Replaced::from),
        })
    }

    /// Opens the tokens of an unconfirmed login. Returns None if the login has no tokens, or if they do not open.
    pub fn open_unconfirmed(&self, login: &SealedLogin) -> Option<LoginTokens> {
        let tokens = self.open_login_tokens(&login.session, login.tokens.as_ref()?);
        let warn = |error: &VaultError| {
            tracing::warn!(login.id = %login.session.id, error = %error, "the tokens of an unconfirmed login do not open");
        };
        tokens.inspect_err(warn).ok()
    }
}

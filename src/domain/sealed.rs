//! The context that a stored secret or the mark of a row is bound to.

use std::borrow::Cow;

use super::{
    api_token::ApiToken,
    ids::{AccountName, LoginId, Principal},
    login::LoginSession,
    oauth_client::OAuthClient,
    provider::ProviderType,
    refresh::TokenVersion,
    response_memory::ResponseId,
    revocation::{PendingRevocation, RevocationId},
    time::Timestamp,
};

/// The place of a sealed secret, with the values that decide where the secret is sent or what the row grants. It is the
/// associated data of the encryption: a secret does not open if it was moved or if one of these values was changed.
///
/// The texts of [`SealContext::place`] and the order of [`SealContext::fields`] never change, even if a table or a type
/// is renamed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum SealContext<'a> {
    AccessToken(TokenPlace<'a>),
    RefreshToken(TokenPlace<'a>),
    LoginState(&'a LoginSession),
    LoginVerifier(&'a LoginSession),
    /// The tokens of a login that are not saved yet.
    LoginTokens(&'a LoginSession),
    /// A refresh token in the revocation queue, with the client that revokes it.
    Revocation {
        id: &'a RevocationId,
        name: &'a AccountName,
        provider_type: ProviderType,
        login_id: &'a LoginId,
        client: &'a OAuthClient,
        /// The user who granted the token, if known.
        user_id: Option<&'a str>,
    },
    /// The mark of a row that grants access.
    ApiToken(&'a ApiToken),
    /// The constant that shows which keys a database uses.
    KeyCheck,
    /// The mark of an audit entry, with the entry's digest.
    AuditEntry(&'a str),
    /// The content of a remembered response.
    Response {
        id: &'a ResponseId,
        principal: &'a Principal,
        previous: Option<&'a ResponseId>,
    },
}

/// The account and version of a token.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TokenPlace<'a> {
    pub name: &'a AccountName,
    /// Decides to which provider the token is sent.
    pub provider_type: ProviderType,
    pub version: &'a TokenVersion,
}

impl<'a> SealContext<'a> {
    /// Returns the context of a queued refresh token.
    pub fn of_revocation(queued: &'a PendingRevocation) -> Self {
        Self::Revocation {
            id: &queued.id,
            name: &queued.name,
            provider_type: queued.provider_type,
            login_id: &queued.login_id,
            client: &queued.client,
            user_id: queued.user_id.as_deref(),
        }
    }

    /// Returns the table and column of the secret.
    pub fn place(&self) -> &'static str {
        match self {
            Self::AccessToken(_) => "llm_providers.api_key",
            Self::RefreshToken(_) => "config_secrets.value",
            Self::LoginState(_) => "login_sessions.state",
            Self::LoginVerifier(_) => "login_sessions.verifier",
            Self::LoginTokens(_) => "login_sessions.tokens",
            Self::Revocation { .. } => "revocations.token",
            Self::ApiToken(_) => "api_tokens.mac",
            Self::KeyCheck => "key_checks.value",
            Self::AuditEntry(_) => "audit_log.mark",
            Self::Response { .. } => "responses.content",
        }
    }

    /// Returns the values that the secret is bound to.
    pub fn fields(&self) -> Vec<Cow<'a, str>> {
        match *self {
            Self::AccessToken(token) | Self::RefreshToken(token) => vec![
                token.name.as_str().into(),
                token.provider_type.as_str().into(),
                token.version.login_id.as_str().into(),
                token.version.generation.0.to_string().into(),
            ],
            Self::LoginState(login) | Self::LoginVerifier(login) | Self::LoginTokens(login) => {
                let mut fields: Vec<Cow<'a, str>> = vec![
                    login.id.as_str().into(),
                    login.name.as_str().into(),
                    login.provider_type.as_str().into(),
                    login.principal.as_str().into(),
                    login.client.to_text().into(),
                ];
                // Added only if it is true, because rows of earlier versions lack it.
                fields.extend(login.replace.then_some("replace".into()));
                fields
            }
            Self::Revocation { id, name, provider_type, login_id, client, user_id } => {
                let mut fields: Vec<Cow<'a, str>> = vec![
                    id.as_str().into(),
                    name.as_str().into(),
                    provider_type.as_str().into(),
                    login_id.as_str().into(),
                    client.to_text().into(),
                ];
                fields.extend(user_id.map(Cow::from));
                fields
            }
            Self::ApiToken(token) => {
                let time =
                    |at: Option<Timestamp>| at.map_or_else(String::new, |at| at.unix_millis().to_string()).into();
                let mut fields: Vec<Cow<'a, str>> = vec![
                    token.id.as_str().into(),
                    token.name.as_str().into(),
                    token.grant.as_stored().into(),
                    token.digest.as_str().into(),
                    token.created_at.unix_millis().to_string().into(),
                    time(token.expires_at),
                ];
                // Most tokens of programs, and the tokens of earlier versions, have neither.
                if token.parent.is_some() || token.ends_at.is_some() {
                    fields.push(token.parent.as_ref().map_or("", |parent| parent.as_str()).into());
                    fields.push(time(token.ends_at));
                }
                fields
            }
            Self::KeyCheck => Vec::new(),
            Self::AuditEntry(digest) => vec![digest.into()],
            Self::Response { id, principal, previous } => {
                let mut fields: Vec<Cow<'a, str>> = vec![id.as_str().into(), principal.as_str().into()];
                fields.extend(previous.map(|previous| previous.as_str().into()));
                fields
            }
        }
    }

    /// Returns the table, row, column and login to which the first format bound a secret. None for secrets that are not
    /// accepted in that format.
    pub fn first_format(&self) -> Option<[&'a str; 4]> {
        match *self {
            Self::AccessToken(token) => {
                Some(["llm_providers", token.name.as_str(), "api_key", token.version.login_id.as_str()])
            }
            Self::RefreshToken(token) => {
                Some(["config_secrets", token.name.as_str(), "value", token.version.login_id.as_str()])
            }
            // The queue stored the token as it was sealed for its account.
            Self::Revocation { name, login_id, .. } => {
                Some(["config_secrets", name.as_str(), "value", login_id.as_str()])
            }
            Self::LoginState(_)
            | Self::LoginVerifier(_)
            | Self::LoginTokens(_)
            | Self::ApiToken(_)
            | Self::KeyCheck
            | Self::AuditEntry(_)
            | Self::Response { .. } => None,
        }
    }
}

/// Returns the key of an account's refresh token in `config_secrets`.
pub fn refresh_token_key(name: &AccountName) -> String {
    format!("oauth.{name}.refresh_token")
}

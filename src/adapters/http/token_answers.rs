//! The bodies that tell of the tokens of programs. One of them holds a token: that of its making.

use poem_openapi::Object;
use secrecy::ExposeSecret;

use crate::{app::IssuedToken, domain::api_token::ApiToken};

/// A program's token, without the token.
#[derive(Object)]
pub(super) struct TokenAnswer {
    id: String,
    /// What its owner calls the program that has it.
    name: String,
    /// `proxy`: the models and the pass-through.
    scope: String,
    /// When it was made, in Unix seconds.
    created_at: i64,
}

impl From<ApiToken> for TokenAnswer {
    fn from(token: ApiToken) -> Self {
        Self {
            id: token.id.as_str().to_owned(),
            name: token.name.into_string(),
            scope: token.scope.as_str().to_owned(),
            created_at: token.created_at.unix_seconds(),
        }
    }
}

/// All tokens of programs.
#[derive(Object)]
pub(super) struct TokensAnswer {
    tokens: Vec<TokenAnswer>,
}

impl From<Vec<ApiToken>> for TokensAnswer {
    fn from(tokens: Vec<ApiToken>) -> Self {
        Self { tokens: tokens.into_iter().map(TokenAnswer::from).collect() }
    }
}

/// A new token.
#[derive(Object)]
pub(super) struct IssuedTokenAnswer {
    id: String,
    name: String,
    scope: String,
    created_at: i64,
    /// The token itself, to be sent as `Authorization: Bearer <token>`. Shown this once.
    token: String,
}

impl From<IssuedToken> for IssuedTokenAnswer {
    fn from(IssuedToken { token, secret }: IssuedToken) -> Self {
        let TokenAnswer { id, name, scope, created_at } = token.into();
        // Out of its wrapping at the last moment: it is the answer to its owner.
        Self { id, name, scope, created_at, token: secret.expose_secret().to_owned() }
    }
}

#[derive(Object)]
pub(super) struct RevokedTokenAnswer {
    /// `revoked`.
    status: String,
}

impl RevokedTokenAnswer {
    pub(super) fn revoked() -> Self {
        Self { status: "revoked".to_owned() }
    }
}

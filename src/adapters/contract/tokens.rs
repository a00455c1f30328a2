//! The tokens of programs. Only the response that creates one contains the token itself.

use poem_openapi::Object;
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};

use super::{Label, TokenRevocationStatus, TokenScope};
use crate::{app::IssuedToken, domain::api_token::ApiToken};

/// A program's token, without the token itself.
#[derive(Debug, Clone, Object, Deserialize)]
pub struct TokenInfo {
    pub id: String,
    /// The program's name.
    pub name: String,
    pub scope: TokenScope,
    /// When it was created, in Unix seconds.
    pub created_at: i64,
}

impl TokenInfo {
    /// Returns `None` for a token of the page.
    pub fn of(token: ApiToken) -> Option<Self> {
        Some(Self {
            id: token.id.as_str().to_owned(),
            name: token.name.into_string(),
            scope: TokenScope::of_program(token.scope)?,
            created_at: token.created_at.unix_seconds(),
        })
    }
}

/// A page of the programs' tokens, oldest first.
#[derive(Debug, Object, Deserialize)]
#[oai(skip_serializing_if_is_none)]
pub struct TokenList {
    pub tokens: Vec<TokenInfo>,
    /// The cursor of the next page, if there is one.
    pub next_cursor: Option<String>,
}

/// A token to create.
#[derive(Debug, Object, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CreateTokenRequest {
    /// The name of the program that uses the token.
    pub name: Label,
    // The default is `proxy`.
    #[serde(default, deserialize_with = "super::present", skip_serializing_if = "Option::is_none")]
    pub scope: Option<TokenScope>,
}

// Without `Debug`: it holds the token.
/// A new token.
#[derive(Object, Deserialize)]
pub struct TokenCreated {
    pub id: String,
    pub name: String,
    pub scope: TokenScope,
    pub created_at: i64,
    /// The token itself, for `Authorization: Bearer <token>`. It is shown only once.
    pub token: String,
}

impl TokenCreated {
    pub fn of(scope: TokenScope, IssuedToken { token, secret }: IssuedToken) -> Self {
        Self {
            id: token.id.as_str().to_owned(),
            name: token.name.into_string(),
            scope,
            created_at: token.created_at.unix_seconds(),
            token: secret.expose_secret().to_owned(),
        }
    }
}

#[derive(Debug, Object, Deserialize)]
pub struct TokenRevoked {
    pub status: TokenRevocationStatus,
}

//! The tokens of programs. Only the response that creates one holds the token itself.

use poem_openapi::Object;
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};

use super::{Label, TokenRevocationStatus, TokenScope};
use crate::{app::IssuedToken, domain::api_token::ApiToken};

/// A program's token, without the token itself.
#[derive(Debug, Clone, Object, Serialize, Deserialize)]
pub struct TokenInfo {
    pub id: String,
    /// What the program is called.
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
#[derive(Debug, Object, Serialize, Deserialize)]
pub struct TokenList {
    pub tokens: Vec<TokenInfo>,
    /// Where the next page begins, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// A token to create.
#[derive(Debug, Object, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CreateTokenRequest {
    /// What to call the program that gets it.
    pub name: Label,
    // The default is `proxy`.
    #[serde(default, deserialize_with = "super::present", skip_serializing_if = "Option::is_none")]
    pub scope: Option<TokenScope>,
}

/// A new token. Without `Debug`: it holds the token.
#[derive(Object, Serialize, Deserialize)]
pub struct TokenCreated {
    pub id: String,
    pub name: String,
    pub scope: TokenScope,
    pub created_at: i64,
    /// The token itself, to be sent as `Authorization: Bearer <token>`. Shown this once.
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

#[derive(Debug, Object, Serialize, Deserialize)]
pub struct TokenRevoked {
    pub status: TokenRevocationStatus,
}

//! Sessions of the gateway's page, the links that start one, and the health check.

use poem_openapi::Object;
use secrecy::ExposeSecret;
use serde::Deserialize;

use super::{HealthStatus, SessionEndStatus};
use crate::{app::IssuedToken, domain::api_token::ApiToken};

// Without `Debug`: it may hold the token.
/// A session of the page.
#[derive(Object, Deserialize)]
#[oai(skip_serializing_if_is_none)]
pub struct Session {
    /// The token for `Authorization: Bearer <token>`; present only when the session starts.
    pub token: Option<String>,
    /// When the session ends unless it is refreshed, in Unix seconds: 30 minutes after the last refresh.
    pub expires_at: i64,
    /// When the session ends even if it is refreshed, in Unix seconds.
    pub ends_at: i64,
}

impl From<ApiToken> for Session {
    fn from(session: ApiToken) -> Self {
        let ends_at = session.session_ends_at();
        let expires_at = session.expires_at.unwrap_or(ends_at).unix_seconds();
        Self { token: None, expires_at, ends_at: ends_at.unix_seconds() }
    }
}

impl From<IssuedToken> for Session {
    fn from(IssuedToken { token, secret }: IssuedToken) -> Self {
        Self { token: Some(secret.expose_secret().to_owned()), ..token.into() }
    }
}

#[derive(Debug, Object, Deserialize)]
pub struct SessionEnded {
    pub status: SessionEndStatus,
}

// Without `Debug`: it begins a session.
/// A link that opens the page.
#[derive(Object, Deserialize)]
pub struct PageLink {
    /// The text after `/#link=` in the page's address.
    pub link: String,
    /// When the link expires, in Unix seconds.
    pub expires_at: i64,
}

impl From<IssuedToken> for PageLink {
    fn from(IssuedToken { token, secret }: IssuedToken) -> Self {
        let expires_at = token.expires_at.map_or(0, |at| at.unix_seconds());
        Self { link: secret.expose_secret().to_owned(), expires_at }
    }
}

#[derive(Debug, Object, Deserialize)]
pub struct Health {
    pub status: HealthStatus,
}

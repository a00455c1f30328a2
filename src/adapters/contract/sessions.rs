//! The bodies of `/v1/session` and `/v1/sessions`.

use poem_openapi::Object;
use secrecy::ExposeSecret;
use serde::Deserialize;

use super::{SessionEndStatus, SessionKind};
use crate::{
    app::IssuedToken,
    domain::{
        api_token::{ApiToken, Grant},
        time::Timestamp,
    },
};

// No `Debug`: it may contain the token.
/// A session of the page.
#[derive(Object, Deserialize)]
#[oai(skip_serializing_if_is_none)]
pub struct Session {
    /// The token for `Authorization: Bearer <token>`; present only when the session starts.
    pub token: Option<String>,
    /// When the session ends unless it is extended, in Unix seconds: 30 minutes after the last extension.
    pub expires_at: i64,
    /// When the session ends even if it is extended, in Unix seconds.
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

/// A session of the page or a link to it, without its token.
#[derive(Debug, Clone, Object, Deserialize)]
#[oai(skip_serializing_if_is_none)]
pub struct SessionInfo {
    pub id: String,
    pub kind: SessionKind,
    /// When it was created, in Unix seconds.
    pub created_at: i64,
    /// When a session ends unless it is extended, or a link unless it is opened, in Unix seconds.
    pub expires_at: i64,
    /// When the session, or the one that the link starts, ends even if it is extended, in Unix seconds. Absent for a link
    /// of the gateway's token, whose session gets its own end.
    pub ends_at: Option<i64>,
    /// The id of the session that made the link, or the link of this session; this one ends with that session. Absent if
    /// the gateway's token made it.
    pub parent: Option<String>,
    /// Whether it is the caller's own session.
    pub is_own: bool,
}

impl SessionInfo {
    /// Returns `None` for the token of a program, or without an expiry.
    pub fn of(session: ApiToken, own: &str) -> Option<Self> {
        let (kind, ends_at) = match session.grant {
            Grant::Page => (SessionKind::Session, Some(session.session_ends_at())),
            Grant::Link => (SessionKind::Link, session.ends_at),
            Grant::Program(_) => return None,
        };
        Some(Self {
            kind,
            created_at: session.created_at.unix_seconds(),
            expires_at: session.expires_at?.unix_seconds(),
            ends_at: ends_at.map(Timestamp::unix_seconds),
            parent: session.parent.map(|parent| parent.as_str().to_owned()),
            is_own: session.id.as_str() == own,
            id: session.id.as_str().to_owned(),
        })
    }
}

/// The sessions of the page and the links to it, oldest first.
#[derive(Debug, Object, Deserialize)]
pub struct SessionList {
    pub sessions: Vec<SessionInfo>,
}

#[derive(Debug, Object, Deserialize)]
pub struct SessionsEnded {
    /// The number of sessions, links and tokens that ended.
    pub ended: u64,
}

#[derive(Debug, Object, Deserialize)]
pub struct SessionEnded {
    pub status: SessionEndStatus,
}

// No `Debug`: the link grants a session.
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

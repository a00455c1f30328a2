//! Tokens that the gateway issues: API tokens for programs, which can be revoked one by one and reach models and the
//! proxy only, and the page's links and sessions.

use std::{fmt, time::Duration};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use secrecy::ExposeSecret;
use sha2::{Digest, Sha256};

use super::{ids::DisplayName, sealed::SealedSecret, secret::ApiTokenSecret, time::Timestamp};

/// The prefix of every token, by which secret scanners and people recognise it.
const PREFIX: &str = "goclaw_";
/// Bytes of randomness in a token.
pub const ENTROPY: usize = 32;

random_id!(
    /// The id of one token, independent of its secret.
    ApiTokenId
);

/// Idle timeout and maximum length of a page session (OWASP ASVS 7.3).
const SESSION_IDLE: Duration = Duration::from_secs(30 * 60);
const LONGEST_SESSION: Duration = Duration::from_secs(12 * 60 * 60);
/// Lifetime of a link that has not been opened.
const LINK: Duration = Duration::from_secs(10 * 60);

/// The operations that a token authorizes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::IntoStaticStr, strum::EnumString, strum::VariantArray)]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum Scope {
    /// Models and the proxy: `/v1/responses`, `/v1/chat/completions`, `/v1/models`, `/v1/proxy`.
    Proxy,
    /// A page session: all operations of the owner.
    Page,
    /// Starting one page session, once.
    Link,
}

stored_words!(Scope);

impl Scope {
    /// The scopes of tokens that an owner creates.
    pub const GRANTED: [Self; 1] = [Self::Proxy];
    /// The scopes of the page. Such a token ends with the gateway's token under which it was made.
    pub const OF_THE_PAGE: [Self; 2] = [Self::Page, Self::Link];

    /// Returns the lifetime of a new token; None if it is valid until revoked.
    fn lifetime(self) -> Option<Duration> {
        match self {
            Self::Proxy => None,
            Self::Page => Some(SESSION_IDLE),
            Self::Link => Some(LINK),
        }
    }
}

stored_text!(
    /// SHA-256 of a token, base64url, by which it is looked up. The token itself is not stored. It has 256 random bits,
    /// so a slow hash is not needed.
    TokenDigest
);

impl TokenDigest {
    pub fn of(token: &str) -> Self {
        Self(URL_SAFE_NO_PAD.encode(Sha256::digest(token.as_bytes())))
    }
}

impl fmt::Debug for TokenDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenDigest")
    }
}

/// A stored token.
#[derive(Debug, Clone, PartialEq)]
pub struct ApiToken {
    pub id: ApiTokenId,
    /// The owner's name for the program that uses it.
    pub name: DisplayName,
    pub scope: Scope,
    pub digest: TokenDigest,
    pub created_at: Timestamp,
    /// None if it does not expire.
    pub expires_at: Option<Timestamp>,
    /// The session that made the link which this is, or from which this session started; None if the gateway's token did.
    /// It ends with that session.
    pub parent: Option<ApiTokenId>,
    /// The latest end of a session, or of the sessions that a link starts; None if the session's length decides.
    pub ends_at: Option<Timestamp>,
}

/// What a link or a session comes from.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Lineage {
    parent: Option<ApiTokenId>,
    ends_at: Option<Timestamp>,
}

impl ApiToken {
    pub fn is_good(&self, now: Timestamp) -> bool {
        self.expires_at.is_none_or(|at| now < at)
    }

    /// Returns the latest end of a session.
    pub fn session_ends_at(&self) -> Timestamp {
        self.ends_at.unwrap_or(self.created_at.plus(LONGEST_SESSION))
    }

    /// Returns the lineage of what this session or link opens: a session's link ends with the session, and the session
    /// that a link starts takes the link's place.
    pub fn lineage(&self) -> Lineage {
        match self.scope {
            Scope::Page => Lineage { parent: Some(self.id.clone()), ends_at: Some(self.session_ends_at()) },
            Scope::Link | Scope::Proxy => Lineage { parent: self.parent.clone(), ends_at: self.ends_at },
        }
    }

    /// Extends a session that is used at `now`.
    pub fn refreshed(mut self, now: Timestamp) -> Self {
        self.expires_at = Some(now.plus(SESSION_IDLE).min(self.session_ends_at()));
        self
    }

    /// Creates a token and its secret, which is shown once.
    pub fn issue(
        id: ApiTokenId,
        name: DisplayName,
        scope: Scope,
        lineage: Lineage,
        entropy: &[u8; ENTROPY],
        now: Timestamp,
    ) -> (Self, ApiTokenSecret) {
        let secret = ApiTokenSecret::new(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(entropy)));
        let digest = TokenDigest::of(secret.expose_secret());
        let Lineage { parent, ends_at } = lineage;
        let expires_at = scope.lifetime().map(|lifetime| now.plus(lifetime));
        let expires_at = expires_at.map(|at| ends_at.map_or(at, |end| at.min(end)));
        (Self { id, name, scope, digest, created_at: now, expires_at, parent, ends_at }, secret)
    }
}

/// A token with the mark that authenticates its row.
#[derive(Debug, Clone, PartialEq)]
pub struct SealedApiToken {
    pub token: ApiToken,
    /// None if the row is older than the marks; it grants nothing then.
    pub mac: Option<SealedSecret>,
}

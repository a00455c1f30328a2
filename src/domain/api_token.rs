//! Tokens that the gateway issues: API tokens for programs, which can be revoked one by one and permit what their
//! scopes say, and the page's links and sessions.

use std::{fmt, sync::Arc, time::Duration};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use secrecy::ExposeSecret;
use sha2::{Digest, Sha256};

use super::{
    ids::DisplayName,
    scope::{Rights, Scopes},
    sealed_secret::SealedSecret,
    secret::ApiTokenSecret,
    time::Timestamp,
};

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
/// How long no further use is noted after one.
const USE_NOTED_FOR: Duration = Duration::from_secs(60 * 60);

/// What a token is for, and what it permits.
#[derive(Debug, Clone, PartialEq)]
pub enum Grant {
    /// A program, with these scopes.
    Program(Arc<Scopes>),
    /// A page session: all operations of the owner.
    Page,
    /// Starting one page session, once.
    Link,
}

impl Grant {
    /// The stored texts of the page's tokens; all others are scopes of programs.
    pub const OF_THE_PAGE: [&'static str; 2] = ["page", "link"];

    /// Returns the stored text, which the mark of the token's row covers.
    pub fn as_stored(&self) -> &str {
        let [page, link] = Self::OF_THE_PAGE;
        match self {
            Self::Program(scopes) => scopes.as_stored(),
            Self::Page => page,
            Self::Link => link,
        }
    }

    pub fn from_stored(text: &str) -> Option<Self> {
        let [page, link] = Self::OF_THE_PAGE;
        if text == page {
            Some(Self::Page)
        } else if text == link {
            Some(Self::Link)
        } else {
            Some(Self::Program(Arc::new(Scopes::from_stored(text)?)))
        }
    }

    /// Whether the token is the page's. Such a token ends with the gateway's token under which it was made.
    pub fn is_of_page(&self) -> bool {
        match self {
            Self::Page | Self::Link => true,
            Self::Program(_) => false,
        }
    }
}

impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Program(scopes) => scopes.fmt(f),
            Self::Page | Self::Link => f.write_str(self.as_stored()),
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
    pub grant: Grant,
    pub digest: TokenDigest,
    pub created_at: Timestamp,
    /// None if it does not expire.
    pub expires_at: Option<Timestamp>,
    /// For a link, or a session that a link started: the session that created the link, with which this token ends;
    /// None if the gateway token created it. For a program's old token: the token that has replaced it.
    pub parent: Option<ApiTokenId>,
    /// The latest end of a session, or of the sessions that a link starts; None if the session's length decides.
    pub ends_at: Option<Timestamp>,
    /// When it was last used, to the hour. It decides nothing, so the mark does not cover it.
    pub last_used_at: Option<Timestamp>,
}

/// What a link or a session comes from.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Lineage {
    parent: Option<ApiTokenId>,
    ends_at: Option<Timestamp>,
}

/// A token to issue.
#[derive(Debug, Clone)]
pub struct NewToken {
    pub name: DisplayName,
    pub grant: Grant,
    lineage: Lineage,
    /// None: it does not expire.
    lifetime: Option<Duration>,
}

impl NewToken {
    pub fn program(name: DisplayName, scopes: Scopes, lifetime: Option<Duration>) -> Self {
        Self { name, grant: Grant::Program(Arc::new(scopes)), lineage: Lineage::default(), lifetime }
    }

    pub fn session(name: DisplayName, lineage: Lineage) -> Self {
        Self { name, grant: Grant::Page, lineage, lifetime: Some(SESSION_IDLE) }
    }

    pub fn link(name: DisplayName, lineage: Lineage) -> Self {
        Self { name, grant: Grant::Link, lineage, lifetime: Some(LINK) }
    }
}

impl ApiToken {
    pub fn is_good(&self, now: Timestamp) -> bool {
        self.expires_at.is_none_or(|at| now < at)
    }

    /// Whether a use at `now` is worth noting: the first one within an hour.
    pub fn is_use_news(&self, now: Timestamp) -> bool {
        self.last_used_at.is_none_or(|at| at.plus(USE_NOTED_FOR) <= now)
    }

    /// Returns the id that identifies the token's holder: for a program's old token, the id of the new one.
    pub fn holder(&self) -> &ApiTokenId {
        match self.grant {
            Grant::Program(_) => self.parent.as_ref().unwrap_or(&self.id),
            Grant::Page | Grant::Link => &self.id,
        }
    }

    /// Whether it is the old token of a program, which has a new one.
    pub fn is_replaced(&self) -> bool {
        self.holder() != &self.id
    }

    /// Replaces the secret of a program's token. Returns the token with its new digest, the old token under the id
    /// `old_id`, which ends at `until`, and the new secret.
    pub fn rotated(
        self,
        old_id: ApiTokenId,
        until: Timestamp,
        entropy: &[u8; ENTROPY],
    ) -> (Self, Self, ApiTokenSecret) {
        let secret = new_secret(entropy);
        let new = Self { digest: TokenDigest::of(secret.expose_secret()), last_used_at: None, ..self.clone() };
        let until = self.expires_at.map_or(until, |end| end.min(until));
        let old = Self { id: old_id, parent: Some(self.id.clone()), expires_at: Some(until), ..self };
        (new, old, secret)
    }

    /// Returns what its holder may do.
    pub fn rights(&self) -> Rights {
        match &self.grant {
            Grant::Program(scopes) => Rights::Program(Arc::clone(scopes)),
            Grant::Page | Grant::Link => Rights::Owner,
        }
    }

    /// Returns the latest end of a session.
    pub fn session_ends_at(&self) -> Timestamp {
        self.ends_at.unwrap_or(self.created_at.plus(LONGEST_SESSION))
    }

    /// Returns the lineage of the tokens that this session or link creates: a session's link ends with the session, and
    /// the session that a link starts takes the link's place.
    pub fn lineage(&self) -> Lineage {
        match self.grant {
            Grant::Page => Lineage { parent: Some(self.id.clone()), ends_at: Some(self.session_ends_at()) },
            Grant::Link | Grant::Program(_) => Lineage { parent: self.parent.clone(), ends_at: self.ends_at },
        }
    }

    /// Extends a session that is used at `now`.
    pub fn extended(mut self, now: Timestamp) -> Self {
        self.expires_at = Some(now.plus(SESSION_IDLE).min(self.session_ends_at()));
        self
    }

    /// Creates a token and its secret, which is shown once.
    pub fn issue(id: ApiTokenId, new: NewToken, entropy: &[u8; ENTROPY], now: Timestamp) -> (Self, ApiTokenSecret) {
        let NewToken { name, grant, lineage: Lineage { parent, ends_at }, lifetime } = new;
        let secret = new_secret(entropy);
        let digest = TokenDigest::of(secret.expose_secret());
        let expires_at = lifetime.map(|lifetime| now.plus(lifetime));
        let expires_at = expires_at.map(|at| ends_at.map_or(at, |end| at.min(end)));
        (Self { id, name, grant, digest, created_at: now, expires_at, parent, ends_at, last_used_at: None }, secret)
    }
}

fn new_secret(entropy: &[u8; ENTROPY]) -> ApiTokenSecret {
    ApiTokenSecret::new(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(entropy)))
}

/// A token with the mark that authenticates its row.
#[derive(Debug, Clone, PartialEq)]
pub struct SealedApiToken {
    pub token: ApiToken,
    /// None if the row is older than the marks; it grants nothing then.
    pub mac: Option<SealedSecret>,
}

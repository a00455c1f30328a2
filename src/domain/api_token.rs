//! Tokens that the gateway issues: API tokens with scopes for programs, and the links and sessions of the page.

use std::{collections::HashMap, fmt, sync::Arc, time::Duration};

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

/// Every token starts with this, also a generated gateway token, so that secret scanners and people recognise it.
pub const PREFIX: &str = "goclaw_";
/// Bytes of randomness in a token.
pub const ENTROPY: usize = 32;

random_id!(
    /// The id of one token, independent of its secret.
    ApiTokenId
);

/// Idle timeout and maximum length of a page session (OWASP ASVS 7.3).
const SESSION_IDLE_TIMEOUT: Duration = Duration::from_secs(30 * 60);
const MAX_SESSION_LENGTH: Duration = Duration::from_secs(12 * 60 * 60);
/// The lifetime of a link that is not opened.
const LINK_LIFETIME: Duration = Duration::from_secs(10 * 60);
/// `last_used_at` is stored at most once in this time.
const LAST_USED_INTERVAL: Duration = Duration::from_secs(60 * 60);

/// What a token permits.
#[derive(Debug, Clone, PartialEq)]
pub enum Grant {
    /// An API token of a program, with these scopes.
    Program(Arc<Scopes>),
    /// A page session. It permits all operations of the owner.
    Page,
    /// A link. It starts one page session, once.
    Link,
}

impl Grant {
    /// The stored texts of [`Self::Page`] and [`Self::Link`]. Any other stored text is a list of scopes.
    pub const PAGE_GRANTS: [&'static str; 2] = ["page", "link"];

    /// Returns the text for the database. The mark of the token's row covers it.
    pub fn as_stored(&self) -> &str {
        let [page, link] = Self::PAGE_GRANTS;
        match self {
            Self::Program(scopes) => scopes.as_stored(),
            Self::Page => page,
            Self::Link => link,
        }
    }

    pub fn from_stored(text: &str) -> Option<Self> {
        let [page, link] = Self::PAGE_GRANTS;
        if text == page {
            Some(Self::Page)
        } else if text == link {
            Some(Self::Link)
        } else {
            Some(Self::Program(Arc::new(Scopes::from_stored(text)?)))
        }
    }

    /// Whether this is a page session or a link. These end if the owner changes the gateway token.
    pub fn is_page_token(&self) -> bool {
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
    /// The SHA-256 of a token in base64url, stored instead of the token. With 256 random bits, a fast hash is safe.
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
    /// The owner's name for the program that uses the token.
    pub name: DisplayName,
    pub grant: Grant,
    pub digest: TokenDigest,
    pub created_at: Timestamp,
    /// None if it does not expire.
    pub expires_at: Option<Timestamp>,
    /// For a link and the session that it starts: the session that created the link, or None if the gateway token did.
    /// If that session ends, so does this token. For a program's old token: the token that replaced it.
    pub parent: Option<ApiTokenId>,
    /// The latest end of the session, or of the session that a link starts. None: 12 hours after the session began.
    pub ends_at: Option<Timestamp>,
    /// The last use, accurate to an hour. It grants nothing, so the mark does not cover it.
    pub last_used_at: Option<Timestamp>,
}

/// The origin of a link or session: see [`ApiToken::parent`] and [`ApiToken::ends_at`].
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
    /// None: the token does not expire.
    lifetime: Option<Duration>,
}

impl NewToken {
    pub fn program(name: DisplayName, scopes: Scopes, lifetime: Option<Duration>) -> Self {
        Self { name, grant: Grant::Program(Arc::new(scopes)), lineage: Lineage::default(), lifetime }
    }

    pub fn session(name: DisplayName, lineage: Lineage) -> Self {
        Self { name, grant: Grant::Page, lineage, lifetime: Some(SESSION_IDLE_TIMEOUT) }
    }

    pub fn link(name: DisplayName, lineage: Lineage) -> Self {
        Self { name, grant: Grant::Link, lineage, lifetime: Some(LINK_LIFETIME) }
    }
}

impl ApiToken {
    pub fn is_unexpired(&self, now: Timestamp) -> bool {
        self.expires_at.is_none_or(|at| now < at)
    }

    /// Whether `last_used_at` is due for an update: it is unset, or at least an hour before `now`.
    pub fn should_record_use(&self, now: Timestamp) -> bool {
        self.last_used_at.is_none_or(|at| at.plus(LAST_USED_INTERVAL) <= now)
    }

    /// Returns the id that identifies the program or session. A program's old token has the id of its new one.
    pub fn holder_id(&self) -> &ApiTokenId {
        match self.grant {
            Grant::Program(_) => self.parent.as_ref().unwrap_or(&self.id),
            Grant::Page | Grant::Link => &self.id,
        }
    }

    /// Whether this is the old token of a program, replaced by [`Self::rotated`].
    pub fn is_replaced(&self) -> bool {
        self.holder_id() != &self.id
    }

    /// Gives a program's token a new secret. Returns the token with its new digest, the old token with the id `old_id`,
    /// valid until `until` at most, and the new secret.
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

    /// Returns the rights that the token gives. A link has the owner's rights, but the authenticator accepts it on one
    /// path only.
    pub fn rights(&self) -> Rights {
        match &self.grant {
            Grant::Program(scopes) => Rights::Program(Arc::clone(scopes)),
            Grant::Page | Grant::Link => Rights::Owner,
        }
    }

    /// Returns when the session ends at the latest, however often it is used.
    pub fn session_ends_at(&self) -> Timestamp {
        self.ends_at.unwrap_or(self.created_at.plus(MAX_SESSION_LENGTH))
    }

    /// Returns the lineage of the token that this token creates. A session's link ends with that session. The session
    /// that a link starts inherits the link's lineage.
    pub fn lineage(&self) -> Lineage {
        match self.grant {
            Grant::Page => Lineage { parent: Some(self.id.clone()), ends_at: Some(self.session_ends_at()) },
            Grant::Link | Grant::Program(_) => Lineage { parent: self.parent.clone(), ends_at: self.ends_at },
        }
    }

    /// Restarts the idle timeout of a session that is used at `now`.
    pub fn extended(mut self, now: Timestamp) -> Self {
        self.expires_at = Some(now.plus(SESSION_IDLE_TIMEOUT).min(self.session_ends_at()));
        self
    }

    /// Ends links and sessions with the sessions that they come from: limits their expiry, and drops those whose parent
    /// is gone. `tokens` are all stored tokens.
    pub fn end_with_parents(tokens: Vec<Self>) -> Vec<Self> {
        let page_tokens = tokens.iter().filter(|token| token.grant.is_page_token());
        let lineages: HashMap<_, _> =
            page_tokens.map(|token| (token.id.clone(), (token.expires_at, token.parent.clone()))).collect();
        let limit = |mut token: Self| {
            let mut parent = token.parent.clone().filter(|_| token.grant.is_page_token());
            // No lineage is longer than the list, even if a forged one has a cycle.
            for _ in 0..lineages.len() {
                let Some(id) = parent else { break };
                let (expires_at, grandparent) = lineages.get(&id)?;
                token.expires_at = token.expires_at.into_iter().chain(*expires_at).min();
                parent = grandparent.clone();
            }
            Some(token)
        };
        tokens.into_iter().filter_map(limit).collect()
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
    /// The column `mac`. None if the row was written before marks existed. Such a token grants nothing.
    pub mark: Option<SealedSecret>,
}

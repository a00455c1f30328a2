//! Tokens of the gateway's own, which its owner gives to programs: each may use the models and nothing else, and can be
//! taken back without touching any other.

use std::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use secrecy::ExposeSecret;
use sha2::{Digest, Sha256};

use super::{ids::DisplayName, secret::ApiTokenSecret, time::Timestamp};

/// What every token begins with, so that secret scanners and people know one when they see it.
const PREFIX: &str = "goclaw_";
/// Bytes of randomness in a token.
pub const ENTROPY: usize = 32;

random_id!(
    /// The id of one token: says nothing of the token itself.
    ApiTokenId
);

/// What a token may be used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Ask models and use the pass-through: `/v1/responses`, `/v1/chat/completions`, `/v1/models`, `/v1/proxy`.
    Proxy,
}

impl Scope {
    pub const ALL: [Self; 1] = [Self::Proxy];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Proxy => "proxy",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == text)
    }
}

/// SHA-256 of a token, base64url: what it is found by. The token itself is kept nowhere; it holds 256 random bits, so
/// nothing slower is needed.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct TokenDigest(String);

impl TokenDigest {
    pub fn of(token: &str) -> Self {
        Self(URL_SAFE_NO_PAD.encode(Sha256::digest(token.as_bytes())))
    }

    /// Takes a digest back from where it was stored.
    pub fn from_stored(text: String) -> Self {
        Self(text)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for TokenDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenDigest")
    }
}

/// A token as it is kept.
#[derive(Debug, Clone, PartialEq)]
pub struct ApiToken {
    pub id: ApiTokenId,
    /// What its owner calls the program that has it.
    pub name: DisplayName,
    pub scope: Scope,
    pub digest: TokenDigest,
    pub created_at: Timestamp,
}

impl ApiToken {
    /// A new token and its text, which is told once.
    pub fn issue(
        id: ApiTokenId,
        name: DisplayName,
        scope: Scope,
        entropy: &[u8; ENTROPY],
        now: Timestamp,
    ) -> (Self, ApiTokenSecret) {
        let secret = ApiTokenSecret::new(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(entropy)));
        let digest = TokenDigest::of(secret.expose_secret());
        (Self { id, name, scope, digest, created_at: now }, secret)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_found_by_its_digest_and_is_nowhere_in_what_is_kept() {
        let (id, name) = (ApiTokenId::from_bytes([1; 16]), DisplayName::parse("editor").unwrap());
        let (token, secret) = ApiToken::issue(id, name, Scope::Proxy, &[7; ENTROPY], Timestamp::from_unix_seconds(1));
        assert_eq!(token.digest, TokenDigest::of(secret.expose_secret()));
        let text = secret.expose_secret();
        assert!(text.starts_with("goclaw_") && text.len() == "goclaw_".len() + 43, "{}", text.len());
        assert!(!format!("{token:?} {secret:?}").contains(text));
        assert_eq!(Scope::ALL.map(|scope| Scope::parse(scope.as_str())), Scope::ALL.map(Some));
    }
}

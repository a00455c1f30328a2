//! Proof Key for Code Exchange, method S256 (RFC 7636): proves that the client that exchanges a code also requested it.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use secrecy::ExposeSecret;
use sha2::{Digest, Sha256};

use super::{
    ids::StateDigest,
    secret::{OAuthState, PkceVerifier},
};

/// The random bytes of a verifier. They become 86 characters; RFC 7636 section 4.1 allows 43 to 128.
pub const VERIFIER_BYTES: usize = 64;

/// The random bytes of a `state`. They become 43 characters.
pub const STATE_BYTES: usize = 32;

impl PkceVerifier {
    /// Encodes 64 random bytes as base64url without padding.
    pub fn from_bytes(bytes: &[u8; VERIFIER_BYTES]) -> Self {
        Self::new(URL_SAFE_NO_PAD.encode(bytes))
    }

    /// Returns `BASE64URL(SHA256(ASCII(code_verifier)))` (RFC 7636 section 4.2): 43 characters, not secret.
    pub fn challenge(&self) -> String {
        URL_SAFE_NO_PAD.encode(Sha256::digest(self.expose_secret().as_bytes()))
    }
}

impl OAuthState {
    /// Encodes 32 random bytes as base64url without padding.
    pub fn from_bytes(bytes: &[u8; STATE_BYTES]) -> Self {
        Self::new(URL_SAFE_NO_PAD.encode(bytes))
    }

    /// Returns the digest by which the login is looked up.
    pub fn digest(&self) -> StateDigest {
        StateDigest::from_stored(URL_SAFE_NO_PAD.encode(Sha256::digest(self.expose_secret().as_bytes())))
    }
}

//! The gateway token. It is checked before the limit on failed attempts, so that failed attempts cannot lock the owner
//! out. It must therefore be long enough to resist guessing.

use std::fmt::Write;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

/// The minimum length of a configured token, in bytes.
pub const MIN_LENGTH: usize = 32;

/// Secret scanners recognise a generated token by this prefix.
const PREFIX: &str = "goclaw_gw_";
/// The length of the checksum, in bytes.
const CHECKSUM_BYTES: usize = 4;

/// Returns a new token: the prefix, the random bytes in base64url, `_`, and the first 8 hex digits of the SHA-256 of
/// the text before the `_`. With this checksum, secret scanners distinguish a token from similar text.
pub fn generate(random: &[u8; 32]) -> SecretString {
    let mut token = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(random));
    let digest = Sha256::digest(&token);
    token.push('_');
    for byte in digest.iter().take(CHECKSUM_BYTES) {
        // Writing to a string cannot fail.
        let _ = write!(token, "{byte:02x}");
    }
    token.into()
}

/// Whether callers can send a configured token in an HTTP header: visible ASCII without spaces.
pub fn is_sendable(token: &SecretString) -> bool {
    token.expose_secret().bytes().all(|byte| byte.is_ascii_graphic())
}

/// Whether a configured token is long enough.
pub fn is_long_enough(token: &SecretString) -> bool {
    token.expose_secret().len() >= MIN_LENGTH
}

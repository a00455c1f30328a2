//! Encrypts secrets for storage and decrypts them.

use secrecy::SecretString;

use crate::domain::{ids::KeyId, sealed::SealContext, sealed_secret::SealedSecret};

/// Sealing failed. The caller still holds the secret.
#[derive(Debug, thiserror::Error)]
#[error("the secret could not be encrypted")]
pub struct SealError(#[source] pub Box<dyn std::error::Error + Send + Sync>);

/// Why a sealed secret did not open. Callers must not treat this as an absent secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    #[error("it was sealed with the key {sealed_with}, the configured key is {configured}")]
    UnknownKey { sealed_with: KeyId, configured: KeyId },
    #[error("it was changed or moved, or a value that it is bound to was changed")]
    Tampered,
    #[error("it has the first format, which opens only while the database is adopted; run: goclaw keys adopt")]
    FirstFormat,
    #[error("it is not a sealed secret of this gateway")]
    Malformed,
}

/// Authenticated encryption with key ids and associated data. One key seals, and all known keys open.
///
/// Contract:
/// - `open` MUST return the sealed plaintext under the same context, and an error under any other context.
/// - `seal` MUST use a fresh nonce, so that sealing twice gives two different texts.
/// - `seal` MUST NOT return the plaintext unencrypted: there is no mode without a key.
pub trait SecretCipher: Send + Sync {
    fn seal(&self, context: &SealContext<'_>, plaintext: &str) -> Result<SealedSecret, SealError>;

    fn open(&self, context: &SealContext<'_>, sealed: &SealedSecret) -> Result<SecretString, OpenError>;

    /// Opens a secret of the first format, which was bound only to its table, row, column and login.
    ///
    /// Contract: MUST NOT open a secret that `seal` made.
    fn open_first_format(&self, context: &SealContext<'_>, sealed: &SealedSecret) -> Result<SecretString, OpenError>;

    /// Returns the id of the key that `seal` uses.
    fn key_id(&self) -> KeyId;

    /// Returns the ids of all keys that `open` uses.
    fn key_ids(&self) -> Vec<KeyId>;

    /// Reads the keys again if they come from a file. Returns whether they have changed. All earlier keys still open.
    fn reload(&self) -> bool;
}

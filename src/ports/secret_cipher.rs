//! Sealing secrets for storage and opening them again.

use secrecy::SecretString;

use crate::domain::{
    ids::KeyId,
    sealed::{SealContext, SealedSecret},
};

/// Sealing failed. The secret is still in the caller's hand.
#[derive(Debug, thiserror::Error)]
#[error("the secret could not be encrypted")]
pub struct SealError(#[source] pub Box<dyn std::error::Error + Send + Sync>);

/// Why a sealed secret did not open. None of it is ever treated as "there is no secret".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    #[error("it was sealed with the key {sealed_with}, the configured key is {configured}")]
    UnknownKey { sealed_with: KeyId, configured: KeyId },
    #[error("it was changed, or moved here from another place")]
    Tampered,
    #[error("it is not a sealed secret of this gateway")]
    Malformed,
}

/// Authenticated encryption with a key id and associated data.
///
/// Contract:
/// - `open` MUST return exactly what was sealed under the same context, and an error under any other context.
/// - `seal` MUST use a fresh nonce, so that sealing twice gives two different texts.
/// - Neither MUST ever pass a plaintext through unencrypted: there is no "no key" mode.
pub trait SecretCipher: Send + Sync {
    fn seal(&self, context: &SealContext<'_>, plaintext: &str) -> Result<SealedSecret, SealError>;

    fn open(&self, context: &SealContext<'_>, sealed: &SealedSecret) -> Result<SecretString, OpenError>;

    /// The key that `seal` uses.
    fn key_id(&self) -> &KeyId;
}

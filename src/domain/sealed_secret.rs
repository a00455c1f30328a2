//! Stored secrets as text: encrypted, or authenticated as the mark of a row.

use super::ids::KeyId;

stored_text!(
    /// An encrypted secret, `v2:<key id>:<base64url(nonce, ciphertext, tag)>`. A row's mark has this form too: it
    /// authenticates its context, and its plaintext is empty or the digest that the row depends on.
    #[derive(Debug)]
    SealedSecret
);

impl SealedSecret {
    pub fn into_string(self) -> String {
        self.0
    }

    /// Returns the key id in the text. It is unverified until the secret opens.
    pub fn key_id(&self) -> Option<KeyId> {
        self.0.split(':').nth(1).map(KeyId::new)
    }

    /// Whether the secret has the first format.
    pub fn is_first_format(&self) -> bool {
        self.0.starts_with("v1:")
    }
}

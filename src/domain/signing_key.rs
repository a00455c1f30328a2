//! The key that signs the calls of the webhook, in the text form of Standard Webhooks 1.0.

use base64::{
    Engine,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use secrecy::{ExposeSecret, SecretSlice};

/// The minimum length of the text in bytes, so that the key cannot be guessed.
const MIN_BYTES: usize = 24;
/// The prefix of a key in base64.
const BASE64_PREFIX: &str = "whsec_";
/// Secrets in base64 are copied with and without their padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A key for HMAC-SHA256.
#[derive(Debug, Clone)]
pub struct SigningKey(SecretSlice<u8>);

impl SigningKey {
    /// Parses `whsec_` and base64, or any other text, which is the key itself. Returns None for a text shorter than 24
    /// bytes, and for `whsec_` without valid base64: the receiver would refuse each signature.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() < MIN_BYTES {
            return None;
        }
        let key = match text.strip_prefix(BASE64_PREFIX) {
            Some(base64) => BASE64.decode(base64).ok()?,
            None => text.as_bytes().to_vec(),
        };
        Some(Self(key.into()))
    }
}

impl ExposeSecret<[u8]> for SigningKey {
    fn expose_secret(&self) -> &[u8] {
        self.0.expose_secret()
    }
}

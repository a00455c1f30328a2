//! The encryption key: 32 secret bytes, and a public id that is derived from them.

use base64::{
    Engine,
    alphabet::{STANDARD, URL_SAFE},
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use secrecy::{ExposeSecret, SecretBox, SecretString, zeroize::Zeroizing};
use sha2::{Digest, Sha256};

use crate::{
    domain::ids::KeyId,
    ports::{Random, RandomError},
};

const KEY_BYTES: usize = 32;
const OPTIONAL_PADDING: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);

/// A text is not a valid key. The message does not repeat the text, which may be a mistyped key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an encryption key is 32 random bytes in base64 (or 64 hex digits); make one with: openssl rand -base64 32")]
pub struct InvalidKey;

pub struct EncryptionKey(SecretBox<[u8; KEY_BYTES]>);

impl EncryptionKey {
    pub fn from_bytes(bytes: [u8; KEY_BYTES]) -> Self {
        let bytes = Zeroizing::new(bytes);
        Self(SecretBox::init_with_mut(|key: &mut [u8; KEY_BYTES]| key.copy_from_slice(bytes.as_slice())))
    }

    pub fn generate(random: &dyn Random) -> Result<Self, RandomError> {
        let mut bytes = [0; KEY_BYTES];
        random.fill(&mut bytes)?;
        Ok(Self::from_bytes(bytes))
    }

    /// Parses 64 hex digits or base64 (either alphabet, padded or not).
    pub fn parse(text: &SecretString) -> Result<Self, InvalidKey> {
        let text = text.expose_secret().trim();
        let decode = |alphabet| GeneralPurpose::new(alphabet, OPTIONAL_PADDING).decode(text).ok();
        let bytes = match text.len() {
            64 => from_hex(text),
            _ => decode(&STANDARD).or_else(|| decode(&URL_SAFE)),
        };
        let bytes = Zeroizing::new(bytes.ok_or(InvalidKey)?);
        bytes.as_slice().try_into().map(Self::from_bytes).map_err(|_other_length| InvalidKey)
    }

    /// Returns the key in padded base64, as a line of a key file.
    pub fn to_text(&self) -> SecretString {
        SecretString::from(GeneralPurpose::new(&STANDARD, GeneralPurposeConfig::new()).encode(self.bytes()))
    }

    /// Returns the key's id: the first 16 hex digits of SHA-256 over a label and the key. The id is not secret.
    pub fn id(&self) -> KeyId {
        let digest = Sha256::new().chain_update(b"goclaw key id v1").chain_update(self.bytes()).finalize();
        KeyId::new(digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect::<String>())
    }

    pub(super) fn bytes(&self) -> &[u8; KEY_BYTES] {
        self.0.expose_secret()
    }
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> =
        text.chars().map(|c| c.to_digit(16).and_then(|digit| digit.try_into().ok())).collect();
    Some(digits?.chunks_exact(2).map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit)).collect())
}

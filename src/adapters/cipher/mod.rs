//! Encryption at rest: XChaCha20-Poly1305 with a key id and associated data.
//!
//! A sealed secret has the form `v1:<key id>:<base64url(nonce 24 bytes, ciphertext, tag 16 bytes)>`. Nonces of 192 bits
//! are random, so none has to be recorded. The associated data binds a secret to its key, row and column. Its fields
//! are length-prefixed, so two different places never have the same associated data.

mod key;
#[cfg(test)]
mod vectors;

use std::sync::Arc;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use secrecy::SecretString;

pub use key::{EncryptionKey, InvalidKey};

use crate::{
    domain::{
        ids::KeyId,
        sealed::{SealContext, SealedSecret},
    },
    ports::{OpenError, Random, SealError, SecretCipher},
};

const VERSION: &str = "v1";
const NONCE_BYTES: usize = 24;

pub struct XChaChaCipher {
    aead: XChaCha20Poly1305,
    key_id: KeyId,
    random: Arc<dyn Random>,
}

impl XChaChaCipher {
    pub fn new(key: &EncryptionKey, random: Arc<dyn Random>) -> Self {
        Self { aead: XChaCha20Poly1305::new(key.bytes().into()), key_id: key.id(), random }
    }

    fn associated_data(&self, context: &SealContext<'_>) -> Vec<u8> {
        let fields =
            ["goclaw/v1", context.table, context.row, context.column, context.login_id.as_str(), self.key_id.as_str()];
        fields.iter().flat_map(|field| (field.len() as u64).to_be_bytes().into_iter().chain(field.bytes())).collect()
    }
}

impl SecretCipher for XChaChaCipher {
    fn seal(&self, context: &SealContext<'_>, plaintext: &str) -> Result<SealedSecret, SealError> {
        let mut sealed = vec![0; NONCE_BYTES];
        self.random.fill(&mut sealed).map_err(|error| SealError(Box::new(error)))?;
        let payload = Payload { msg: plaintext.as_bytes(), aad: &self.associated_data(context) };
        let ciphertext = self.aead.encrypt(XNonce::from_slice(&sealed), payload);
        sealed.extend(ciphertext.map_err(|opaque| SealError(opaque.to_string().into()))?);
        Ok(SealedSecret::from_stored(format!("{VERSION}:{}:{}", self.key_id, URL_SAFE_NO_PAD.encode(sealed))))
    }

    fn open(&self, context: &SealContext<'_>, sealed: &SealedSecret) -> Result<SecretString, OpenError> {
        let mut parts = sealed.as_str().splitn(3, ':');
        let (Some(VERSION), Some(key_id), Some(body)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(OpenError::Malformed);
        };
        if key_id != self.key_id.as_str() {
            return Err(OpenError::UnknownKey { sealed_with: KeyId::new(key_id), configured: self.key_id.clone() });
        }
        let bytes = URL_SAFE_NO_PAD.decode(body).map_err(|_not_base64url| OpenError::Malformed)?;
        let (nonce, ciphertext) = bytes.split_at_checked(NONCE_BYTES).ok_or(OpenError::Malformed)?;
        let payload = Payload { msg: ciphertext, aad: &self.associated_data(context) };
        // An AEAD error has no details by design.
        let opened = self.aead.decrypt(XNonce::from_slice(nonce), payload).map_err(|_opaque| OpenError::Tampered)?;
        String::from_utf8(opened).map(SecretString::from).map_err(|_not_text| OpenError::Malformed)
    }

    fn key_id(&self) -> &KeyId {
        &self.key_id
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use secrecy::ExposeSecret;

    use super::*;
    use crate::{
        domain::ids::{AccountName, LoginId},
        ports::RandomError,
    };

    /// Fills each nonce with the next number: nonces differ, and the sealed texts are reproducible.
    struct CountingRandom(std::sync::atomic::AtomicU8);

    impl Random for CountingRandom {
        fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomError> {
            bytes.fill(self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
            Ok(())
        }
    }

    fn cipher(key: u8) -> XChaChaCipher {
        let key = EncryptionKey::from_bytes([key; 32]);
        XChaChaCipher::new(&key, Arc::new(CountingRandom(0.into())))
    }

    fn name() -> AccountName {
        AccountName::parse("openai-codex").unwrap()
    }

    #[test]
    fn the_stored_format_does_not_change() {
        let (name, login) = (name(), LoginId::from_bytes([1; 16]));
        let context = SealContext::access_token(&name, &login);
        let sealed = cipher(7).seal(&context, "a secret").unwrap();
        assert_eq!(
            sealed.as_str(),
            "v1:b0722a387b46fbe0:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAUUCdpxVfW0ZettL5ia_AXiBMOQQZl7Kq"
        );
        assert_eq!(cipher(7).open(&context, &sealed).unwrap().expose_secret(), "a secret");
    }

    #[test]
    fn sealing_twice_gives_two_texts() {
        let (name, login, cipher) = (name(), LoginId::from_bytes([1; 16]), cipher(7));
        let context = SealContext::access_token(&name, &login);
        assert_ne!(cipher.seal(&context, "x").unwrap(), cipher.seal(&context, "x").unwrap());
    }

    #[test]
    fn a_secret_opens_only_where_it_belongs() {
        let (name, other, cipher) = (name(), AccountName::parse("other").unwrap(), cipher(7));
        let (login, later) = (LoginId::from_bytes([1; 16]), LoginId::from_bytes([2; 16]));
        let sealed = cipher.seal(&SealContext::access_token(&name, &login), "x").unwrap();
        for context in [
            SealContext::refresh_token(&name, &login),
            SealContext::access_token(&other, &login),
            SealContext::access_token(&name, &later),
        ] {
            assert_eq!(cipher.open(&context, &sealed).unwrap_err(), OpenError::Tampered);
        }
    }

    #[test]
    fn another_key_is_named_and_malformed_text_is_rejected() {
        let (name, login) = (name(), LoginId::from_bytes([1; 16]));
        let context = SealContext::access_token(&name, &login);
        let sealed = cipher(7).seal(&context, "x").unwrap();
        assert!(matches!(cipher(8).open(&context, &sealed), Err(OpenError::UnknownKey { .. })));
        let id = cipher(7).key_id().to_string();
        for text in
            ["", "plain", "v1:", "v2:a:b", &format!("v1:{id}:"), &format!("v1:{id}:!!"), &format!("v1:{id}:AAAA")]
        {
            let opened = cipher(7).open(&context, &SealedSecret::from_stored(text.to_owned()));
            assert_eq!(opened.unwrap_err(), OpenError::Malformed, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_flipped_bit_is_detected(text in ".{0,40}", at in any::<prop::sample::Index>(), bit in 0u8..8) {
            let (name, login, cipher) = (name(), LoginId::from_bytes([1; 16]), cipher(7));
            let context = SealContext::refresh_token(&name, &login);
            let sealed = cipher.seal(&context, &text).unwrap();
            let opened = cipher.open(&context, &sealed).unwrap();
            prop_assert_eq!(opened.expose_secret(), text.as_str());
            let (head, body) = sealed.as_str().rsplit_once(':').unwrap();
            let mut bytes = URL_SAFE_NO_PAD.decode(body).unwrap();
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
            let changed = SealedSecret::from_stored(format!("{head}:{}", URL_SAFE_NO_PAD.encode(bytes)));
            prop_assert_eq!(cipher.open(&context, &changed).unwrap_err(), OpenError::Tampered);
        }
    }
}

//! Encryption at rest: XChaCha20-Poly1305 with a key id and associated data.
//!
//! A sealed secret has the form `v2:<key id>:<base64url(nonce 24 bytes, ciphertext, tag 16 bytes)>`. Nonces are random.
//! At 192 bits, a collision is so unlikely that used nonces need not be recorded. The associated data binds a secret to
//! its key and context. Its fields are length-prefixed, so two different contexts never have the same associated data.
//! The associated data of the first format (`v1`) has fewer fields. Only `open_first_format` opens its secrets.

mod key;
mod key_ring;

use std::{
    borrow::Cow,
    sync::{Arc, PoisonError, RwLock},
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use secrecy::{SecretString, zeroize::Zeroizing};

pub use key::{EncryptionKey, InvalidKey};
pub use key_ring::KeyRing;

use crate::{
    domain::{ids::KeyId, sealed::SealContext, sealed_secret::SealedSecret},
    ports::{OpenError, Random, SealError, SecretCipher},
};

const VERSION: &str = "v2";
const FIRST_VERSION: &str = "v1";
const NONCE_BYTES: usize = 24;

/// Reads the configured keys again. Returns `None` if that fails, or if the keys cannot change.
pub type KeySource = Box<dyn Fn() -> Option<KeyRing> + Send + Sync>;

/// Seals with the first key of a [`KeyRing`], and opens with each of its keys.
pub struct XChaChaCipher {
    keys: RwLock<Arc<Keys>>,
    source: Option<KeySource>,
    random: Arc<dyn Random>,
}

/// A [`KeyRing`] with its ciphers ready for use.
struct Keys {
    /// The id of the key that seals.
    first: KeyId,
    /// All keys, including the first. Each can open.
    all: Vec<(KeyId, XChaCha20Poly1305)>,
}

impl Keys {
    fn of(ring: &KeyRing) -> Self {
        let all = ring.keys().map(|key| (key.id(), XChaCha20Poly1305::new(key.bytes().into()))).collect();
        Self { first: ring.first().id(), all }
    }

    fn get(&self, id: &str) -> Option<&XChaCha20Poly1305> {
        self.all.iter().find(|(known, _)| known.as_str() == id).map(|(_, aead)| aead)
    }

    /// Appends the keys of `earlier` that `self` lacks: after a reload, all earlier keys still open.
    fn with_others_of(mut self, earlier: &Self) -> Self {
        let missing: Vec<_> = earlier.all.iter().filter(|(id, _)| self.get(id.as_str()).is_none()).cloned().collect();
        self.all.extend(missing);
        self
    }

    fn ids(&self) -> impl Iterator<Item = &KeyId> {
        self.all.iter().map(|(id, _)| id)
    }
}

impl XChaChaCipher {
    pub fn new(ring: &KeyRing, random: Arc<dyn Random>) -> Self {
        Self { keys: RwLock::new(Arc::new(Keys::of(ring))), source: None, random }
    }

    /// Sets where the cipher reads its keys again, for example when a secret has an unknown key id.
    #[must_use]
    pub fn with_source(self, source: KeySource) -> Self {
        Self { source: Some(source), ..self }
    }

    fn keys(&self) -> Arc<Keys> {
        Arc::clone(&self.keys.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Returns the keys if one of them has the id `key_id`. If none has it, reads the keys again first.
    fn keys_with(&self, key_id: &str) -> Result<Arc<Keys>, OpenError> {
        let keys = self.keys();
        if keys.get(key_id).is_some() {
            return Ok(keys);
        }
        // Another process may have added a key. Do not limit the rate of reloads: without a reload, an account could
        // become unreadable. A reload costs less than the database query that returned the secret.
        self.reload();
        let keys = self.keys();
        let configured = keys.first.clone();
        if keys.get(key_id).is_some() {
            return Ok(keys);
        }
        Err(OpenError::UnknownKey { sealed_with: KeyId::new(key_id), configured })
    }

    /// Opens a secret of one format. `fields` returns the context's associated data; `None` if the format has none.
    fn open_format<'a>(
        &self,
        version: &str,
        sealed: &SealedSecret,
        fields: impl FnOnce() -> Option<Vec<Cow<'a, str>>>,
    ) -> Result<SecretString, OpenError> {
        let mut parts = sealed.as_str().splitn(3, ':');
        let (Some(stated), Some(key_id), Some(body)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(OpenError::Malformed);
        };
        if stated != version {
            return Err(if stated == FIRST_VERSION { OpenError::FirstFormat } else { OpenError::Malformed });
        }
        let keys = self.keys_with(key_id)?;
        let aead = keys.get(key_id).ok_or(OpenError::Malformed)?;
        let bytes = URL_SAFE_NO_PAD.decode(body).map_err(|_not_base64url| OpenError::Malformed)?;
        let (nonce, ciphertext) = bytes.split_at_checked(NONCE_BYTES).ok_or(OpenError::Malformed)?;
        let fields = fields().ok_or(OpenError::Malformed)?;
        let payload = Payload { msg: ciphertext, aad: &associated_data(version, fields, key_id) };
        // An AEAD error has no details by design.
        let opened = aead.decrypt(XNonce::from_slice(nonce), payload).map_err(|_opaque| OpenError::Tampered)?;
        let opened = Zeroizing::new(opened);
        str::from_utf8(&opened).map(SecretString::from).map_err(|_not_text| OpenError::Malformed)
    }
}

fn current_fields<'a>(context: &SealContext<'a>) -> Vec<Cow<'a, str>> {
    [Cow::Borrowed(context.place())].into_iter().chain(context.fields()).collect()
}

fn associated_data(version: &str, fields: Vec<Cow<'_, str>>, key_id: &str) -> Vec<u8> {
    let first = format!("goclaw/{version}");
    let fields = [first.into()].into_iter().chain(fields).chain([key_id.into()]);
    let prefixed =
        |field: Cow<'_, str>| (field.len() as u64).to_be_bytes().into_iter().chain(field.into_owned().into_bytes());
    fields.flat_map(prefixed).collect()
}

impl SecretCipher for XChaChaCipher {
    fn seal(&self, context: &SealContext<'_>, plaintext: &str) -> Result<SealedSecret, SealError> {
        let mut sealed = vec![0; NONCE_BYTES];
        self.random.fill(&mut sealed).map_err(|error| SealError(Box::new(error)))?;
        let keys = self.keys();
        let key_id = &keys.first;
        let aad = associated_data(VERSION, current_fields(context), key_id.as_str());
        let payload = Payload { msg: plaintext.as_bytes(), aad: &aad };
        let aead = keys.get(key_id.as_str()).ok_or_else(|| SealError("there is no key".into()))?;
        let ciphertext = aead.encrypt(XNonce::from_slice(&sealed), payload);
        sealed.extend(ciphertext.map_err(|opaque| SealError(opaque.to_string().into()))?);
        Ok(SealedSecret::from_stored(format!("{VERSION}:{key_id}:{}", URL_SAFE_NO_PAD.encode(sealed))))
    }

    fn open(&self, context: &SealContext<'_>, sealed: &SealedSecret) -> Result<SecretString, OpenError> {
        self.open_format(VERSION, sealed, || Some(current_fields(context)))
    }

    fn open_first_format(&self, context: &SealContext<'_>, sealed: &SealedSecret) -> Result<SecretString, OpenError> {
        let fields = || Some(context.first_format()?.map(Cow::Borrowed).to_vec());
        self.open_format(FIRST_VERSION, sealed, fields)
    }

    fn key_id(&self) -> KeyId {
        self.keys().first.clone()
    }

    fn key_ids(&self) -> Vec<KeyId> {
        self.keys().ids().cloned().collect()
    }

    fn reload(&self) -> bool {
        let Some(ring) = self.source.as_ref().and_then(|read| read()) else { return false };
        let mut keys = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        let new = Keys::of(&ring).with_others_of(&keys);
        let is_changed = new.first != keys.first || !new.ids().eq(keys.ids());
        *keys = Arc::new(new);
        is_changed
    }
}

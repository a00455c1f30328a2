//! The signing keys: RS256 (RFC 7518 section 3.3), published as a JWK Set (RFC 7517), rotated on demand.

use std::{
    fs, io,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use rsa::{
    RsaPrivateKey, pkcs1v15,
    pkcs8::{DecodePrivateKey, EncodePrivateKey, LineEnding},
    rand_core::OsRng,
    signature::{Keypair, SignatureEncoding, Signer, Verifier},
    traits::PublicKeyParts,
};
use serde::Serialize;
use serde_json::{Value, json};
use sha2::Sha256;

use super::random_text;

/// The size of every key, the minimum of RFC 7518 section 3.3.
const KEY_BITS: usize = 2048;

/// The number of published keys: the signing key and its predecessor.
const PUBLISHED_KEYS: usize = 2;

/// A private key with its `kid`.
pub(crate) struct SigningKey {
    kid: String,
    modulus: String,
    exponent: String,
    signer: pkcs1v15::SigningKey<Sha256>,
}

impl SigningKey {
    /// Generates a key. Slow (tenths of a second); do not call from an async task.
    pub(crate) fn generate() -> Result<Self, rsa::Error> {
        Ok(Self::of(RsaPrivateKey::new(&mut OsRng, KEY_BITS)?))
    }

    fn of(key: RsaPrivateKey) -> Self {
        Self {
            kid: format!("simulated-{}", random_text().chars().take(8).collect::<String>()),
            modulus: URL_SAFE_NO_PAD.encode(key.n().to_bytes_be()),
            exponent: URL_SAFE_NO_PAD.encode(key.e().to_bytes_be()),
            signer: pkcs1v15::SigningKey::new(key),
        }
    }

    pub(crate) fn kid(&self) -> &str {
        &self.kid
    }

    /// Verifies an RS256 signature (RFC 7515 section 5.2).
    fn verifies(&self, signed: &str, signature: &str) -> bool {
        let signature = URL_SAFE_NO_PAD.decode(signature).ok();
        let signature = signature.and_then(|bytes| pkcs1v15::Signature::try_from(bytes.as_slice()).ok());
        signature.is_some_and(|signature| self.signer.verifying_key().verify(signed.as_bytes(), &signature).is_ok())
    }

    fn jwk(&self) -> Value {
        json!({"kty": "RSA", "use": "sig", "alg": "RS256", "kid": self.kid, "n": self.modulus, "e": self.exponent})
    }
}

/// The published keys, the signing key first.
#[derive(Clone)]
pub(crate) struct SigningKeys(Vec<Arc<SigningKey>>);

/// The initial keys of every simulator in this process. They are generated once, because a test binary starts many
/// simulators.
static INITIAL_KEYS: Mutex<Option<SigningKeys>> = Mutex::new(None);

impl SigningKeys {
    /// Returns the initial keys. Slow the first time; do not call from an async task.
    pub(crate) fn initial() -> Result<Self, rsa::Error> {
        let mut initial = INITIAL_KEYS.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(keys) = initial.as_ref() {
            return Ok(keys.clone());
        }
        let generated: Result<Vec<_>, _> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..PUBLISHED_KEYS).map(|_| scope.spawn(SigningKey::generate)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap_or(Err(rsa::Error::Internal))).collect()
        });
        let keys = Self(generated?.into_iter().map(Arc::new).collect());
        *initial = Some(keys.clone());
        Ok(keys)
    }

    /// Returns the keys in the file at `path` (PKCS#8 PEM, RFC 7468 section 10). Without a readable file it
    /// writes the initial keys there. May generate keys, which is slow; do not call from an async task.
    pub(crate) fn load_or_create(path: &Path) -> Result<Self, KeysError> {
        let stored = fs::read_to_string(path).ok().and_then(|pem| Self::from_pem(&pem));
        if let Some(keys) = stored {
            return Ok(keys);
        }
        let keys = Self::initial()?;
        // A file that is renamed into place is never read half-written.
        let draft = path.with_extension(random_text());
        fs::write(&draft, keys.to_pem()?).and_then(|()| fs::rename(&draft, path))?;
        Ok(keys)
    }

    fn from_pem(pem: &str) -> Option<Self> {
        let keys = pem.split_inclusive("-----END PRIVATE KEY-----").map(str::trim).filter(|key| !key.is_empty());
        let keys: Result<Vec<_>, _> = keys.map(|key| RsaPrivateKey::from_pkcs8_pem(key).map(SigningKey::of)).collect();
        let keys = keys.ok().filter(|keys| keys.len() == PUBLISHED_KEYS)?;
        Some(Self(keys.into_iter().map(Arc::new).collect()))
    }

    fn to_pem(&self) -> Result<String, rsa::pkcs8::Error> {
        let keys = self.0.iter().map(|key| key.signer.to_pkcs8_pem(LineEnding::LF));
        keys.map(|pem| pem.map(|pem| pem.to_string())).collect()
    }

    /// Starts signing with this key. The previous key stays published; older ones are dropped.
    pub(crate) fn rotate(&mut self, key: SigningKey) {
        self.0.insert(0, Arc::new(key));
        self.0.truncate(PUBLISHED_KEYS);
    }

    /// Returns the JWK Set.
    pub(crate) fn jwks(&self) -> Value {
        json!({"keys": self.0.iter().map(|key| key.jwk()).collect::<Vec<_>>()})
    }

    /// Returns whether the key in a JWT's header is published and has signed it.
    pub(crate) fn verifies(&self, jwt: &str) -> bool {
        let Some((signed, signature)) = jwt.rsplit_once('.') else { return false };
        let header = signed.split('.').next().and_then(|header| URL_SAFE_NO_PAD.decode(header).ok());
        let header: Option<Value> = header.and_then(|header| serde_json::from_slice(&header).ok());
        let kid = header.as_ref().and_then(|header| header.get("kid")).and_then(Value::as_str);
        let key = self.0.iter().find(|key| Some(key.kid()) == kid);
        key.is_some_and(|key| key.verifies(signed, signature))
    }

    /// Returns a JWT with these claims in serialization order.
    pub(crate) fn sign(&self, claims: &impl Serialize) -> Result<String, SignError> {
        let key = self.0.first().ok_or(SignError::NoKey)?;
        let header = json!({"alg": "RS256", "typ": "JWT", "kid": key.kid});
        let claims = serde_json::to_vec(claims).map_err(SignError::Claims)?;
        let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header.to_string()), URL_SAFE_NO_PAD.encode(claims));
        let signature = key.signer.try_sign(signed.as_bytes()).map_err(SignError::Signature)?;
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.to_bytes())))
    }
}

/// The signing keys could not be generated or stored.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// No key could be generated.
    #[error("cannot generate a signing key")]
    Generate(#[from] rsa::Error),
    /// A key could not be encoded.
    #[error("cannot encode a signing key")]
    Encode(#[from] rsa::pkcs8::Error),
    /// The file of the keys could not be written.
    #[error("cannot write the file of the signing keys")]
    Write(#[from] io::Error),
}

/// A token could not be signed. This is a bug of the simulator and becomes a 500.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SignError {
    #[error("there is no signing key")]
    NoKey,
    #[error("the claims do not serialize")]
    Claims(#[source] serde_json::Error),
    #[error("the key does not sign")]
    Signature(#[source] rsa::signature::Error),
}

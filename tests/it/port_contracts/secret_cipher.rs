//! Contract of `SecretCipher`. The cipher has no fake, because tests of use cases must show that stored secrets are
//! encrypted. The suite runs with the system's and with seeded random bytes.

use std::sync::Arc;

use goclaw::{
    adapters::{
        cipher::{EncryptionKey, XChaChaCipher},
        system::SystemRandom,
    },
    domain::{
        ids::{AccountName, LoginId},
        sealed::{SealContext, SealedSecret},
    },
    ports::{OpenError, Random, RandomError, SecretCipher},
};
use secrecy::ExposeSecret;

use super::contract;
use crate::support::fakes::{SeededRandom, name};

contract!(system_random: SystemSource, seeded_random: SeededSource; [
    a_sealed_secret_opens_in_its_context,
    a_sealed_secret_does_not_open_in_another_context,
    sealing_twice_returns_different_texts,
    plaintext_is_neither_stored_nor_opened,
    another_key_opens_nothing_and_is_named,
    a_changed_text_does_not_open,
    sealing_fails_without_entropy,
]);

const SECRETS: [&str; 4] = ["", "s", "refresh-token-1", "ünïcödé 🔑 with\nlines"];

trait Fixture {
    fn random() -> Arc<dyn Random>;

    fn cipher(key: u8) -> XChaChaCipher {
        XChaChaCipher::new(&EncryptionKey::from_bytes([key; 32]), Self::random())
    }
}

struct SystemSource;

impl Fixture for SystemSource {
    fn random() -> Arc<dyn Random> {
        Arc::new(SystemRandom)
    }
}

struct SeededSource;

impl Fixture for SeededSource {
    fn random() -> Arc<dyn Random> {
        SeededRandom::new(7)
    }
}

/// The accounts and logins of the contexts.
struct Places {
    work: AccountName,
    home: AccountName,
    first: LoginId,
    second: LoginId,
}

impl Places {
    fn new() -> Self {
        let login = |number| LoginId::from_bytes([number; 16]);
        Self { work: name("work"), home: name("home"), first: login(1), second: login(2) }
    }

    /// Returns contexts that are pairwise different.
    fn contexts(&self) -> Vec<SealContext<'_>> {
        let mut contexts = Vec::new();
        for login in [&self.first, &self.second] {
            contexts.extend([SealContext::login_state(login), SealContext::login_verifier(login)]);
            for name in [&self.work, &self.home] {
                contexts.extend([SealContext::access_token(name, login), SealContext::refresh_token(name, login)]);
            }
        }
        contexts
    }
}

async fn a_sealed_secret_opens_in_its_context<F: Fixture>() {
    let (cipher, places) = (F::cipher(1), Places::new());
    for context in places.contexts() {
        for secret in SECRETS {
            let sealed = cipher.seal(&context, secret).expect("it seals");
            assert_eq!(cipher.open(&context, &sealed).expect("it opens").expose_secret(), secret, "{context:?}");
        }
    }
}

async fn a_sealed_secret_does_not_open_in_another_context<F: Fixture>() {
    let (cipher, places) = (F::cipher(1), Places::new());
    let contexts = places.contexts();
    for sealed_under in &contexts {
        let sealed = cipher.seal(sealed_under, "refresh-token-1").expect("it seals");
        for other in contexts.iter().filter(|other| *other != sealed_under) {
            let refused = cipher.open(other, &sealed).map(drop);
            assert_eq!(refused, Err(OpenError::Tampered), "{sealed_under:?} opened as {other:?}");
        }
    }
}

async fn sealing_twice_returns_different_texts<F: Fixture>() {
    let (cipher, places) = (F::cipher(1), Places::new());
    let context = SealContext::access_token(&places.work, &places.first);
    for secret in SECRETS {
        assert_ne!(cipher.seal(&context, secret).expect("it seals"), cipher.seal(&context, secret).expect("it seals"));
    }
}

async fn plaintext_is_neither_stored_nor_opened<F: Fixture>() {
    let (cipher, places) = (F::cipher(1), Places::new());
    let context = SealContext::access_token(&places.work, &places.first);
    let sealed = cipher.seal(&context, "refresh-token-1").expect("it seals");
    assert!(!sealed.as_str().contains("refresh-token-1"), "{}", sealed.as_str());
    for plain in SECRETS {
        let refused = cipher.open(&context, &SealedSecret::from_stored(plain.to_owned())).map(drop);
        assert_eq!(refused, Err(OpenError::Malformed), "{plain}");
    }
}

async fn another_key_opens_nothing_and_is_named<F: Fixture>() {
    let (cipher, other, places) = (F::cipher(1), F::cipher(2), Places::new());
    let context = SealContext::access_token(&places.work, &places.first);
    let sealed = cipher.seal(&context, "refresh-token-1").expect("it seals");
    let expected = OpenError::UnknownKey { sealed_with: cipher.key_id().clone(), configured: other.key_id().clone() };
    assert_eq!(other.open(&context, &sealed).map(drop), Err(expected));
}

async fn a_changed_text_does_not_open<F: Fixture>() {
    let (cipher, places) = (F::cipher(1), Places::new());
    let context = SealContext::access_token(&places.work, &places.first);
    let sealed = cipher.seal(&context, "refresh-token-1").expect("it seals").into_string();
    for at in 0..sealed.len() {
        let mut changed = sealed.clone().into_bytes();
        changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
        let changed = SealedSecret::from_stored(String::from_utf8(changed).expect("text"));
        assert!(cipher.open(&context, &changed).is_err(), "{at}: {}", changed.as_str());
    }
    for length in 0..sealed.len() {
        let cut = SealedSecret::from_stored(sealed[..length].to_owned());
        assert!(cipher.open(&context, &cut).is_err(), "{length} bytes");
    }
}

/// A random source without entropy.
struct Exhausted;

impl Random for Exhausted {
    fn fill(&self, _bytes: &mut [u8]) -> Result<(), RandomError> {
        Err(RandomError("no entropy".into()))
    }
}

async fn sealing_fails_without_entropy<F: Fixture>() {
    let places = Places::new();
    let context = SealContext::access_token(&places.work, &places.first);
    let sealed = F::cipher(1).seal(&context, "refresh-token-1").expect("it seals");
    let without = XChaChaCipher::new(&EncryptionKey::from_bytes([1; 32]), Arc::new(Exhausted));
    assert!(without.seal(&context, "refresh-token-1").is_err());
    assert_eq!(without.open(&context, &sealed).expect("opening needs none").expose_secret(), "refresh-token-1");
}

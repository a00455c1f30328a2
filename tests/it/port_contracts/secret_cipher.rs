//! Contract of `SecretCipher`, run with system and with seeded random bytes. The cipher has no fake, so that use-case
//! tests store real ciphertext.

use std::sync::{Arc, Mutex};

use goclaw::{
    adapters::{
        cipher::{EncryptionKey, KeyRing, XChaChaCipher},
        system::SystemRandom,
    },
    domain::{
        api_token::{ApiToken, ApiTokenId, ENTROPY, Grant, NewToken, TokenDigest},
        ids::{AccountName, DisplayName, LoginId, Principal},
        login::LoginSession,
        oauth_client::EndpointUrl,
        provider::ProviderType,
        refresh::TokenVersion,
        response_memory::ResponseId,
        revocation::{PendingRevocation, RevocationId},
        scope::Scopes,
        sealed::{SealContext, TokenPlace},
        sealed_secret::SealedSecret,
    },
    ports::{OpenError, Random, RandomError, SecretCipher},
};
use secrecy::ExposeSecret;

use super::contract;
use crate::{
    store_contract::samples::{at, login},
    support::fakes::{SeededRandom, name},
};

contract!(system_random: SystemSource, seeded_random: SeededSource; [
    a_sealed_secret_opens_in_its_context,
    a_sealed_secret_does_not_open_in_another_context,
    sealing_twice_returns_different_ciphertexts,
    plaintext_is_neither_stored_nor_opened,
    opening_with_another_key_fails_and_reports_both_key_ids,
    altered_or_truncated_ciphertext_does_not_open,
    sealing_fails_without_entropy,
]);

/// The context of the tests that need only one.
const CONTEXT: SealContext<'static> = SealContext::KeyCheck;
const SECRETS: [&str; 4] = ["", "s", "refresh-token-1", "ünïcödé 🔑 with\nlines"];

trait Fixture {
    fn random() -> Arc<dyn Random>;

    fn cipher(key: u8) -> XChaChaCipher {
        XChaChaCipher::new(&EncryptionKey::from_bytes([key; 32]).into(), Self::random())
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

/// Values that seal contexts are bound to. Each item of a list differs from the first item in one value.
struct Places {
    names: [AccountName; 2],
    versions: [TokenVersion; 3],
    logins: Vec<LoginSession>,
    revocations: Vec<PendingRevocation>,
    tokens: Vec<ApiToken>,
    /// Id, principal and previous response.
    responses: Vec<(ResponseId, Principal, Option<ResponseId>)>,
}

impl Places {
    fn new() -> Self {
        let first = TokenVersion::first_of(LoginId::from_bytes([1; 16]));
        let versions = [first.clone(), first.next(), TokenVersion::first_of(LoginId::from_bytes([2; 16]))];
        let session = login(1, "work", "alice", at(0)).session;
        let mut elsewhere = session.client.clone();
        elsewhere.token_url = EndpointUrl::parse("https://elsewhere.example/token").expect("a URL");
        let logins = vec![
            session.clone(),
            LoginSession { id: LoginId::from_bytes([2; 16]), ..session.clone() },
            LoginSession { name: name("home"), ..session.clone() },
            LoginSession { provider_type: ProviderType::Suno, ..session.clone() },
            LoginSession { principal: Principal::named("bob"), ..session.clone() },
            LoginSession { client: elsewhere.clone(), ..session.clone() },
            LoginSession { replace: true, ..session.clone() },
        ];
        let revocation = PendingRevocation {
            id: RevocationId::from_bytes([1; 16]),
            name: name("work"),
            provider_type: ProviderType::OpenaiCodex,
            login_id: LoginId::from_bytes([1; 16]),
            token: SealedSecret::from_stored(String::new()),
            client: session.client,
            user_id: Some("user-1".into()),
            created_at: at(0),
        };
        let revocations = vec![
            revocation.clone(),
            PendingRevocation { id: RevocationId::from_bytes([2; 16]), ..revocation.clone() },
            PendingRevocation { name: name("home"), ..revocation.clone() },
            PendingRevocation { provider_type: ProviderType::Suno, ..revocation.clone() },
            PendingRevocation { login_id: LoginId::from_bytes([2; 16]), ..revocation.clone() },
            PendingRevocation { client: elsewhere, ..revocation.clone() },
            PendingRevocation { user_id: Some("user-2".into()), ..revocation.clone() },
            PendingRevocation { user_id: None, ..revocation },
        ];
        let label = |text| DisplayName::parse(text).expect("a name");
        let (id, secret) = (ApiTokenId::from_bytes([1; 16]), [1; ENTROPY]);
        let (token, _) =
            ApiToken::issue(id, NewToken::program(label("editor"), Scopes::default(), None), &secret, at(0));
        let tokens = vec![
            token.clone(),
            ApiToken { id: ApiTokenId::from_bytes([2; 16]), ..token.clone() },
            ApiToken { name: label("other"), ..token.clone() },
            ApiToken { grant: Grant::Page, ..token.clone() },
            ApiToken { digest: TokenDigest::of("another"), ..token.clone() },
            ApiToken { created_at: at(1), ..token.clone() },
            ApiToken { parent: Some(token.id.clone()), ..token.clone() },
            ApiToken { ends_at: Some(at(1)), ..token.clone() },
            ApiToken { expires_at: Some(at(1)), ..token },
        ];
        let id = |text| ResponseId::parse(text).expect("an id");
        let (principal, other) = (Principal::named("alice"), Principal::named("bob"));
        let responses = vec![
            (id("a"), principal.clone(), None),
            (id("b"), principal.clone(), None),
            (id("a"), other, None),
            (id("a"), principal, Some(id("b"))),
        ];
        Self { names: [name("work"), name("home")], versions, logins, revocations, tokens, responses }
    }

    /// Returns contexts that are pairwise different.
    fn contexts(&self) -> Vec<SealContext<'_>> {
        let mut contexts = vec![SealContext::KeyCheck];
        for (name, version) in
            self.names.iter().flat_map(|name| self.versions.iter().map(move |version| (name, version)))
        {
            for provider_type in [ProviderType::OpenaiCodex, ProviderType::Suno] {
                let place = TokenPlace { name, provider_type, version };
                contexts.extend([SealContext::AccessToken(place), SealContext::RefreshToken(place)]);
            }
        }
        contexts.extend(self.logins.iter().flat_map(|login| {
            [SealContext::LoginState(login), SealContext::LoginVerifier(login), SealContext::LoginTokens(login)]
        }));
        contexts.extend(self.revocations.iter().map(SealContext::of_revocation));
        contexts.extend(self.tokens.iter().map(SealContext::ApiToken));
        contexts.extend(self.responses.iter().map(|(id, principal, previous)| SealContext::Response {
            id,
            principal,
            previous: previous.as_ref(),
        }));
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

async fn sealing_twice_returns_different_ciphertexts<F: Fixture>() {
    let cipher = F::cipher(1);
    for secret in SECRETS {
        assert_ne!(cipher.seal(&CONTEXT, secret).expect("it seals"), cipher.seal(&CONTEXT, secret).expect("it seals"));
    }
}

async fn plaintext_is_neither_stored_nor_opened<F: Fixture>() {
    let cipher = F::cipher(1);
    let sealed = cipher.seal(&CONTEXT, "refresh-token-1").expect("it seals");
    assert!(!sealed.as_str().contains("refresh-token-1"), "{}", sealed.as_str());
    for plain in SECRETS {
        let refused = cipher.open(&CONTEXT, &SealedSecret::from_stored(plain.to_owned())).map(drop);
        assert_eq!(refused, Err(OpenError::Malformed), "{plain}");
    }
}

async fn opening_with_another_key_fails_and_reports_both_key_ids<F: Fixture>() {
    let (cipher, other) = (F::cipher(1), F::cipher(2));
    let sealed = cipher.seal(&CONTEXT, "refresh-token-1").expect("it seals");
    let expected = OpenError::UnknownKey { sealed_with: cipher.key_id(), configured: other.key_id() };
    assert_eq!(other.open(&CONTEXT, &sealed).map(drop), Err(expected));
}

async fn altered_or_truncated_ciphertext_does_not_open<F: Fixture>() {
    let cipher = F::cipher(1);
    let sealed = cipher.seal(&CONTEXT, "refresh-token-1").expect("it seals").into_string();
    for index in 0..sealed.len() {
        let mut changed = sealed.clone().into_bytes();
        changed[index] = if changed[index] == b'A' { b'B' } else { b'A' };
        let changed = SealedSecret::from_stored(String::from_utf8(changed).expect("text"));
        assert!(cipher.open(&CONTEXT, &changed).is_err(), "{index}: {}", changed.as_str());
    }
    for length in 0..sealed.len() {
        let cut = SealedSecret::from_stored(sealed[..length].to_owned());
        assert!(cipher.open(&CONTEXT, &cut).is_err(), "{length} bytes");
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
    let sealed = F::cipher(1).seal(&CONTEXT, "refresh-token-1").expect("it seals");
    let without = XChaChaCipher::new(&EncryptionKey::from_bytes([1; 32]).into(), Arc::new(Exhausted));
    assert!(without.seal(&CONTEXT, "refresh-token-1").is_err());
    assert_eq!(without.open(&CONTEXT, &sealed).expect("opening needs no entropy").expose_secret(), "refresh-token-1");
}

#[test]
fn a_cipher_loads_added_keys_and_keeps_removed_ones() {
    let ring = |keys: &[u8]| {
        let texts: Vec<_> = keys.iter().map(|key| EncryptionKey::from_bytes([*key; 32]).to_text()).collect();
        KeyRing::of(texts.iter()).expect("keys")
    };
    let source = Arc::new(Mutex::new(vec![1]));
    let reads = Arc::clone(&source);
    let read = move || Some(ring(&reads.lock().expect("no test panics here")));
    let cipher = XChaChaCipher::new(&ring(&[1]), Arc::new(SystemRandom)).with_source(Box::new(read));
    let old = cipher.seal(&CONTEXT, "old").expect("it is sealed");
    assert!(!cipher.reload(), "nothing has changed");
    *source.lock().expect("no test panics here") = vec![1, 3];
    assert!(cipher.reload(), "a second key counts as a change");
    // The source no longer has the old key. The running gateway keeps it.
    *source.lock().expect("no test panics here") = vec![2];
    let other = XChaChaCipher::new(&ring(&[2]), Arc::new(SystemRandom));
    let new = other.seal(&CONTEXT, "new").expect("it is sealed");
    assert_eq!(cipher.open(&CONTEXT, &new).expect("it opens").expose_secret(), "new");
    assert_eq!(cipher.open(&CONTEXT, &old).expect("it opens").expose_secret(), "old");
    assert_eq!((cipher.key_id(), cipher.key_ids().len()), (other.key_id(), 3));
    assert_eq!(cipher.seal(&CONTEXT, "later").expect("it is sealed").key_id(), Some(other.key_id()));
}

//! Test vectors of the sealed format for every place that stores a secret. A change that breaks one makes stored
//! secrets unreadable.
//!
//! The vectors come from an independent implementation: libsodium's XChaCha20-Poly1305, called from Python.

use std::sync::Arc;

use goclaw::{
    adapters::cipher::{EncryptionKey, KeyRing, XChaChaCipher},
    domain::{
        api_token::{ApiToken, ApiTokenId, Grant, TokenDigest},
        ids::{DisplayName, Generation, LoginId, Principal},
        keys::KEY_CHECK,
        login::LoginSession,
        oauth_client::{BodyFormat, EndpointUrl, OAuthClient},
        provider::ProviderType,
        refresh::TokenVersion,
        response_memory::ResponseId,
        revocation::RevocationId,
        sealed::{SealContext, TokenPlace},
        sealed_secret::SealedSecret,
        time::Timestamp,
    },
    ports::{OpenError, Random, RandomError, SecretCipher},
};
use proptest::prelude::*;
use secrecy::{ExposeSecret, SecretString};

use crate::support::fakes::name;

/// The id of the key of [`cipher`].
const KEY_ID: &str = "56da027d67f4f16d";
/// The nonce of [`FixedNonce`] in base64.
const NONCE: &str = "JCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQk";
const LOGIN: &str = "0123456789abcdef0123456789abcdef";

struct FixedNonce;

impl Random for FixedNonce {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomError> {
        bytes.fill(0x24);
        Ok(())
    }
}

/// Returns a cipher with the key `00 01 02 .. 1f`.
fn cipher() -> XChaChaCipher {
    let key = std::array::from_fn(|index| index.try_into().expect("a byte"));
    XChaChaCipher::new(&EncryptionKey::from_bytes(key).into(), Arc::new(FixedNonce))
}

fn client() -> OAuthClient {
    let endpoint = |path| EndpointUrl::parse(&format!("https://issuer.example/{path}")).expect("a URL");
    OAuthClient {
        issuer: "https://issuer.example".into(),
        requires_issuer: false,
        authorize_url: endpoint("a"),
        token_url: endpoint("t"),
        revoke_url: Some(endpoint("r")),
        body_format: BodyFormat::Form,
        client_id: "client".into(),
        scopes: vec!["openid".into()],
        redirect_uri: "http://localhost:1455/auth/callback".into(),
        provider_params: vec![("a".into(), "b".into())],
        originator: None,
        extra_params: vec![],
    }
}

fn login() -> LoginSession {
    LoginSession {
        id: LoginId::from_stored(LOGIN.into()),
        name: name("openai-codex"),
        provider_type: ProviderType::OpenaiCodex,
        display_name: None,
        principal: Principal::named("alice"),
        client: client(),
        replace: false,
        started_at: Timestamp::from_unix_seconds(1),
        expires_at: Timestamp::from_unix_seconds(2),
    }
}

fn api_token(expires_at: Option<i64>) -> ApiToken {
    ApiToken {
        id: ApiTokenId::from_stored("f".repeat(32)),
        name: DisplayName::parse("editor").expect("a name"),
        // Earlier versions stored this form.
        grant: Grant::from_stored("proxy").expect("scopes"),
        digest: TokenDigest::from_stored("digest".into()),
        created_at: Timestamp::from_unix_millis(1_000),
        expires_at: expires_at.map(Timestamp::from_unix_millis),
        parent: None,
        ends_at: None,
        last_used_at: None,
    }
}

#[test]
fn every_context_seals_to_its_test_vector() {
    let (account, login, version) = (name("openai-codex"), login(), version(7));
    let place = TokenPlace { name: &account, provider_type: ProviderType::OpenaiCodex, version: &version };
    let (id, client) = (RevocationId::from_stored("f".repeat(32)), client());
    let revocation = SealContext::Revocation {
        id: &id,
        name: &account,
        provider_type: ProviderType::OpenaiCodex,
        login_id: &version.login_id,
        client: &client,
        user_id: None,
    };
    let (expiring, lasting) = (api_token(Some(2_000)), api_token(None));
    let (response_id, previous, principal) =
        (ResponseId::from_stored("resp_2".into()), ResponseId::from_stored("resp_1".into()), Principal::named("alice"));
    let response = SealContext::Response { id: &response_id, principal: &principal, previous: Some(&previous) };
    for (context, plaintext, body) in [
        (SealContext::AccessToken(place), "access token", "yqY7G-LeTRAbKfeZ-LPPajpvBbRiJujScODMUg"),
        (SealContext::RefreshToken(place), "refresh token", "2aA-DPTeBUQALfmSbZKxhJEVVE0ivZ_c_hs1Qo4"),
        (SealContext::LoginState(&login), "state", "2LE5CvSuD0AwdiYBnyb7wXXeHkot"),
        (SealContext::LoginVerifier(&login), "verifier", "3aAqF_fECBa5DA3L7ZWh1irqt4EWJKJF"),
        (revocation, "queued token", "2rA9C_TJTRAbKfeZyciwhlkTiP0YY6TXEA9W1A"),
        (SealContext::ApiToken(&expiring), "", "nekXbCmfrUn4g57wRVbspw"),
        (SealContext::ApiToken(&lasting), "", "6FmXzC-lYRWMlpT4LiwC3w"),
        (response, "remembered", "2aA1G_zPCBYRJkRh1ry-0C_OUXN2izq0X6Y"),
        (SealContext::KeyCheck, KEY_CHECK, "zKo7EvDaTQ8RO7KUaxHlwdHVIZT8Cdbo9IJ1n1DOtz0qtjOoCCFMRFOz9x6vl3huilNJmF4"),
    ] {
        let sealed = format!("v2:{KEY_ID}:{NONCE}{body}");
        assert_eq!(cipher().seal(&context, plaintext).expect("it seals").as_str(), sealed, "{context:?}");
        let opened = cipher().open(&context, &SealedSecret::from_stored(sealed)).expect("it opens");
        assert_eq!(opened.expose_secret(), plaintext);
    }
}

#[test]
fn v1_secrets_open_only_with_open_first_format() {
    let (account, version) = (name("openai-codex"), version(7));
    let place = TokenPlace { name: &account, provider_type: ProviderType::OpenaiCodex, version: &version };
    for (context, plaintext, body) in [
        (SealContext::AccessToken(place), "access token", "yqY7G-LeTRAbKfeZDotG7Ej_RbnmW_3Vu4ourg"),
        (SealContext::RefreshToken(place), "refresh token", "2aA-DPTeBUQALfmSbYsel6mRszqYOseNS1duXGA"),
    ] {
        let sealed = SealedSecret::from_stored(format!("v1:{KEY_ID}:{NONCE}{body}"));
        let opened = cipher().open_first_format(&context, &sealed).expect("it opens");
        assert_eq!(opened.expose_secret(), plaintext);
        assert_eq!(cipher().open(&context, &sealed).map(drop), Err(OpenError::FirstFormat));
        let current = cipher().seal(&context, plaintext).expect("it seals");
        assert_eq!(cipher().open_first_format(&context, &current).map(drop), Err(OpenError::Malformed));
    }
}

#[test]
fn malformed_texts_do_not_open() {
    for text in
        ["", "plain", "v2:", "v3:a:b", "v2:56da027d67f4f16d:", "v2:56da027d67f4f16d:!!", "v2:56da027d67f4f16d:AAAA"]
    {
        let opened = cipher().open(&SealContext::KeyCheck, &SealedSecret::from_stored(text.to_owned()));
        assert_eq!(opened.map(drop), Err(OpenError::Malformed), "{text}");
    }
}

fn version(generation: u64) -> TokenVersion {
    TokenVersion { login_id: LoginId::from_stored(LOGIN.into()), generation: Generation(generation) }
}

proptest! {
    #[test]
    fn any_flipped_bit_is_detected(text in ".{0,40}", at in any::<prop::sample::Index>(), bit in 0u8..8) {
        use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

        let sealed = cipher().seal(&SealContext::KeyCheck, &text).expect("it seals");
        let opened = cipher().open(&SealContext::KeyCheck, &sealed).expect("it opens");
        prop_assert_eq!(opened.expose_secret(), text.as_str());
        let (head, body) = sealed.as_str().rsplit_once(':').expect("three parts");
        let mut bytes = URL_SAFE_NO_PAD.decode(body).expect("base64url");
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        let changed = SealedSecret::from_stored(format!("{head}:{}", URL_SAFE_NO_PAD.encode(bytes)));
        prop_assert_eq!(cipher().open(&SealContext::KeyCheck, &changed).map(drop), Err(OpenError::Tampered));
    }
}

#[test]
fn a_key_parses_from_hex_and_from_both_base64_alphabets() {
    let key = EncryptionKey::from_bytes([0xfb; 32]);
    let hex = "fb".repeat(32);
    for text in [key.to_text().expose_secret(), &hex, "-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_s"] {
        assert_eq!(EncryptionKey::parse(&SecretString::from(text)).unwrap().id(), key.id(), "{text}");
    }
    // A key has 64 hex digits or 43 characters of base64.
    for text in ["", "short", &"g".repeat(64), &"A".repeat(43 + 4)] {
        assert!(EncryptionKey::parse(&SecretString::from(text)).is_err(), "{text}");
    }
}

#[test]
fn a_key_file_has_one_key_per_line() {
    let keys = [1, 2].map(|byte| EncryptionKey::from_bytes([byte; 32]));
    let [first, second] = &keys;
    let lines = KeyRing::key_file_text(first, &format!("\n  {}\r\n\n", second.to_text().expose_secret()).into());
    let ring = KeyRing::parse(&lines).expect("a key file");
    assert_eq!(ring.first().id(), first.id());
    assert!(ring.keys().map(EncryptionKey::id).eq(keys.iter().map(EncryptionKey::id)));
    for text in ["", "\n \n", "not a key"] {
        assert!(KeyRing::parse(&SecretString::from(text)).is_err(), "{text}");
    }
}

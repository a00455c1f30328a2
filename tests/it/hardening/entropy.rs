//! A test that a thousand logins with system randomness share no state and no verifier, and show no pattern.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use goclaw::{
    adapters::system::SystemRandom,
    app::{AppError, Callback, Ports, StartOptions, StartOutcome},
    domain::{
        ids::{AccountName, Principal},
        login_outcome::LoginOutcome,
        oauth_client::OAuthClient,
        secret::RefreshToken,
        token_response::{CodeGrant, TokenResponse},
    },
    ports::{OAuthEndpoint, TokenEndpointError},
};
use secrecy::ExposeSecret;
use sha2::{Digest, Sha256};
use url::Url;

use crate::support::fakes::{OPENAI, TestGateway, name};

const LOGINS: usize = 1_000;

/// A token endpoint that records verifiers and always fails as unavailable.
#[derive(Default)]
struct VerifierRecorder(Mutex<Vec<String>>);

#[async_trait]
impl OAuthEndpoint for VerifierRecorder {
    async fn exchange_code(
        &self,
        _account: &AccountName,
        _client: &OAuthClient,
        grant: CodeGrant,
    ) -> Result<TokenResponse, TokenEndpointError> {
        self.0.lock().expect("no test panics while it holds the list").push(grant.verifier.expose_secret().to_owned());
        Err(TokenEndpointError::Unavailable { why: "the endpoint only records" })
    }

    async fn refresh(
        &self,
        _account: &AccountName,
        _client: &OAuthClient,
        _token: &RefreshToken,
        _limit: Duration,
    ) -> Result<TokenResponse, TokenEndpointError> {
        Err(TokenEndpointError::Unavailable { why: "the endpoint only records" })
    }

    async fn revoke(
        &self,
        _account: &AccountName,
        _client: &OAuthClient,
        _token: &RefreshToken,
    ) -> Result<(), TokenEndpointError> {
        Err(TokenEndpointError::Unavailable { why: "the endpoint only records" })
    }
}

/// Returns `state`, `code_challenge` and its method; asserts that each occurs exactly once.
fn public_parameters(auth_url: &str) -> [String; 3] {
    let url = Url::parse(auth_url).unwrap();
    ["state", "code_challenge", "code_challenge_method"].map(|wanted| {
        let mut values = url.query_pairs().filter(|(name, _)| name == wanted).map(|(_, value)| value.into_owned());
        let value = values.next().unwrap_or_else(|| panic!("no {wanted}"));
        assert_eq!(values.next(), None, "{wanted} occurs twice");
        value
    })
}

/// Asserts that the values and their halves differ, and that each byte position takes nearly every value. 1,000 draws
/// miss 5 of 256 values on average; 40 missing values practically never occur.
fn assert_unguessable(what: &str, texts: &[String], bytes: usize) {
    assert_eq!(texts.len(), LOGINS);
    assert_eq!(texts.iter().collect::<HashSet<_>>().len(), LOGINS, "a {what} was repeated");
    let decoded: Vec<Vec<u8>> = texts.iter().map(|text| URL_SAFE_NO_PAD.decode(text).unwrap()).collect();
    assert!(decoded.iter().all(|one| one.len() == bytes), "{what}: not {bytes} bytes");
    for place in 0..bytes {
        let values: HashSet<u8> = decoded.iter().map(|one| one[place]).collect();
        assert!(values.len() > 216, "{what}: byte {place} takes only {} values", values.len());
    }
    let halves: HashSet<&[u8]> = decoded.iter().flat_map(|one| [&one[..bytes / 2], &one[bytes / 2..]]).collect();
    assert_eq!(halves.len(), 2 * LOGINS, "a half of a {what} was repeated");
}

#[tokio::test]
async fn a_thousand_logins_share_no_random_value() {
    let recorder = Arc::new(VerifierRecorder::default());
    let ports = |ports| Ports { oauth: recorder.clone(), random: Arc::new(SystemRandom), ..ports };
    let gateway = TestGateway::with_ports(ports).await;
    let app = &gateway.app;
    let (mut states, mut challenges) = (Vec::new(), Vec::new());
    for number in 0..LOGINS {
        // One principal each, because a second start of a principal returns the same login.
        let principal = Principal::named(format!("principal-{number}"));
        let started = app.logins.start(name(OPENAI), principal.clone(), StartOptions::default()).await.unwrap();
        let StartOutcome::Pending(login) = started else { panic!("not started") };
        let [state, challenge, method] = public_parameters(login.auth_url.expose_secret());
        assert_eq!(method, "S256");
        let redirect_url = format!("http://localhost:1455/auth/callback?code=c&state={state}").into();
        let pasted = Callback::Pasted { name: name(OPENAI), redirect_url, principal };
        let ended = app.logins.complete(pasted).await;
        let unavailable = LoginOutcome::ProviderUnavailable;
        assert!(
            matches!(&ended, Err(AppError::LoginFailed(end)) if end.outcome == unavailable),
            "{ended:?}: the verifier was not sent"
        );
        states.push(state);
        challenges.push(challenge);
    }
    let verifiers = recorder.0.lock().unwrap().clone();
    assert_unguessable("state", &states, 32);
    assert_unguessable("verifier", &verifiers, 64);
    assert_unguessable("challenge", &challenges, 32);
    for (verifier, challenge) in verifiers.iter().zip(&challenges) {
        assert!((43..=128).contains(&verifier.len()), "RFC 7636 section 4.1: {}", verifier.len());
        assert_eq!(&URL_SAFE_NO_PAD.encode(Sha256::digest(verifier)), challenge);
    }
    assert!(states.iter().all(|state| !verifiers.contains(state)), "states and verifiers are drawn separately");
}

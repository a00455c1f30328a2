//! Secrets from outside, and the tokens that the gateway issues.

use goclaw::domain::{
    api_token::{ApiToken, ApiTokenId, ENTROPY, Lineage, NewToken, TokenDigest},
    ids::DisplayName,
    scope::Scopes,
    secret::{AccessToken, InvalidSecret, MAX_PASTED_SECRET_BYTES, PkceVerifier, RefreshToken},
    time::Timestamp,
};
use secrecy::ExposeSecret;

#[test]
fn debug_never_shows_the_text() {
    assert_eq!(format!("{:?}", RefreshToken::new("rt_secret")), "RefreshToken([REDACTED])");
    assert!(!format!("{:?}", Some(PkceVerifier::new("verifier"))).contains("verifier\""));
}

#[test]
fn a_pasted_secret_is_trimmed_and_must_fit_a_header() {
    let paste = |text: &str| AccessToken::from_pasted(&text.into());
    assert_eq!(paste(" sk-1\n").unwrap().expose_secret(), "sk-1");
    assert_eq!(paste(" \n").unwrap_err(), InvalidSecret::Empty);
    assert_eq!(paste("a b").unwrap_err(), InvalidSecret::NotHeaderSafe);
    assert_eq!(paste("a\r\nX: y").unwrap_err(), InvalidSecret::NotHeaderSafe);
    assert_eq!(paste(&"k".repeat(MAX_PASTED_SECRET_BYTES + 1)).unwrap_err(), InvalidSecret::TooLong);
}

#[test]
fn a_stored_token_has_the_digest_and_not_the_secret() {
    let (id, name) = (ApiTokenId::from_bytes([1; 16]), DisplayName::parse("editor").unwrap());
    let new = NewToken::program(name, Scopes::default(), None);
    let (token, secret) = ApiToken::issue(id, new, &[7; ENTROPY], Timestamp::from_unix_seconds(1));
    assert_eq!(token.digest, TokenDigest::of(secret.expose_secret()));
    let text = secret.expose_secret();
    assert!(text.starts_with("goclaw_") && text.len() == "goclaw_".len() + 43, "{}", text.len());
    assert!(!format!("{token:?} {secret:?}").contains(text));
    assert!(token.is_good(Timestamp::from_unix_seconds(i64::MAX / 1_000)));
}

#[test]
fn a_session_in_use_lasts_at_most_twelve_hours() {
    let (id, name) = (ApiTokenId::from_bytes([1; 16]), DisplayName::parse("page").unwrap());
    let at = |minutes: i64| Timestamp::from_unix_seconds(minutes * 60);
    let new = NewToken::session(name.clone(), Lineage::default());
    let (mut session, _) = ApiToken::issue(id.clone(), new, &[7; ENTROPY], at(0));
    assert!(session.is_good(at(29)) && !session.is_good(at(30)));
    for minutes in (0..720).step_by(20) {
        assert!(session.is_good(at(minutes)));
        session = session.refreshed(at(minutes));
    }
    assert_eq!(session.expires_at, Some(at(720)));
    let (link, _) = ApiToken::issue(id, NewToken::link(name, Lineage::default()), &[7; ENTROPY], at(0));
    assert!(link.is_good(at(9)) && !link.is_good(at(10)));
}

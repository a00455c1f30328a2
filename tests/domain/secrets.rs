//! Tests of pasted secrets, and of the tokens that the gateway issues.

use goclaw::domain::{
    api_token::{ApiToken, ApiTokenId, ENTROPY, Grant, Lineage, NewToken, TokenDigest},
    ids::DisplayName,
    scope::Scopes,
    secret::{AccessToken, InvalidSecret, MAX_PASTED_SECRET_BYTES, PkceVerifier, RefreshToken},
    time::Timestamp,
};
use secrecy::ExposeSecret;

#[test]
fn debug_output_never_shows_a_secret() {
    assert_eq!(format!("{:?}", RefreshToken::new("rt_secret")), "RefreshToken([REDACTED])");
    assert_eq!(format!("{:?}", Some(PkceVerifier::new("canary"))), "Some(PkceVerifier([REDACTED]))");
}

#[test]
fn a_pasted_secret_is_trimmed_and_must_fit_a_header() {
    let paste = |text: &str| AccessToken::from_pasted(&text.into());
    for text in [
        " sk-1\n",
        "\"sk-1\"",
        "'sk-1';",
        "Bearer sk-1",
        "Authorization: Bearer sk-1",
        "authorization:bearer  sk-1",
        "\"authorization\": \"Bearer sk-1\",",
        "__session=sk-1",
        "__session=\"sk-1\";",
        "\u{201c}Bearer sk-1\u{201d}",
        "\u{feff}<sk-1>\u{200b}",
    ] {
        assert_eq!(paste(text).unwrap().expose_secret(), "sk-1", "{text}");
    }
    // A text without anything else is kept.
    for text in ["\"", "__session=", "Bearer", ";,"] {
        assert_eq!(paste(text).unwrap().expose_secret(), text);
    }
    assert_eq!(paste("__session=a; b=c").unwrap_err(), InvalidSecret::NotHeaderSafe);
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
    assert!(token.is_unexpired(Timestamp::from_unix_seconds(i64::MAX / 1_000)));
}

#[test]
fn a_session_in_use_ends_after_twelve_hours_and_a_link_after_ten_minutes() {
    let (id, name) = (ApiTokenId::from_bytes([1; 16]), DisplayName::parse("page").unwrap());
    let at = |minutes: i64| Timestamp::from_unix_seconds(minutes * 60);
    let new = NewToken::session(name.clone(), Lineage::default());
    let (mut session, _) = ApiToken::issue(id.clone(), new, &[7; ENTROPY], at(0));
    assert!(session.is_unexpired(at(29)) && !session.is_unexpired(at(30)));
    for minutes in (0..720).step_by(20) {
        assert!(session.is_unexpired(at(minutes)));
        session = session.extended(at(minutes));
    }
    assert_eq!(session.expires_at, Some(at(720)));
    let (link, _) = ApiToken::issue(id, NewToken::link(name, Lineage::default()), &[7; ENTROPY], at(0));
    assert!(link.is_unexpired(at(9)) && !link.is_unexpired(at(10)));
}

#[test]
fn grants_are_stored_as_distinct_words() {
    let name = || DisplayName::parse("editor").unwrap();
    let program = NewToken::program(name(), Scopes::parse("models proxy:suno").unwrap(), None).grant;
    let (page, link) =
        (NewToken::session(name(), Lineage::default()).grant, NewToken::link(name(), Lineage::default()).grant);
    for (grant, stored, is_page_token) in
        [(program, "models proxy:suno", false), (page, "page", true), (link, "link", true)]
    {
        assert_eq!(
            (grant.as_stored(), grant.is_page_token(), grant.to_string().as_str()),
            (stored, is_page_token, stored)
        );
        assert_eq!(Grant::from_stored(stored), Some(grant));
    }
    assert_eq!(Grant::from_stored("nonsense"), None);
}

#[test]
fn a_use_is_recorded_again_after_an_hour() {
    let at = |minutes: i64| Timestamp::from_unix_seconds(minutes * 60);
    let new = NewToken::program(DisplayName::parse("editor").unwrap(), Scopes::default(), None);
    let (token, _) = ApiToken::issue(ApiTokenId::from_bytes([1; 16]), new, &[7; ENTROPY], at(0));
    assert!(token.should_record_use(at(0)));
    let used = ApiToken { last_used_at: Some(at(0)), ..token };
    assert!(!used.should_record_use(at(59)) && used.should_record_use(at(60)));
}

#[test]
fn links_and_sessions_that_a_session_opens_inherit_its_end() {
    let at = |minutes: i64| Timestamp::from_unix_seconds(minutes * 60);
    let label = || DisplayName::parse("page").unwrap();
    let issue =
        |number: u8, new| ApiToken::issue(ApiTokenId::from_bytes([number; 16]), new, &[number; ENTROPY], at(0)).0;
    let session = issue(1, NewToken::session(label(), Lineage::default()));
    let link = issue(2, NewToken::link(label(), session.lineage()));
    let opened = issue(3, NewToken::session(label(), link.lineage()));
    for token in [&link, &opened] {
        assert_eq!((token.parent.as_ref(), token.ends_at), (Some(&session.id), Some(session.session_ends_at())));
    }
    assert_eq!(session.session_ends_at(), at(12 * 60));
}

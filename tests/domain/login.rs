//! Tests of the login's state machine.

use goclaw::domain::{
    authorization_response::AuthorizationResponse,
    ids::{AccountName, LoginId, Principal},
    login::{CallbackRejection, LoginSession, PendingLogin, Received},
    login_outcome::{LoginDetail, LoginEnd, LoginOutcome, LoginProgress},
    oauth_client::{BodyFormat, EndpointUrl, OAuthClient},
    provider::ProviderType,
    secret::{OAuthState, PkceVerifier},
    time::Timestamp,
};
use secrecy::ExposeSecret;

const NOW: Timestamp = Timestamp::from_unix_seconds(1_000);
const EXPIRES_AT: Timestamp = Timestamp::from_unix_seconds(1_360);

fn pending() -> PendingLogin {
    let endpoint = || EndpointUrl::parse("https://issuer.example/x").unwrap();
    PendingLogin {
        session: LoginSession {
            id: LoginId::from_bytes([1; 16]),
            name: AccountName::parse("openai-codex").unwrap(),
            provider_type: ProviderType::OpenaiCodex,
            display_name: None,
            principal: Principal::gateway_token(),
            client: OAuthClient {
                issuer: "https://issuer.example".into(),
                requires_issuer: false,
                authorize_url: endpoint(),
                token_url: endpoint(),
                revoke_url: None,
                body_format: BodyFormat::Form,
                client_id: "client".into(),
                scopes: vec![],
                redirect_uri: "http://localhost:1455/auth/callback".into(),
                provider_params: vec![],
                originator: None,
                extra_params: vec![],
            },
            replace: false,
            started_at: NOW,
            expires_at: EXPIRES_AT,
        },
        state: OAuthState::new("the-state"),
        verifier: PkceVerifier::new("the-verifier"),
    }
}

fn receive(query: &str, now: Timestamp) -> Received {
    pending().receive(AuthorizationResponse::from_query(query).unwrap(), now)
}

#[test]
fn an_approved_callback_yields_the_code_and_the_verifier() {
    let Received::Exchange(login, grant) = receive("state=the-state&code=c", NOW) else { panic!("not exchanged") };
    assert_eq!(login.session.id, LoginId::from_bytes([1; 16]));
    assert_eq!((grant.code.expose_secret(), grant.verifier.expose_secret()), ("c", "the-verifier"));
}

#[test]
fn a_callback_with_a_wrong_state_is_rejected() {
    for query in ["state=other&code=c", "state=other&error=access_denied", "state=the-stat&code=c"] {
        let received = receive(query, EXPIRES_AT);
        assert!(matches!(received, Received::Rejected(_, CallbackRejection::InvalidState)), "{query}");
    }
}

#[test]
fn a_callback_ends_the_login_or_is_rejected() {
    let end_of = |query: &str, now| match receive(query, now) {
        Received::Ended(outcome, _) => Ok(outcome),
        Received::Rejected(login, rejection) => {
            assert_eq!(login.session.id, pending().session.id);
            Err(rejection)
        }
        Received::Exchange(..) => panic!("exchanged"),
    };
    assert_eq!(end_of("state=the-state&error=access_denied", NOW), Ok(LoginOutcome::Denied));
    assert_eq!(end_of("state=the-state&error=temporarily_unavailable", NOW), Ok(LoginOutcome::ProviderError));
    assert_eq!(end_of("state=the-state&code=c", EXPIRES_AT), Ok(LoginOutcome::Expired));
    assert_eq!(end_of("state=the-state", NOW), Err(CallbackRejection::NoCode));
    assert_eq!(end_of("state=the-state&code=c&iss=evil", NOW), Err(CallbackRejection::WrongIssuer));
}

#[test]
fn a_wrong_or_missing_required_issuer_is_rejected() {
    for (requires_issuer, query, is_accepted) in [
        (false, "state=the-state&code=c", true),
        (false, "state=the-state&code=c&iss=https%3A%2F%2Fissuer.example", true),
        (false, "state=the-state&code=c&iss=https%3A%2F%2Fissuer.example%2F", false),
        (true, "state=the-state&code=c", false),
        (true, "state=the-state&error=access_denied", false),
        (true, "state=the-state&code=c&iss=https%3A%2F%2Fissuer.example", true),
    ] {
        let mut login = pending();
        login.session.client.requires_issuer = requires_issuer;
        let received = login.receive(AuthorizationResponse::from_query(query).unwrap(), NOW);
        let is_refused = matches!(received, Received::Rejected(_, CallbackRejection::WrongIssuer));
        assert_eq!(!is_refused, is_accepted, "{requires_issuer} {query}");
    }
}

#[test]
fn every_login_progress_parses_back() {
    let ends = LoginOutcome::ALL.iter().copied().filter(|outcome| *outcome != LoginOutcome::ConfirmationNeeded);
    let ended = ends.map(LoginProgress::Ended);
    let under_way = [LoginProgress::Pending, LoginProgress::Exchanging, LoginProgress::Unconfirmed];
    for progress in under_way.into_iter().chain(ended) {
        assert_eq!(LoginProgress::parse(progress.as_str()), Some(progress));
    }
    assert_eq!(LoginProgress::parse("lost"), None);
}

#[test]
fn a_detail_is_one_visible_line_of_at_most_300_characters() {
    let cleaned = |text: &str| LoginDetail::new(text).map(|detail| detail.as_str().to_owned());
    assert_eq!(cleaned("a\u{1b}[31m\u{202e}b\u{2066}\u{61c}\0\r\nc\u{2028}d").as_deref(), Some("a[31mb  c d"));
    assert_eq!(cleaned(" <img src=x> ").as_deref(), Some("<img src=x>"));
    assert_eq!(cleaned(&"\u{e9}".repeat(8_000)), Some("\u{e9}".repeat(300)));
    for empty in ["", " \n ", "\u{200f}"] {
        assert_eq!(cleaned(empty), None);
    }
}

#[test]
fn a_failure_reason_quotes_the_detail_and_names_the_setting_to_change() {
    let name = AccountName::parse("work").unwrap();
    let reason = |outcome, detail| LoginEnd::explained(outcome, LoginDetail::new(detail).as_ref(), &name).reason;
    let scopes = reason(LoginOutcome::ProviderError, "invalid_scope: not x");
    assert!(scopes.contains("(invalid_scope: not x)") && scopes.contains("providers.work.scopes"), "{scopes}");
    for &outcome in LoginOutcome::ALL {
        assert_eq!(reason(outcome, ""), outcome.sentence());
        assert!(reason(outcome, "server_error: no").contains("(server_error: no)"), "{outcome:?}");
    }
}

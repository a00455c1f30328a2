//! The authorization response, as a callback and as a pasted address.

use goclaw::domain::authorization_response::{
    AuthorizationResponse, AuthorizationResult, InvalidRedirect, MAX_REDIRECT_BYTES, PastedRedirect, WrongPart,
};
use secrecy::ExposeSecret;

const REDIRECT_URI: &str = "http://localhost:1455/auth/callback";

#[test]
fn a_callback_is_parsed_and_its_extra_parameters_are_ignored() {
    let response = AuthorizationResponse::from_query("code=ac_1.2&scope=openid+profile&state=st").unwrap();
    assert_eq!(response.state.expose_secret(), "st");
    assert!(matches!(response.result, AuthorizationResult::Approved(code) if code.expose_secret() == "ac_1.2"));
}

#[test]
fn errors_and_codes_become_results() {
    let result = |query: &str| AuthorizationResponse::from_query(query).unwrap().result;
    assert!(matches!(result("state=s&error=access_denied&code=x"), AuthorizationResult::Denied));
    assert!(matches!(result("state=s&error=server_error"), AuthorizationResult::Failed));
    assert!(matches!(
        result("state=s&error=access_denied&error_description=Missing_Codex_Entitlement+x"),
        AuthorizationResult::MissingEntitlement
    ));
    assert!(matches!(result("state=s&code="), AuthorizationResult::Empty));
}

#[test]
fn repeated_and_missing_parameters_are_refused() {
    let error = |query: &str| AuthorizationResponse::from_query(query).unwrap_err();
    assert_eq!(error("state=s&code=a&code=b"), InvalidRedirect::Repeated("code"));
    assert_eq!(error("state=s&state=s&code=a"), InvalidRedirect::Repeated("state"));
    assert_eq!(error("state=s&code=a&%63ode=b"), InvalidRedirect::Repeated("code"));
    assert_eq!(error("code=a"), InvalidRedirect::NoState);
    assert_eq!(error(&"x".repeat(MAX_REDIRECT_BYTES + 1)), InvalidRedirect::TooLong);
}

#[test]
fn a_pasted_address_must_equal_the_redirect_uri_exactly() {
    let arrived = |text: &str| PastedRedirect::parse(&text.into()).unwrap().0.check_redirect_uri(REDIRECT_URI);
    assert_eq!(arrived(" http://localhost:1455/auth/callback?code=c&state=s\n"), Ok(()));
    for (text, part) in [
        ("https://localhost:1455/auth/callback?state=s", WrongPart::Scheme),
        ("http://localhost:1455@evil.example/auth/callback?state=s", WrongPart::UserInfo),
        ("http://user@localhost:1455/auth/callback?state=s", WrongPart::UserInfo),
        ("http://evil.example:1455/auth/callback?state=s", WrongPart::Host),
        ("http://127.0.0.1:1455/auth/callback?state=s", WrongPart::Host),
        ("http://localhost:1456/auth/callback?state=s", WrongPart::Port),
        ("http://localhost:1455/auth/callback/?state=s", WrongPart::Path),
        ("http://localhost:1455/auth%2fcallback?state=s", WrongPart::Path),
        ("http://localhost:1455//auth/callback?state=s", WrongPart::Path),
        ("http://localhost:1455\\auth\\callback?state=s", WrongPart::Spelling),
        ("http://LOCALHOST:1455/auth/callback?state=s", WrongPart::Spelling),
        ("http://localhost:1455/auth/./callback?state=s", WrongPart::Spelling),
        ("http://localhost:1455/auth/callback?state=s#x", WrongPart::Fragment),
    ] {
        assert_eq!(arrived(text), Err(part), "{text}");
    }
}

#[test]
fn a_text_that_is_not_an_address_is_refused() {
    for text in
        ["", "ac_code", "http://", "localhost:1455", "http://localhost:1455/auth/callback", "http://a b?state=s"]
    {
        let error = PastedRedirect::parse(&text.into()).unwrap_err();
        assert_eq!(error, InvalidRedirect::NotAUrl, "{text}");
    }
}

//! Tests the authorization endpoint: refusals, the approval page and the redirect.

use std::time::Duration;

use goclaw_simulator::{Approval, CallbackFault, RedirectPorts};
use reqwest::header::LOCATION;

use crate::client::{Answer, Fixture, STATE, callback};

#[tokio::test]
async fn approval_sends_code_scope_and_the_unchanged_state() {
    let fixture = Fixture::new().await;
    let response = fixture.authorize(&[]).await;
    assert_eq!(response.status(), 303);
    assert!(response.headers()[LOCATION].to_str().unwrap().contains("scope=openid+profile+email+offline_access"));
    let callback = callback(&response);
    assert_eq!(callback["state"], STATE);
    assert!(callback["code"].starts_with("ac_CANARY"));
}

#[tokio::test]
async fn untrusted_requests_get_a_page_and_no_redirect() {
    let fixture = Fixture::with(|settings| settings.redirect_ports = RedirectPorts::Only(vec![1455])).await;
    let hostile = [
        ("client_id", "app_somebody_else"),
        ("redirect_uri", ""),
        ("redirect_uri", "https://evil.example/auth/callback"),
        ("redirect_uri", "http://localhost:1455@evil.example/auth/callback"),
        ("redirect_uri", "http://localhost:1455.evil.example/auth/callback"),
        ("redirect_uri", "http://localhost:1456/auth/callback"),
        ("redirect_uri", "http://localhost:1455/auth/callback/../../evil"),
    ];
    for replaced in hostile {
        let response = fixture.authorize(&[replaced]).await;
        assert_eq!(response.status(), 400, "{replaced:?}");
        assert!(response.headers().get(LOCATION).is_none(), "{replaced:?}");
        assert!(response.text().await.unwrap().contains("<!doctype html>"));
    }
    assert!(fixture.simulator.issued_secrets().is_empty());
}

#[tokio::test]
async fn a_repeated_redirect_uri_gets_no_redirect() {
    let fixture = Fixture::new().await;
    let mut url = fixture.authorize_url(&[]);
    url.query_pairs_mut().append_pair("redirect_uri", "https://evil.example/");
    let response = fixture.http.get(url).send().await.unwrap();
    assert_eq!(response.status(), 400);
    assert!(response.headers().get(LOCATION).is_none());
}

#[tokio::test]
async fn invalid_requests_of_a_known_client_are_refused_by_redirect() {
    let fixture = Fixture::new().await;
    for (replaced, error) in [
        (("code_challenge_method", "plain"), "invalid_request"),
        (("code_challenge_method", ""), "invalid_request"),
        (("code_challenge", "too-short"), "invalid_request"),
        (("state", ""), "invalid_request"),
        (("scope", "openid profile"), "invalid_scope"),
        (("scope", "offline_access"), "invalid_scope"),
        (("response_type", "token"), "unsupported_response_type"),
    ] {
        let callback = callback(&fixture.authorize(&[replaced]).await);
        assert_eq!(callback["error"], error, "{replaced:?}");
        assert!(!callback.contains_key("code"), "{replaced:?}");
    }
}

#[tokio::test]
async fn the_page_names_client_scopes_and_account_and_decides_once() {
    let fixture = Fixture::with(|settings| settings.approval = Approval::Ask).await;
    let response = fixture.authorize(&[("scope", "openid offline_access <script>")]).await;
    assert_eq!(response.status(), 200);
    let page = response.text().await.unwrap();
    for shown in ["Codex", "offline_access", "person1@example.com", "id=\"approve\"", "id=\"deny\"", "&lt;script&gt;"] {
        assert!(page.contains(shown), "{shown} is not on {page}");
    }
    assert!(!page.contains("<script"));
    assert!(fixture.simulator.issued_secrets().is_empty(), "the page was shown and nothing was issued");

    let action = format!("{}{}", fixture.simulator.issuer(), between(&page, "action=\"", "\""));
    let form = [("request", between(&page, "name=\"request\" value=\"", "\"")), ("decision", "approve")];
    let response = fixture.http.post(&action).form(&form).send().await.unwrap();
    let code = callback(&response)["code"].clone();
    assert_eq!(fixture.exchange(&code).await.status, 200);

    let again = fixture.http.post(&action).form(&form).send().await.unwrap();
    assert_eq!(again.status(), 400);
}

#[tokio::test]
async fn denying_on_the_page_issues_nothing() {
    let fixture = Fixture::with(|settings| settings.approval = Approval::Ask).await;
    let page = fixture.authorize(&[]).await.text().await.unwrap();
    let action = format!("{}{}", fixture.simulator.issuer(), between(&page, "action=\"", "\""));
    let form = [("request", between(&page, "name=\"request\" value=\"", "\"")), ("decision", "deny")];
    let callback = callback(&fixture.http.post(&action).form(&form).send().await.unwrap());
    assert_eq!((callback["error"].as_str(), callback["state"].as_str()), ("access_denied", STATE));
    assert!(fixture.simulator.issued_secrets().is_empty());
}

#[tokio::test]
async fn other_approval_modes_refuse() {
    let fixture = Fixture::new().await;
    fixture.simulator.set_approval(Approval::MissingEntitlement);
    let entitlement = callback(&fixture.authorize(&[]).await);
    assert_eq!(entitlement["error"], "access_denied");
    assert!(entitlement["error_description"].contains("missing_codex_entitlement"));

    fixture.simulator.set_approval(Approval::ErrorParam { error: "temporarily_unavailable".to_owned() });
    assert_eq!(callback(&fixture.authorize(&[]).await)["error"], "temporarily_unavailable");

    fixture.simulator.set_approval(Approval::InvalidSession);
    let session = Answer::of(fixture.authorize(&[]).await).await;
    assert_eq!(session.status, 400);
    assert!(session.text.contains("Invalid Session"));

    fixture.simulator.set_approval(Approval::NeverAnswer);
    let never = fixture.http.get(fixture.authorize_url(&[])).timeout(Duration::from_millis(300)).send().await;
    assert!(never.unwrap_err().is_timeout());
}

#[tokio::test]
async fn callback_faults_apply() {
    let fixture = Fixture::new().await;
    let issuer = fixture.simulator.issuer().to_owned();
    // `STATE` contains the word "unchanged".
    for (fault, check) in [
        (CallbackFault::WrongState, Box::new(|query: &str| !query.contains("unchanged")) as Box<dyn Fn(&str) -> bool>),
        (CallbackFault::MissingCode, Box::new(|query: &str| !query.contains("code="))),
        (CallbackFault::ExtraParams, Box::new(|query: &str| query.contains("session_state="))),
        (CallbackFault::RepeatedCode, Box::new(|query: &str| query.matches("code=").count() == 2)),
        (CallbackFault::IssuerAdded, Box::new(move |query: &str| query.contains(&format!("iss={}", encoded(&issuer))))),
        (CallbackFault::WrongIssuer, Box::new(|query: &str| query.contains("iss=https%3A%2F%2Fissuer.example"))),
    ] {
        fixture.simulator.update_settings(|settings| settings.callback = fault);
        let response = fixture.authorize(&[]).await;
        let location = response.headers()[LOCATION].to_str().unwrap();
        assert!(check(location), "{fault:?}: {location}");
    }
}

fn encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

fn between<'a>(text: &'a str, start: &str, end: &str) -> &'a str {
    text.split_once(start).unwrap().1.split_once(end).unwrap().0
}

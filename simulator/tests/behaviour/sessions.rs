//! Tests browser sessions: the cookie refreshes a short-lived token, and the music API accepts only the token.

use goclaw_simulator::{CookieRotation, Endpoint, Fault, FaultOrder, SignedInBrowser, Site, TokenStatus};
use reqwest::header::{AUTHORIZATION, COOKIE};
use serde_json::json;

use crate::client::{Answer, Fixture, jwt_part};

impl Fixture {
    fn browser(&self) -> SignedInBrowser {
        self.simulator.sign_in_browser(0).unwrap()
    }

    async fn refresh_session(&self, session_id: &str, cookies: &str) -> Answer {
        let url = format!("{}/v1/client/sessions/{session_id}/tokens", self.simulator.sessions_url());
        let request = self.http.post(url);
        let request = if cookies.is_empty() { request } else { request.header(COOKIE, cookies) };
        Answer::of(request.send().await.unwrap()).await
    }

    async fn client(&self, cookies: &str) -> Answer {
        let url = format!("{}/v1/client", self.simulator.sessions_url());
        Answer::of(self.http.get(url).header(COOKIE, cookies).send().await.unwrap()).await
    }

    async fn billing(&self, authorization: &str) -> Answer {
        let url = format!("{}/billing/info/", self.simulator.studio_url());
        Answer::of(self.http.get(url).header(AUTHORIZATION, authorization).send().await.unwrap()).await
    }
}

fn session_refusal(answer: &Answer) -> (u16, String) {
    (answer.status, answer.json()["errors"][0]["code"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn the_cookie_refreshes_and_the_music_api_accepts_the_token() {
    let fixture = Fixture::new().await;
    let browser = fixture.browser();
    assert_eq!(fixture.billing(&format!("Bearer {}", browser.session_token)).await.status, 200);

    let cookies = format!("other=1; __client={}; __client_uat=2", browser.client_cookie);
    let refreshed = fixture.refresh_session(&browser.session_id, &cookies).await;
    assert_eq!(refreshed.status, 200, "{}", refreshed.text);
    let jwt = refreshed.json()["jwt"].as_str().unwrap().to_owned();
    assert_ne!(jwt, browser.session_token);
    let claims = jwt_part(&jwt, 1);
    assert_eq!(
        (&claims["iss"], &claims["sid"]),
        (&json!(fixture.simulator.sessions_url()), &json!(browser.session_id))
    );
    assert_eq!(claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap(), 3600);

    let billing = fixture.billing(&format!("bearer {jwt}")).await;
    assert_eq!((billing.status, &billing.json()["user_id"]), (200, &json!("user-simulated-1")));
    let ledger = &fixture.simulator.browsers()[0];
    assert_eq!((ledger.refreshes, ledger.revoked, ledger.user_id.as_str()), (1, false, "user-simulated-1"));
}

#[tokio::test]
async fn the_session_list_contains_the_cookies_session() {
    let fixture = Fixture::new().await;
    let (browser, _other) = (fixture.browser(), fixture.simulator.sign_in_browser(1).unwrap());
    let listed = fixture.client(&format!("__client={}", browser.client_cookie)).await.json();
    assert_eq!(listed["response"]["last_active_session_id"], json!(browser.session_id));
    assert_eq!(listed["response"]["sessions"].as_array().unwrap().len(), 1);
    let user = &listed["response"]["sessions"][0]["user"];
    assert_eq!(user["email_addresses"][0]["email_address"], "person1@example.com");
    let stranger = fixture.client("__client=client_unknown").await;
    assert_eq!(session_refusal(&stranger), (401, "authentication_invalid".to_owned()));
    assert_eq!(fixture.client("other=1").await.json()["response"], json!(null), "a browser that is not signed in");
    assert!(fixture.simulator.sign_in_browser(2).is_none(), "there is no third account");
}

#[tokio::test]
async fn a_refresh_requires_the_right_cookie() {
    let fixture = Fixture::new().await;
    let (browser, other) = (fixture.browser(), fixture.browser());
    let unauthenticated = (401, "authentication_invalid".to_owned());
    for cookies in ["", "__client=", "__client=client_unknown", "__session=x", &browser.client_cookie] {
        let refused = fixture.refresh_session(&browser.session_id, cookies).await;
        assert_eq!(session_refusal(&refused), unauthenticated, "{cookies}");
    }
    // A session token is not a cookie.
    let refused = fixture.refresh_session(&browser.session_id, &format!("__client={}", browser.session_token)).await;
    assert_eq!(session_refusal(&refused), unauthenticated);
    // A cookie does not open another browser's session.
    let refused = fixture.refresh_session(&browser.session_id, &format!("__client={}", other.client_cookie)).await;
    assert_eq!(session_refusal(&refused), (404, "resource_not_found".to_owned()));
    assert!(fixture.simulator.browsers().iter().all(|browser| browser.refreshes == 0));
}

#[tokio::test]
async fn a_revoked_cookie_refreshes_nothing_and_its_token_stays_valid() {
    let fixture = Fixture::new().await;
    let (browser, bystander) = (fixture.browser(), fixture.browser());
    assert!(fixture.simulator.revoke_browser(&browser.session_id));
    assert!(!fixture.simulator.revoke_browser("session_unknown"));
    let refused = fixture.refresh_session(&browser.session_id, &format!("__client={}", browser.client_cookie)).await;
    assert_eq!(session_refusal(&refused), (401, "authentication_invalid".to_owned()));
    assert_eq!(fixture.client(&format!("__client={}", browser.client_cookie)).await.json()["response"], json!(null));
    let revoked: Vec<_> = fixture.simulator.browsers().iter().map(|browser| browser.revoked).collect();
    assert_eq!(revoked, [true, false]);
    let refreshed =
        fixture.refresh_session(&bystander.session_id, &format!("__client={}", bystander.client_cookie)).await;
    assert_eq!(refreshed.status, 200, "another browser is not touched");

    let bearer = format!("Bearer {}", browser.session_token);
    assert_eq!(fixture.billing(&bearer).await.status, 200);
    fixture.simulator.update_settings(|settings| settings.clock_offset_seconds = 3601);
    assert_eq!(fixture.billing(&bearer).await.status, 401);
}

#[tokio::test]
async fn the_music_api_refuses_invalid_tokens_and_the_journal_has_the_reason() {
    let fixture = Fixture::with(|settings| settings.session_lifetime = std::time::Duration::from_secs(60)).await;
    let browser = fixture.browser();
    let access_token = fixture.sign_in().await.access;
    fixture.billing(&format!("Bearer {}", browser.session_token)).await;
    // A token for another audience has the same signer, but is still refused.
    fixture.billing(&format!("Bearer {access_token}")).await;
    fixture.billing("Basic dXNlcjpwYXNz").await;
    let (signed, _) = browser.session_token.rsplit_once('.').unwrap();
    fixture.billing(&format!("Bearer {signed}.AAAA")).await;
    fixture.simulator.update_settings(|settings| settings.clock_offset_seconds = 61);
    fixture.billing(&format!("Bearer {}", browser.session_token)).await;
    let journal = fixture.simulator.journal();
    let seen: Vec<_> = journal
        .iter()
        .filter(|entry| entry.site == Site::Studio)
        .map(|entry| (entry.status.unwrap(), entry.token_status, entry.outcome.as_str()))
        .collect();
    assert_eq!(
        seen,
        [
            (200, Some(TokenStatus::Live), "200"),
            (401, Some(TokenStatus::Unknown), "unknown_token"),
            (401, None, "no_bearer"),
            (401, Some(TokenStatus::Unknown), "unknown_token"),
            (401, Some(TokenStatus::Expired), "token_expired"),
        ]
    );
}

#[tokio::test]
async fn browsers_are_controlled_over_http_and_faults_apply() {
    let fixture = Fixture::new().await;
    let signed_in = fixture.post_control("/browsers", json!({"account": 1})).await;
    let browser: SignedInBrowser = serde_json::from_value(signed_in.json()).unwrap();
    assert_eq!(fixture.post_control("/browsers", json!({"account": 2})).await.status, 404);
    let cookies = format!("__client={}", browser.client_cookie);

    fixture.simulator.queue_fault(FaultOrder::once(Endpoint::SessionTokens, Fault::session_refused()));
    assert_eq!(fixture.client(&cookies).await.status, 200, "another endpoint");
    assert_eq!(fixture.refresh_session(&browser.session_id, &cookies).await.status, 401);
    assert_eq!(fixture.refresh_session(&browser.session_id, &cookies).await.status, 200);
    fixture.simulator.queue_fault(FaultOrder::once(Endpoint::Studio, Fault::service_unavailable(None)));
    assert_eq!(fixture.billing(&format!("Bearer {}", browser.session_token)).await.status, 503);

    let session = json!({"session_id": browser.session_id});
    assert_eq!(fixture.post_control("/browsers/revoke", session).await.status, 200);
    assert_eq!(fixture.post_control("/browsers/revoke", json!({"session_id": "session_unknown"})).await.status, 404);
    assert_eq!(fixture.get_control("/browsers").await[0]["revoked"], true);
    let text = fixture.get_control("/journal").await.to_string() + &fixture.get_control("/browsers").await.to_string();
    assert!(fixture.simulator.issued_secrets().contains(&browser.client_cookie));
    assert!(fixture.simulator.issued_secrets().iter().all(|secret| !text.contains(secret)));
}

/// Returns the cookie that a response sets.
fn new_cookie(answer: &Answer) -> Option<String> {
    let set = answer.headers.get("set-cookie")?.to_str().ok()?.split(';').next()?.split_once('=')?;
    (set.0 == "__client").then(|| set.1.to_owned())
}

#[tokio::test]
async fn a_replaced_cookie_is_refused_everywhere() {
    let fixture = Fixture::new().await;
    let browser = fixture.browser();
    let old = format!("__client={}", browser.client_cookie);
    assert!(fixture.simulator.set_cookie_rotation(&browser.session_id, CookieRotation::Once));
    assert!(!fixture.simulator.set_cookie_rotation("session_unknown", CookieRotation::Once));
    let rotated = fixture.refresh_session(&browser.session_id, &old).await;
    let new = format!("__client={}", new_cookie(&rotated).expect("a new cookie"));
    assert_eq!(rotated.status, 200);
    for refused in [fixture.refresh_session(&browser.session_id, &old).await, fixture.client(&old).await] {
        assert_eq!(session_refusal(&refused), (401, "authentication_invalid".to_owned()));
    }
    let again = fixture.refresh_session(&browser.session_id, &new).await;
    assert_eq!((again.status, new_cookie(&again)), (200, None), "the cookie was replaced a second time");

    let rotation = json!({"session_id": browser.session_id, "rotation": "always"});
    assert_eq!(fixture.post_control("/browsers/rotation", rotation).await.status, 200);
    let fault = Fault::StatusAfterCommit { status: 500, body: "{}".to_owned() };
    fixture.simulator.queue_fault(FaultOrder::once(Endpoint::SessionClient, fault));
    let failed = fixture.client(&new).await;
    assert!(failed.status == 500 && new_cookie(&failed).is_some(), "a failed response has the cookie too");
    assert_eq!(fixture.client(&new).await.status, 401);
    assert_eq!(fixture.simulator.browsers()[0].rotations, 2);
}

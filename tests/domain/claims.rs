//! Tests of unverified JWT claims, and of the token metadata that is read from them.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use goclaw::domain::{
    account::AccountLabels,
    claims::{MAX_JWT_BYTES, UnverifiedClaims},
    provider::{AuthMethod, ProviderType},
    secret::{AccessToken, IdToken},
    time::Timestamp,
    token_response::{AlreadyExpired, TokenResponse, pasted_metadata},
};
use proptest::prelude::*;
use serde_json::{Value, json};

const NOW: Timestamp = Timestamp::from_unix_seconds(1_000_000);

fn jwt(claims: &Value) -> String {
    format!("eyJhbGciOiJSUzI1NiJ9.{}.c2ln", URL_SAFE_NO_PAD.encode(claims.to_string()))
}

fn claims_of(token: &str) -> Option<UnverifiedClaims> {
    UnverifiedClaims::of(&AccessToken::new(token))
}

#[test]
fn labels_are_read_from_flat_and_nested_claims() {
    let claims = claims_of(&jwt(&json!({
        "exp": 1_800_000_000, "email": "\u{1b}[31ma@b\u{202e}.exam\u{e0041}ple\u{200b}\n", "ns": {"plan": "plus", "id": 5}, "ns.id": "acc",
    })))
    .unwrap();
    assert_eq!(claims.expires_at(), Some(Timestamp::from_unix_seconds(1_800_000_000)));
    assert_eq!(claims.label("email").as_deref(), Some("[31ma@b.example"));
    assert_eq!(claims.namespaced_label("ns", "plan").as_deref(), Some("plus"));
    assert_eq!(claims.namespaced_label("ns", "id").as_deref(), Some("acc"));
    assert_eq!(claims.label("absent"), None);
}

#[test]
fn a_text_that_is_not_a_jwt_has_no_claims() {
    for text in ["", "a.b", "a.b.c", "a.b.c.d", "..", &jwt(&json!([1])), &jwt(&json!("text"))] {
        assert!(claims_of(text).is_none(), "{text}");
    }
    let payload = URL_SAFE_NO_PAD.encode("{}");
    assert!(claims_of(&format!("h.{payload}.s")).is_some());
    for text in ["h..P.s", ".P.s", "h.P.", "h.P.s.", ".h.P.s", "h.P"] {
        assert!(claims_of(&text.replace('P', &payload)).is_none(), "{text}");
    }
    let long = jwt(&json!({"x": "y".repeat(MAX_JWT_BYTES)}));
    assert!(claims_of(&long).is_none());
}

#[test]
fn an_invalid_expiry_is_ignored() {
    for exp in [json!("1800000000"), json!(null), json!(1e18), json!({}), json!(f64::MAX)] {
        let claims = claims_of(&jwt(&json!({"exp": exp}))).unwrap();
        assert_eq!(claims.expires_at(), None, "{exp}");
    }
}

proptest! {
    #[test]
    fn parsing_claims_never_panics(text in ".{0,200}", payload in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = claims_of(&text);
        let _ = claims_of(&format!("h.{}.s", URL_SAFE_NO_PAD.encode(payload)));
    }
}

fn response(access_token: String, expires_in: Option<i64>) -> TokenResponse {
    TokenResponse {
        access_token: Some(AccessToken::new(access_token)),
        refresh_token: None,
        id_token: None,
        expires_in,
        scope: None,
    }
}

fn expiry(access_token: String, expires_in: Option<i64>) -> i64 {
    let response = response(access_token, expires_in);
    let metadata = response.metadata(AuthMethod::OAuth, ProviderType::OpenaiCodex, &[], NOW);
    metadata.expires_at.unwrap().unix_seconds() - NOW.unix_seconds()
}

#[test]
fn the_expiry_is_exp_or_else_expires_in_or_else_an_hour() {
    let with_exp = |exp: Value| jwt(&json!({"exp": exp}));
    assert_eq!(expiry(with_exp(json!(1_000_500)), Some(60)), 500);
    assert_eq!(expiry("opaque".into(), Some(60)), 60);
    assert_eq!(expiry("opaque".into(), None), 3600);
    for invalid in [json!(0), json!(-1), json!(1e18), json!("1000500"), json!(999_999)] {
        assert_eq!(expiry(with_exp(invalid.clone()), Some(60)), 60, "{invalid}");
    }
    for invalid in [0, -1, 1_000_000_000_000_000_000, i64::MIN, i64::MAX] {
        assert_eq!(expiry("opaque".into(), Some(invalid)), 3600, "{invalid}");
    }
}

#[test]
fn account_labels_come_from_the_id_token_first() {
    let auth = "https://api.openai.com/auth";
    let access_token = jwt(&json!({auth: {"chatgpt_plan_type": "free", "chatgpt_account_id": "acc"}}));
    let id_token = jwt(&json!({"email": "a@b.example", auth: {"chatgpt_plan_type": "plus"}}));
    let mut response = response(access_token, None);
    response.id_token = Some(IdToken::new(id_token));
    response.scope = Some("openid email".into());
    let metadata = response.metadata(AuthMethod::OAuth, ProviderType::OpenaiCodex, &["openid".into()], NOW);
    assert_eq!(metadata.account.plan_type.as_deref(), Some("plus"));
    assert_eq!(metadata.account.account_id.as_deref(), Some("acc"));
    assert_eq!(metadata.account.email.as_deref(), Some("a@b.example"));
    assert_eq!(metadata.scopes, ["openid", "email"]);
}

#[test]
fn a_wrong_clock_extends_no_token_beyond_its_lifetime() {
    let with = |iat: i64, exp: i64| expiry(jwt(&json!({"iat": iat, "exp": exp})), None);
    let now = NOW.unix_seconds();
    assert_eq!(with(now, now + 500), 500);
    assert_eq!(with(now + 300, now + 800), 500, "our clock is behind");
    assert_eq!(with(now - 300, now + 200), 200, "our clock is ahead, or the token is older");
    assert_eq!(with(now - 900, now - 400), 500, "our clock is far ahead");
}

#[test]
fn a_pasted_session_token_expires_with_its_jwt_and_a_key_never() {
    let metadata =
        |method, text: String| pasted_metadata(ProviderType::Suno, method, Some(&AccessToken::new(text)), false, NOW);
    let token = jwt(&json!({"exp": 1_000_500, "https://suno.example/email": "a@b.example"}));
    let session = metadata(AuthMethod::SessionToken, token).unwrap();
    assert_eq!(session.expires_at, Some(Timestamp::from_unix_seconds(1_000_500)));
    assert_eq!(session.account.email.as_deref(), Some("a@b.example"));
    assert_eq!(metadata(AuthMethod::SessionToken, "opaque".into()).unwrap().expires_at, None);
    assert_eq!(metadata(AuthMethod::SessionToken, jwt(&json!({"exp": -5}))).unwrap().expires_at, None);
    assert_eq!(metadata(AuthMethod::SessionToken, jwt(&json!({"exp": 999_999}))), Err(AlreadyExpired));
    assert_eq!(metadata(AuthMethod::ApiKey, jwt(&json!({"exp": 1_000_500}))).unwrap().expires_at, None);
}

#[test]
fn labels_without_a_known_id_may_belong_to_another_account() {
    let labels = |user: Option<&str>, workspace: Option<&str>| AccountLabels {
        user_id: user.map(str::to_owned),
        account_id: workspace.map(str::to_owned),
        ..AccountLabels::default()
    };
    let connected = labels(Some("user"), Some("blue"));
    assert!(labels(Some("user"), Some("blue")).covers(&connected));
    for (user, workspace) in [(Some("user"), Some("green")), (Some("user"), None), (None, Some("blue")), (None, None)] {
        assert!(!labels(user, workspace).covers(&connected), "{user:?} {workspace:?}");
    }
    assert!(connected.covers(&labels(None, None)), "nothing is known of the connected account");
}

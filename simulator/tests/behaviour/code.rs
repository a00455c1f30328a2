//! Tests the code exchange: its conditions, single use, and the issued tokens.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use goclaw_simulator::{AccessTokenForm, CANARY, CANARY_IN_JWT, ErrorShape, ExpiresIn, RevocationCause, TokenStatus};
use rsa::{
    BigUint, RsaPublicKey,
    pkcs1v15::{Signature, VerifyingKey},
    signature::Verifier,
};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::client::{Answer, CLIENT_ID, Fixture, exchange_form, jwt_part, refused};

#[tokio::test]
async fn a_code_is_redeemed_only_if_everything_matches() {
    let fixture = Fixture::new().await;
    let code = fixture.code().await;
    for (name, wrong) in [
        ("code", "ac_unknown"),
        ("redirect_uri", "http://127.0.0.1:1455/auth/callback"),
        ("code_verifier", "another-verifier-of-at-least-forty-three-characters"),
    ] {
        let mut form = exchange_form(&code).to_vec();
        form.retain(|(other, _)| *other != name);
        form.push((name, wrong));
        assert_eq!(fixture.token_form(&form).await.refusal(), refused(400, "invalid_grant"), "{name}");
    }
    assert!(fixture.simulator.ledger().is_empty());
    assert_eq!(fixture.exchange(&code).await.status, 200, "a mismatch does not use up the code");
}

#[tokio::test]
async fn a_second_use_of_a_code_revokes_the_family_of_the_first() {
    let fixture = Fixture::new().await;
    let code = fixture.code().await;
    let tokens = fixture.exchange(&code).await.tokens();
    assert_eq!(fixture.simulator.token_status(&tokens.access), TokenStatus::Live);
    assert_eq!(fixture.exchange(&code).await.refusal(), refused(400, "invalid_grant"));
    assert_eq!(fixture.simulator.token_status(&tokens.access), TokenStatus::Revoked);
    assert_eq!(fixture.refresh(&tokens.refresh).await.refusal(), refused(401, "refresh_token_invalidated"));
    assert_eq!(fixture.simulator.ledger()[0].revoked, Some(RevocationCause::CodeReused));
}

#[tokio::test]
async fn an_expired_code_is_refused() {
    let fixture = Fixture::new().await;
    let code = fixture.code().await;
    // By default a code lives ten minutes.
    fixture.simulator.update_settings(|settings| settings.clock_offset_seconds = 601);
    assert_eq!(fixture.exchange(&code).await.refusal(), refused(400, "invalid_grant"));
}

#[tokio::test]
async fn a_code_exchange_needs_a_post_with_a_form() {
    let fixture = Fixture::new().await;
    let url = format!("{}/oauth/token", fixture.simulator.issuer());
    assert_eq!(fixture.http.get(&url).send().await.unwrap().status(), 405);
    let code = fixture.code().await;
    let object: serde_json::Map<_, _> =
        exchange_form(&code).iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
    let answer = Answer::of(fixture.http.post(&url).json(&object).send().await.unwrap()).await;
    assert_eq!(answer.refusal(), refused(400, "invalid_request"));
}

#[tokio::test]
async fn both_jwts_verify_against_the_published_keys_also_after_a_rotation() {
    let fixture = Fixture::new().await;
    let before = fixture.sign_in().await;
    let kid = fixture.simulator.rotate_keys().await.unwrap();
    let after = fixture.sign_in().await;
    assert_eq!(jwt_part(&after.access, 0)["kid"], kid);
    let url = format!("{}/.well-known/jwks.json", fixture.simulator.issuer());
    let jwks = Answer::of(fixture.http.get(url).send().await.unwrap()).await.json();
    for jwt in [&before.id, &before.access, &after.id, &after.access] {
        assert!(verifies(jwt, &jwks), "{jwt}");
    }
    let forged = before.access.replacen('.', ".e", 1);
    assert!(!verifies(&forged, &jwks));
}

#[tokio::test]
async fn the_claims_contain_account_and_expiry() {
    let fixture = Fixture::new().await;
    let answer = fixture.exchange(&fixture.code().await).await;
    let (tokens, body) = (answer.tokens(), answer.json());
    assert_eq!((&body["token_type"], &body["expires_in"]), (&json!("Bearer"), &json!(604_800)));
    assert_eq!(body["scope"], "openid profile email offline_access");
    let (id, access) = (jwt_part(&tokens.id, 1), jwt_part(&tokens.access, 1));
    assert_eq!((&id["iss"], &id["aud"]), (&json!(fixture.simulator.issuer()), &json!([CLIENT_ID])));
    assert_eq!(id["email"], "person1@example.com");
    for claims in [&id, &access] {
        let auth = &claims["https://api.openai.com/auth"];
        assert_eq!(auth["chatgpt_account_id"], "00000000-0000-4000-8000-000000000001");
        assert_eq!(auth["chatgpt_user_id"], "user-simulated-1");
        assert_eq!(auth["chatgpt_plan_type"], "plus");
        assert_eq!(claims["https://api.openai.com/profile"]["email"], "person1@example.com");
    }
    assert_eq!(access["exp"].as_u64().unwrap() - access["iat"].as_u64().unwrap(), 604_800);
    assert_eq!(access["scp"], json!(["openid", "profile", "email", "offline_access"]));
}

#[tokio::test]
async fn expires_in_and_access_tokens_have_the_configured_form() {
    let fixture = Fixture::new().await;
    for nonsense in [json!(0), json!(-1), json!(1e18), json!("3600")] {
        fixture.simulator.update_settings(|settings| settings.expires_in = ExpiresIn::Value(nonsense.clone()));
        assert_eq!(fixture.exchange(&fixture.code().await).await.json()["expires_in"], nonsense);
    }
    fixture.simulator.update_settings(|settings| settings.expires_in = ExpiresIn::Absent);
    assert_eq!(fixture.exchange(&fixture.code().await).await.json().get("expires_in"), None);

    fixture.simulator.update_settings(|settings| settings.access_token_form = AccessTokenForm::WithoutExp);
    assert_eq!(jwt_part(&fixture.sign_in().await.access, 1).get("exp"), None);
    fixture.simulator.update_settings(|settings| settings.access_token_form = AccessTokenForm::UnreadableExp);
    assert_eq!(jwt_part(&fixture.sign_in().await.access, 1)["exp"], "next week");
    fixture.simulator.update_settings(|settings| settings.access_token_form = AccessTokenForm::Opaque);
    assert!(!fixture.sign_in().await.access.contains('.'));
}

#[tokio::test]
async fn every_secret_carries_its_canary_and_is_listed() {
    let fixture = Fixture::new().await;
    let code = fixture.code().await;
    let tokens = fixture.exchange(&code).await.tokens();
    let issued = fixture.simulator.issued_secrets();
    for (secret, marker) in
        [(code, CANARY), (tokens.refresh, CANARY), (tokens.access, CANARY_IN_JWT), (tokens.id, CANARY_IN_JWT)]
    {
        assert!(secret.contains(marker), "{secret}");
        assert!(issued.contains(&secret));
    }
}

#[tokio::test]
async fn errors_have_the_configured_shape() {
    let fixture = Fixture::new().await;
    for (shape, expected) in [
        (ErrorShape::Object, "{\"error\":{\"message\":\"The auth"),
        (ErrorShape::StringAndDescription, "{\"error\":\"invalid_grant\",\"error_description\":\"The auth"),
        (ErrorShape::TopLevelCode, "{\"code\":\"invalid_grant\""),
        (ErrorShape::Mixed, "{\"error\":\"invalid_grant\",\"code\":\"invalid_grant\""),
        (ErrorShape::Detail, "{\"detail\":\"The authorization code is unknown.\"}"),
        (ErrorShape::PlainText, "The authorization code is unknown."),
        (ErrorShape::Html, "<!doctype html>"),
        (ErrorShape::TruncatedJson, "{\"error\":{"),
    ] {
        fixture.simulator.update_settings(|settings| settings.error_shape = shape);
        let answer = fixture.exchange("ac_unknown").await;
        assert_eq!(answer.status, 400);
        assert!(answer.text.starts_with(expected), "{shape:?}: {}", answer.text);
    }
    assert!(serde_json::from_str::<Value>(&fixture.exchange("ac_unknown").await.text).is_err(), "truncated");
    fixture.simulator.update_settings(|settings| settings.error_shape = ErrorShape::Empty);
    assert_eq!(fixture.exchange("ac_unknown").await.text, "");
}

/// Verifies a JWT with the key in its `kid` (RFC 7515 section 5.2).
fn verifies(jwt: &str, jwks: &Value) -> bool {
    let (signed, signature) = jwt.rsplit_once('.').unwrap();
    let kid = &jwt_part(jwt, 0)["kid"];
    let key = jwks["keys"].as_array().unwrap().iter().find(|key| key["kid"] == *kid).unwrap();
    let number = |name: &str| BigUint::from_bytes_be(&URL_SAFE_NO_PAD.decode(key[name].as_str().unwrap()).unwrap());
    let key = VerifyingKey::<Sha256>::new(RsaPublicKey::new(number("n"), number("e")).unwrap());
    let signature = Signature::try_from(URL_SAFE_NO_PAD.decode(signature).unwrap().as_slice()).unwrap();
    key.verify(signed.as_bytes(), &signature).is_ok()
}

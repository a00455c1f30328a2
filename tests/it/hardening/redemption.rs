//! Tests that a code is sent once, to the provider of its login, with the redirect URI of its authorization request.

use std::sync::Arc;

use goclaw::{
    adapters::{
        oauth::HttpOAuthEndpoint,
        settings::{Environment, Settings},
    },
    domain::{
        authorize_url::authorize_url,
        oauth_client::OAuthClient,
        secret::{AuthorizationCode, OAuthState, PkceVerifier},
        token_response::CodeGrant,
    },
    ports::{OAuthEndpoint, TokenEndpointError},
};
use goclaw_simulator::{Options, Simulator};
use secrecy::ExposeSecret;
use serde_json::json;
use tokio::task::JoinSet;
use url::Url;

use super::start_and_approve_login;
use crate::support::outbound::{account, outbound};
use crate::support::{
    gateway::{Gateway, Home, HttpResponse, http},
    provider::Provider,
};

#[tokio::test]
async fn fifty_pastes_and_ten_callbacks_redeem_the_code_once() {
    let provider = Provider::approving();
    let home = Home::new(&provider);
    let gateway = home.start().await;
    let redirect_url = start_and_approve_login(&gateway, &provider).await;
    // Delays the exchange so that all requests arrive during it.
    provider.fail_next_exchange(json!({"kind": "delay", "by": "1s"})).await;
    let mut requests = JoinSet::new();
    for number in 0..60 {
        let url = format!("{}/v1/auth/openai/callback", gateway.base);
        let post = http().post(url).bearer_auth(&gateway.token).json(&json!({"redirect_url": redirect_url}));
        let request = if number % 6 == 0 { http().get(&redirect_url) } else { post };
        requests.spawn(async move { HttpResponse::of(request.send().await.unwrap()).await });
    }
    let responses = requests.join_all().await;
    // 303 redirects a browser to the outcome page.
    let (signed_in, others): (Vec<u16>, Vec<u16>) =
        responses.iter().map(|response| response.status).partition(|status| *status == 200);
    assert!(signed_in.len() <= 1, "{signed_in:?}");
    assert!(others.iter().all(|status| [303, 409, 410].contains(status)), "{others:?}");
    assert!(
        others.iter().filter(|status| **status == 409).count() > 10,
        "the requests were not concurrent: {others:?}"
    );
    assert_eq!(provider.outcomes("/oauth/token").await, ["tokens_issued"]);
    assert_eq!(
        (gateway.status().await["authenticated"].clone(), home.count_accounts_and_refresh_tokens()),
        (json!(true), (1, 1))
    );
}

fn client_of(issuer: &str) -> OAuthClient {
    let variables = [("HOME", "/"), ("GOCLAW_PROVIDERS__OPENAI_CODEX__ISSUER", issuer)];
    let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let settings = Settings::load(None, &Environment::from_pairs(variables)).unwrap();
    settings.providers.into_iter().find_map(|provider| provider.oauth).map(Arc::unwrap_or_clone).unwrap()
}

/// Gets a code with `client`'s redirect URI, and redeems it with `redirect_uri`.
async fn redeem_with(client: &OAuthClient, redirect_uri: &str) -> Result<(), TokenEndpointError> {
    let verifier = PkceVerifier::from_bytes(&[7; 64]);
    let url = authorize_url(client, &verifier.challenge(), &OAuthState::new("state"));
    let response = http().get(url.expose_secret()).send().await.unwrap();
    let location = Url::parse(response.headers()["location"].to_str().unwrap()).unwrap();
    let (_, code) = location.query_pairs().find(|(name, _)| name == "code").unwrap();
    let grant = CodeGrant { code: AuthorizationCode::new(code), verifier };
    let client = OAuthClient { redirect_uri: redirect_uri.to_owned(), ..client.clone() };
    HttpOAuthEndpoint::new(&outbound(), std::sync::Arc::new(goclaw::adapters::system::SystemClock))
        .unwrap()
        .exchange_code(account(), &client, grant)
        .await
        .map(drop)
}

/// The simulator compares redirect URIs exactly, so every login in other tests shows that the gateway repeats its own.
#[tokio::test]
async fn a_code_is_not_redeemed_with_a_different_redirect_uri() {
    let provider = Simulator::start(Options::default()).await.unwrap();
    let client = client_of(provider.issuer());
    let uri = client.redirect_uri.clone();
    let wrong = [
        uri.replace("localhost", "127.0.0.1"),
        uri.replace(":1455", ":1457"),
        uri.replace("http:", "https:"),
        uri.replace("localhost", "LOCALHOST"),
        format!("{uri}/"),
        uri.replace("/auth", "/%61uth"),
    ];
    for wrong in wrong {
        let refused = redeem_with(&client, &wrong).await.unwrap_err();
        assert!(matches!(refused, TokenEndpointError::Rejected { status: 400, .. }), "{wrong}: {refused:?}");
    }
    redeem_with(&client, &uri).await.unwrap();
}

async fn paste(gateway: &Gateway, account: &str, redirect_url: &str) -> (u16, String) {
    let body = json!({"redirect_url": redirect_url});
    let response = gateway.post(&format!("/v1/auth/{account}/callback"), body).await;
    (response.status, response.json()["code"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn a_login_keeps_its_endpoints_when_the_configuration_changes() {
    let (first, second) = (Provider::approving(), Provider::approving());
    let home = Home::new(&first);
    let gateway = home.start().await;
    let redirect_url = start_and_approve_login(&gateway, &first).await;
    drop(gateway);

    let home = home
        .with("GOCLAW_PROVIDERS__OPENAI_CODEX__ISSUER", &second.issuer)
        .with("GOCLAW_PROVIDERS__OPENAI_CODEX__REDIRECT_HOST", "127.0.0.1");
    let gateway = home.start().await;
    assert_eq!(paste(&gateway, "openai", &redirect_url).await.0, 200);
    assert_eq!(first.outcomes("/oauth/token").await, ["tokens_issued"]);
    assert_eq!(second.outcomes("/oauth/token").await, [""; 0], "a code went to another server");
}

#[tokio::test]
async fn the_callbacks_of_two_providers_cannot_be_crossed() {
    let (first, second) = (Provider::approving(), Provider::approving());
    let home = Home::new(&first)
        .with("GOCLAW_PROVIDERS__WORK__TYPE", "openai-codex")
        .with("GOCLAW_PROVIDERS__WORK__ISSUER", &second.issuer)
        .with("GOCLAW_PROVIDERS__WORK__REQUIRES_ISS", "true");
    let gateway = home.start().await;
    let of_first = start_and_approve_login(&gateway, &first).await;
    let started = gateway.post("/v1/auth/work/start", json!({})).await.json();
    let iss_parameter =
        |issuer: &str| format!("&iss={}", url::form_urlencoded::byte_serialize(issuer.as_bytes()).collect::<String>());
    let of_second = second.redirect_for(started["auth_url"].as_str().unwrap()).await;
    let of_second = of_second + &iss_parameter(&second.issuer);

    let invalid_state = (400, "invalid_state".to_owned());
    assert_eq!(paste(&gateway, "work", &of_first).await, invalid_state);
    assert_eq!(paste(&gateway, "openai", &of_second).await, invalid_state);
    // A mix-up (RFC 9700, section 4.4): one provider's code with the other's state, with and without `iss`.
    let state = |url: &str| url.split_once("state=").and_then(|(_, rest)| rest.split('&').next()).unwrap().to_owned();
    let (first_state, second_state) = (state(&of_first), state(&of_second));
    let to_second = of_first.replace(&first_state, &second_state);
    let to_first = of_second.replace(&second_state, &first_state);
    assert_ne!(first_state, second_state);
    for (account, crossed) in [
        ("work", to_second.clone()),
        ("work", format!("{to_second}{}", iss_parameter(&first.issuer))),
        ("openai", to_first),
    ] {
        assert_eq!(paste(&gateway, account, &crossed).await, (400, "wrong_issuer".to_owned()), "{crossed}");
        assert_eq!(http().get(&crossed).send().await.unwrap().status(), 400, "{crossed}");
    }
    for provider in [&first, &second] {
        assert_eq!(provider.outcomes("/oauth/token").await, [""; 0], "a code left the gateway");
    }

    assert_eq!(paste(&gateway, "openai", &of_first).await.0, 200);
    assert_eq!(paste(&gateway, "work", &of_second).await.0, 200);
    for provider in [&first, &second] {
        assert_eq!(provider.outcomes("/oauth/token").await, ["tokens_issued"]);
    }
    assert_eq!(home.count_accounts_and_refresh_tokens(), (2, 2));
}

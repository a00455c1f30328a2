//! Tests of API authentication: the token is accepted in one header only, guessing is rate-limited without affecting
//! the owner, and no gateway runs without a token.

use std::{net::SocketAddr, time::Duration};

use reqwest::{Method, RequestBuilder};
use serde_json::json;
use tokio::task::JoinSet;

use super::raw;
use crate::support::gateway::{Gateway, Home, HttpResponse, http};

/// Timeout of the owner's request during the guessing. Normally it takes about a millisecond.
const OWNER_TIMEOUT: Duration = Duration::from_secs(5);

async fn send(request: RequestBuilder) -> HttpResponse {
    HttpResponse::of(request.send().await.expect("a response")).await
}

#[tokio::test]
async fn the_token_is_accepted_only_in_the_authorization_header() {
    let home = Home::without_provider();
    let gateway = home.start().await;
    let (list, token) = (format!("{}/v1/providers", gateway.base), gateway.token.clone());
    let start = || http().post(format!("{}/v1/auth/openai/start", gateway.base));
    let form = format!("access_token={token}");
    for (place, request) in [
        ("the query", http().get(format!("{list}?access_token={token}"))),
        ("the query of an unknown path", http().get(format!("{}/nothing?access_token={token}", gateway.base))),
        ("the query under another name", http().get(format!("{list}?token={token}&api_key={token}"))),
        ("user info", http().get(&list).basic_auth("goclaw", Some(&token))),
        ("the user name", http().get(&list).basic_auth(&token, None::<&str>)),
        ("a cookie", http().get(&list).header("cookie", format!("access_token={token}; token={token}"))),
        ("other headers", http().get(&list).header("x-api-key", &token).header("proxy-authorization", &form)),
        ("a form", start().header("content-type", "application/x-www-form-urlencoded").body(form.clone())),
        ("a JSON body", start().json(&json!({"access_token": token}))),
        ("another scheme", http().get(&list).header("authorization", format!("Token {token}"))),
        ("no scheme", http().get(&list).header("authorization", &token)),
    ] {
        let response = send(request).await;
        assert_eq!((response.status, response.json()["code"].as_str()), (401, Some("unauthorized")), "in {place}");
        assert!(response.header("www-authenticate").starts_with("Bearer"), "in {place}");
        assert!(!response.text.contains(&token), "in {place}");
    }
    // With a valid header, a token elsewhere is ignored.
    let both = http().get(format!("{list}?access_token=wrong")).bearer_auth(&token).header("cookie", "token=wrong");
    assert_eq!(send(both).await.status, 200);
}

/// Sends a raw request. `authorization` is a header line, or empty.
fn guess(gateway: &Gateway, target: &str, authorization: &str) -> impl Future<Output = (u16, String)> + use<> {
    let address = gateway.base.strip_prefix("http://").expect("an address").parse::<SocketAddr>().expect("a socket");
    let head = format!("GET {target} HTTP/1.1\r\nHost: {address}\r\n{authorization}Connection: close\r\n\r\n");
    async move { raw(address, &head).await }
}

#[tokio::test]
async fn a_thousand_wrong_tokens_are_rate_limited_and_the_right_one_is_not() {
    let home = Home::without_provider();
    let gateway = home.start().await;
    let (mut refused, mut rate_limited) = (0, 0);
    for round in 0..20 {
        let mut guesses = JoinSet::new();
        for number in 0..50 {
            let wrong = format!("Authorization: Bearer guess-{round}-{number}\r\n");
            // A missing token and an unknown path count as guesses too.
            let (target, authorization) = match number % 5 {
                0 => ("/v1/providers", String::new()),
                1 => ("/nothing/here", wrong),
                _ => ("/v1/providers", wrong),
            };
            guesses.spawn(guess(&gateway, target, &authorization));
        }
        // The owner's request runs concurrently with the guesses.
        let owner_response = tokio::time::timeout(OWNER_TIMEOUT, gateway.get("/v1/providers"));
        assert_eq!(owner_response.await.expect("the owner is not delayed").status, 200, "the owner is rate-limited");
        for (status, text) in guesses.join_all().await {
            match status {
                401 => refused += 1,
                429 => {
                    rate_limited += 1;
                    let wait = text.split("retry-after: ").nth(1).and_then(|rest| rest.split("\r\n").next());
                    let wait: u64 =
                        wait.and_then(|seconds| seconds.parse().ok()).expect("Retry-After in whole seconds");
                    assert!((1..=60).contains(&wait), "{wait}");
                    assert!(
                        text.contains("application/problem+json") && text.contains("\"too_many_attempts\""),
                        "{text}"
                    );
                }
                other => panic!("answered {other}: {text}"),
            }
        }
    }
    assert_eq!(refused + rate_limited, 1_000);
    // A burst of 20, then one a second.
    assert!((20..100).contains(&refused), "{refused} guesses were checked");
    // Public paths and the owner's requests still work.
    assert_eq!(guess(&gateway, "/healthz", "").await.0, 200);
    assert_eq!(gateway.post("/v1/auth/openai/start", json!({})).await.status, 200);
}

#[tokio::test]
async fn a_gateway_open_to_other_machines_has_its_own_token_and_warns() {
    let mut tokens = Vec::new();
    for _ in 0..2 {
        let home = Home::without_provider().with("GOCLAW_HOST", "0.0.0.0");
        let gateway = home.start().await;
        assert!(gateway.log().contains("the API listens on 0.0.0.0: other machines may reach it"));
        assert_eq!(send(http().get(format!("{}/v1/providers", gateway.base))).await.status, 401);
        assert_eq!(gateway.call(Method::GET, "/v1/providers", None).await.status, 200);
        assert!(gateway.token.len() >= 43, "256 bits in base64url");
        tokens.push(gateway.token.clone());
    }
    assert_ne!(tokens[0], tokens[1], "two installations share a token");
}

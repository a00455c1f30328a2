//! Tests that no operation under `/v1` accepts a missing or wrong token. The list of operations comes from the served
//! OpenAPI document.

use reqwest::Method;

use crate::support::gateway::{Gateway, Home, HttpResponse, http};

/// Routes with errors in OpenAI's format.
const OPENAI_ROUTES: [&str; 7] = [
    "/v1/responses",
    "/v1/chat/completions",
    "/v1/completions",
    "/v1/embeddings",
    "/v1/images/generations",
    "/v1/models",
    "/v1/proxy",
];

/// Returns the operations under `/v1` with values for the path parameters.
async fn operations(gateway: &Gateway) -> Vec<(Method, String)> {
    let contract =
        HttpResponse::of(http().get(format!("{}/openapi.json", gateway.base)).send().await.unwrap()).await.json();
    let mut operations = Vec::new();
    for (path, item) in contract["paths"].as_object().unwrap() {
        let path = path.replace("{provider}", "openai").replace("{path}", "wham/usage");
        let path = path.replace("{id}", "0").replace("{model}", "gpt-5.5");
        assert!(!path.contains('{'), "this test has no value for a parameter of {path}");
        // A response to HEAD has no body to check.
        for method in item.as_object().unwrap().keys().filter(|method| *method != "head") {
            operations.push((method.to_uppercase().parse().unwrap(), path.clone()));
        }
    }
    operations.retain(|(_, path)| path.starts_with("/v1/"));
    operations
}

#[tokio::test]
async fn every_operation_requires_the_token() {
    let home = Home::without_provider();
    let gateway = home.start().await;
    let operations = operations(&gateway).await;
    assert!(operations.len() >= 8, "the contract lists only {operations:?}");
    drop(gateway);
    for (method, path) in operations {
        // Every operation gets a new gateway, because many wrong tokens in a row are rate-limited.
        let gateway = home.start().await;
        let almost = format!("{}x", gateway.token);
        let right = format!("Bearer {}", gateway.token);
        for (authorization, challenge) in [
            (None, "Bearer"),
            (Some("Bearer"), "Bearer"),
            (Some("Basic Z29jbGF3Og=="), "Bearer"),
            (Some(gateway.token.as_str()), "Bearer"),
            (Some("Bearer wrong"), "Bearer error=\"invalid_token\""),
            (Some(&format!("Bearer {almost}")), "Bearer error=\"invalid_token\""),
        ] {
            let request = http().request(method.clone(), format!("{}{path}", gateway.base));
            let request =
                authorization.into_iter().fold(request, |request, value| request.header("authorization", value));
            let response = HttpResponse::of(request.send().await.unwrap()).await;
            // Routes for OpenAI clients use OpenAI's error format, all others use problem+json.
            let (content_type, code) = if OPENAI_ROUTES.iter().any(|route| path.starts_with(route)) {
                ("application/json", response.json()["error"]["code"].clone())
            } else {
                ("application/problem+json", response.json()["code"].clone())
            };
            let seen = (response.status, response.header("www-authenticate"), response.header("content-type"));
            assert_eq!(seen, (401, challenge, content_type), "{method} {path} with {authorization:?}");
            assert_eq!(code, "unauthorized", "{method} {path}");
        }
        // A token in the query or in two headers is rejected.
        let query = http().request(method.clone(), format!("{}{path}?access_token={}", gateway.base, gateway.token));
        assert_eq!(query.send().await.unwrap().status(), 401, "{method} {path}");
        let twice = http().request(method.clone(), format!("{}{path}", gateway.base));
        let twice = twice.header("authorization", &right).header("authorization", &right);
        assert_eq!(twice.send().await.unwrap().status(), 401, "{method} {path}");
    }
    let gateway = home.start().await;
    assert_eq!(gateway.get("/v1/providers").await.status, 200, "the right token is accepted");
    let lower = format!("bearer {}", gateway.token);
    let request = http().get(format!("{}/v1/providers", gateway.base)).header("authorization", lower);
    assert_eq!(request.send().await.unwrap().status(), 200, "the scheme's case does not matter");
}

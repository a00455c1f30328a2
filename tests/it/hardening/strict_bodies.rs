//! A test that every operation outside the model and proxy APIs rejects bodies that two parsers could read differently.

use std::collections::BTreeSet;

use reqwest::{Client, Method};
use serde_json::Value;

use super::fetch_contract;
use crate::support::gateway::{Gateway, Home, HttpResponse, http};

/// A valid body for each operation outside the model and proxy APIs.
const BODIES: [(&str, &str, &str); 8] = [
    ("POST", "/v1/auth/{provider}/start", r#"{"force":false,"display_name":"Name","provider_type":"openai-codex"}"#),
    (
        "POST",
        "/v1/auth/{provider}/callback",
        r#"{"redirect_url":"http://localhost:1455/auth/callback?code=c&state=s"}"#,
    ),
    ("POST", "/v1/auth/{provider}/refresh", r#"{"login_id":"00000000000000000000000000000000","generation":1}"#),
    ("POST", "/v1/auth/{provider}/confirm", r#"{"login_id":"0123456789abcdef0123456789abcdef","replace":true}"#),
    ("PUT", "/v1/auth/{provider}/secret", r#"{"session_token":"canary","display_name":"Name","provider_type":"suno"}"#),
    ("POST", "/v1/tokens", r#"{"name":"Name"}"#),
    ("POST", "/v1/tokens/{id}/rotate", r#"{"overlap":60}"#),
    ("PATCH", "/v1/providers/{provider}", r#"{"display_name":"Name","enabled":true}"#),
];

async fn send((client, gateway): (&Client, &Gateway), method: &str, path: &str, body: &str) -> (u16, String) {
    let method: Method = method.parse().unwrap();
    let path = path.replace("{provider}", "suno");
    let request = client.request(method, format!("{}{path}", gateway.base)).bearer_auth(&gateway.token);
    let request = request.header("content-type", "application/json").body(body.to_owned());
    let response = HttpResponse::of(request.send().await.unwrap()).await;
    assert!(!response.text.contains("canary"), "{path} repeats what it was sent: {}", response.text);
    (response.status, response.json()["code"].as_str().unwrap_or_default().to_owned())
}

/// Returns the body with each member repeated at either end: with the same value, with `null`, and with an escaped
/// name.
fn repetitions(body: &str) -> Vec<String> {
    let members: serde_json::Map<String, Value> = serde_json::from_str(body).unwrap();
    let inner = body.trim_start_matches('{').trim_end_matches('}');
    let mut all = Vec::new();
    for (name, value) in members {
        let escaped: String = name.bytes().map(|byte| format!("\\u{byte:04x}")).collect();
        for again in [format!("\"{name}\":{value}"), format!("\"{name}\":null"), format!("\"{escaped}\":{value}")] {
            all.extend([format!("{{{inner},{again}}}"), format!("{{{again},{inner}}}")]);
        }
    }
    all
}

#[tokio::test]
async fn every_operation_rejects_repeated_and_unknown_members() {
    let (client, home) = (http(), Home::without_provider());
    let gateway = home.start().await;
    let target = (&client, &gateway);
    let contract = fetch_contract(&gateway).await;
    let mut with_body = BTreeSet::new();
    for (path, item) in contract["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            // Tests in `tests/domain/json.rs` cover the bodies of model requests. A forwarded body is not parsed.
            let is_included = !["Models", "Proxy"].contains(&operation["tags"][0].as_str().unwrap());
            if operation.get("requestBody").is_some() && is_included {
                with_body.insert((method.to_uppercase(), path.clone()));
            }
        }
    }
    let known: BTreeSet<_> =
        BODIES.iter().map(|(method, path, _)| ((*method).to_owned(), (*path).to_owned())).collect();
    assert_eq!(with_body, known, "this test has every operation with a body");

    for (method, path, body) in BODIES {
        for repeated in repetitions(body) {
            let refused = send(target, method, path, &repeated).await;
            assert_eq!(refused, (400, "malformed_json".to_owned()), "{method} {path}: {repeated}");
        }
        let inner = body.trim_end_matches('}');
        for unknown in [r#""extra":1"#, r#""Display_Name":"x""#, r#""__proto__":{}"#, r#""rights":"admin""#] {
            let refused = send(target, method, path, &format!("{inner},{unknown}}}")).await;
            assert_eq!(refused, (400, "invalid_body".to_owned()), "{method} {path} with {unknown}");
        }
        for no_object in ["[]", "null", "\"canary\"", "1", "{", "", &format!("{body}{body}"), &format!("{body}x")] {
            let (status, _) = send(target, method, path, no_object).await;
            // A start or a refresh without a body uses the defaults; suno supports neither (409).
            let may_be_left_out = path.ends_with("/start") || path.ends_with("/refresh");
            let expected = if may_be_left_out && ["", "null"].contains(&no_object) { 409 } else { 400 };
            assert_eq!(status, expected, "{method} {path}: {no_object}");
        }
        let (status, code) = send(target, method, path, body).await;
        let is_body_refused = ["malformed_json", "invalid_body", "not_json"].contains(&code.as_str());
        assert!(!is_body_refused, "{method} {path}: {status} {code}");
    }
}

//! Tests of connecting Suno with a browser's cookie: the forms in which people copy it, and a provider that replaces
//! it.

use std::{fs, path::Path};

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{
    gateway::{Gateway, Home, eventually},
    provider::Provider,
};

async fn put(gateway: &Gateway, body: Value) -> (u16, Value) {
    let response = gateway.call(Method::PUT, "/v1/auth/suno/secret", Some(body)).await;
    (response.status, response.json())
}

#[tokio::test]
async fn a_cookie_is_accepted_in_every_form_that_people_copy() {
    let provider = Provider::start(&[]);
    let home = Home::new(&provider);
    let gateway = home.start().await;
    let browser = provider.sign_in_browser().await;
    let (token, cookie) = (&browser["session_token"], browser["client_cookie"].as_str().unwrap());
    for text in [
        cookie.to_owned(),
        format!("__client={cookie}"),
        format!("Cookie: __cf_bm=aaa.bbb; __client={cookie}; __client_uat=1795700000; other=x"),
        format!("-H 'cookie: a=b; __client={cookie}' \\"),
        format!("-b '__client={}\n  {}'", &cookie[..20], &cookie[20..]),
    ] {
        for token in [Some(token), Some(&Value::Null), None] {
            let mut body = json!({"client_cookie": text});
            if let Some(token) = token {
                body["session_token"] = token.clone();
            }
            let (status, connected) = put(&gateway, body).await;
            assert_eq!((status, &connected["authenticated"]), (200, &json!(true)), "{text} {token:?}: {connected}");
        }
    }
    for wrong in ["__client_uat=1795700000; other=x", "__session=abc", "a b", "__client=unknown"] {
        let (status, problem) = put(&gateway, json!({"client_cookie": wrong})).await;
        assert_eq!(status, 400, "{wrong}: {problem}");
        assert!(!problem.to_string().contains("1795700000"), "{problem}");
    }
    let both = json!({"api_key": "sk-1", "client_cookie": cookie});
    assert_eq!(put(&gateway, both).await.0, 400);
}

#[tokio::test]
async fn the_cli_accepts_the_cookie_alone_or_after_the_token() {
    let provider = Provider::start(&[]);
    let home = Home::new(&provider);
    let _gateway = home.start().await;
    let browser = provider.sign_in_browser().await;
    let (token, cookie) = (browser["session_token"].as_str().unwrap(), browser["client_cookie"].as_str().unwrap());
    for input in [
        cookie.to_owned(),
        format!("Cookie: a=b; __client={}\n{}; c=d\n", &cookie[..20], &cookie[20..]),
        format!("{token}\n__client={cookie}\n"),
        format!("\n{cookie}\n"),
    ] {
        let output = home.run_with_input(&["providers", "set-secret", "suno", "--client-cookie"], &input);
        assert_eq!((output.code, output.stdout.as_str()), (Some(0), "suno is connected.\n"), "{}", output.stderr);
        assert_eq!(home.count_accounts_and_refresh_tokens(), (1, 1), "the cookie is stored");
    }
    for input in [format!("Cookie: a=b; __client={cookie}; c=d\n"), format!("__client={cookie}\n")] {
        let output = home.run_with_input(&["providers", "set-secret", "suno"], &input);
        assert_eq!((output.code, output.stdout.as_str()), (Some(0), "suno is connected.\n"), "{}", output.stderr);
    }
}

/// Returns the files below a folder that contain one of the texts.
fn files_with(folder: &Path, texts: &[String]) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let found = entries.flat_map(|path| {
        if path.is_dir() {
            return files_with(&path, texts);
        }
        let bytes = fs::read(&path).unwrap_or_default();
        let contains_text = |text: &String| bytes.windows(text.len()).any(|part| part == text.as_bytes());
        texts.iter().any(contains_text).then(|| path.display().to_string()).into_iter().collect()
    });
    found.collect()
}

#[tokio::test]
async fn a_replaced_cookie_is_stored_and_never_in_plain_text() {
    let provider = Provider::start(&[]);
    provider.post_control("/settings", json!({"session_lifetime": "6s"})).await;
    let home = Home::new(&provider)
        .with("GOCLAW_REFRESH__BACKOFF_MIN", "1s")
        .with("GOCLAW_REFRESH__BACKOFF_MAX", "2s")
        .with("GOCLAW_REFRESH__HTTP_TIMEOUT", "1s")
        .with("GOCLAW_REFRESH__LEASE", "3s");
    let gateway = home.start().await;
    let browser = provider.sign_in_browser().await;
    let set_rotation = async |rotation: &str| {
        let body = json!({"session_id": browser["session_id"], "rotation": rotation});
        provider.post_control("/browsers/rotation", body).await;
    };
    set_rotation("always").await;
    let (status, connected) = put(&gateway, json!({"client_cookie": browser["client_cookie"]})).await;
    assert_eq!((status, &connected["authenticated"]), (200, &json!(true)), "{connected}");
    let generation = async || gateway.get("/v1/auth/suno/status").await.json()["generation"].as_i64();
    let third_generation = async || generation().await.filter(|generation| *generation >= 3);
    eventually("three refreshes", third_generation).await;
    set_rotation("never").await;
    let before = generation().await;
    eventually("one more refresh", async || generation().await.filter(|now| Some(*now) > before)).await;
    let status = gateway.get("/v1/auth/suno/status").await.json();
    assert_eq!((&status["authenticated"], &status["state"]), (&json!(true), &json!("active")), "{status}");
    gateway.stop().await;
    let issued = provider.issued().await;
    assert!(
        issued.iter().filter(|secret| secret.starts_with("client_")).count() > 4,
        "each of the refreshes replaced the cookie"
    );
    assert_eq!(files_with(home.path(), &issued), [""; 0], "no secret is in the database, the journal or the log");
}

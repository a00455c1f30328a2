//! Tests of the webhook, which reports an account in doubt, refused or in need of a login. Its calls are signed and
//! retried, and contain no secret.

use std::sync::{Arc, Mutex};

use base64::{Engine, engine::general_purpose::STANDARD};
use goclaw::{adapters::webhook::signature, domain::signing_key::SigningKey};
use hmac::{Hmac, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    task::JoinSet,
};

use crate::support::{
    gateway::{Home, eventually, free_port},
    provider::Provider,
};

const SECRET: &str = "a-secret-of-the-receiver-alone";

/// A receiver that responds with the given statuses in order, then with 204.
struct Receiver {
    url: String,
    /// The head and body of each request.
    calls: Arc<Mutex<Vec<(String, String)>>>,
    _serving: JoinSet<()>,
}

impl Receiver {
    async fn start(statuses: &'static [u16]) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", free_port())).await.expect("a port");
        let url = format!("http://{}/hook", listener.local_addr().expect("an address"));
        let calls = Arc::<Mutex<Vec<(String, String)>>>::default();
        let received = Arc::clone(&calls);
        let mut serving = JoinSet::new();
        serving.spawn(async move {
            for status in statuses.iter().copied().chain(std::iter::repeat(204)) {
                let (mut stream, _) = listener.accept().await.expect("a call");
                let mut text = String::new();
                // The body is an object that ends with the object `data`.
                while !text.ends_with("}}") {
                    let mut piece = [0; 4096];
                    let length = stream.read(&mut piece).await.expect("a request");
                    assert!(length > 0, "the request ended too early: {text}");
                    text.push_str(std::str::from_utf8(&piece[..length]).expect("text"));
                }
                let (head, body) = text.split_once("\r\n\r\n").expect("a body");
                received.lock().expect("no panic").push((head.to_lowercase(), body.to_owned()));
                // Nothing listens there, so a redirect that is followed loses the call.
                let location = "location: http://127.0.0.1:1/\r\n";
                let response =
                    format!("HTTP/1.1 {status} X\r\n{location}content-length: 0\r\nconnection: close\r\n\r\n");
                let _ = stream.write_all(response.as_bytes()).await;
            }
        });
        Self { url, calls, _serving: serving }
    }

    /// Waits for at least `count` calls and returns all calls so far.
    async fn wait_for_calls(&self, count: usize) -> Vec<(String, String)> {
        let enough = || async {
            let calls = self.calls.lock().expect("no panic").clone();
            (calls.len() >= count).then_some(calls)
        };
        eventually(&format!("{count} calls"), enough).await
    }
}

fn header<'a>(head: &'a str, name: &str) -> &'a str {
    let line = head.lines().find_map(|line| line.strip_prefix(&format!("{name}: ")));
    line.unwrap_or_else(|| panic!("no {name} in {head}"))
}

#[tokio::test]
async fn doubt_and_its_end_are_reported_with_signature_and_retries() {
    let (provider, receiver) = (Provider::approving(), Receiver::start(&[500, 307]).await);
    let home = Home::new(&provider)
        .with("GOCLAW_WEBHOOK__URL", &receiver.url)
        .with("GOCLAW_WEBHOOK__SECRET", SECRET)
        .with("GOCLAW_REFRESH__HTTP_TIMEOUT", "900ms")
        .with("GOCLAW_REFRESH__BACKOFF_MIN", "1ms");
    let gateway = home.start().await;
    gateway.sign_in().await;
    provider.post_control("/faults", json!({"endpoint": "refresh", "fault": {"kind": "lose_answer"}})).await;
    let doubt = gateway.post("/v1/auth/openai/refresh", json!({})).await.json();
    assert_eq!(doubt["state"], "in_doubt");
    let calls = receiver.wait_for_calls(3).await;
    let ids: Vec<&str> = calls.iter().map(|(head, _)| header(head, "webhook-id")).collect();
    assert!(ids.iter().all(|id| *id == ids[0]), "a retry keeps the id: {ids:?}");
    for (head, body) in &calls {
        let signed = format!("{}.{}.{body}", header(head, "webhook-id"), header(head, "webhook-timestamp"));
        let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).expect("a key");
        mac.update(signed.as_bytes());
        let signature = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
        assert_eq!(header(head, "webhook-signature"), signature.to_lowercase());
    }
    let call: Value = serde_json::from_str(&calls[2].1).expect("JSON");
    let data = &call["data"];
    assert_eq!((&call["type"], &data["provider"]), (&json!("credential.in_doubt"), &json!("openai-codex")));
    assert_eq!((&data["login_id"], &data["generation"]), (&doubt["login_id"], &json!(0)));
    assert_eq!(data["cause"], "connection_lost");

    let consent = json!({"login_id": doubt["login_id"], "generation": 0});
    gateway.post("/v1/auth/openai/refresh", consent).await;
    let (_, body) = receiver.wait_for_calls(4).await.pop().expect("a call");
    assert!(body.contains("credential.needs_reauth") && body.contains("refresh_token_reused"), "{body}");
    let secrets = provider.issued().await;
    for (head, body) in receiver.wait_for_calls(4).await {
        assert!(!secrets.iter().any(|secret| body.contains(secret.as_str()) || head.contains(secret.as_str())));
    }
}

#[test]
fn the_signature_matches_the_vector_of_standard_webhooks() {
    // From the test suites of the specification's libraries.
    let key = SigningKey::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").expect("a key");
    let id = "msg_p5jXN8AQM9LWM0D4loKWxJek";
    let signature = signature(&key, id, 1_614_265_330, r#"{"test": 2432232314}"#);
    assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
}

#[test]
fn a_webhook_without_secret_or_tls_prevents_the_start() {
    let home = Home::without_provider().with("GOCLAW_WEBHOOK__URL", "https://owner.example/hook");
    let output = home.run(&["serve"]);
    assert_eq!(output.code, Some(2));
    assert!(output.stderr.contains("missing setting webhook.secret"), "{}", output.stderr);
    let output = home.with("GOCLAW_WEBHOOK__SECRET", "canary").run(&["serve"]);
    assert!(output.stderr.contains("24 characters") && !output.stderr.contains("canary"), "{}", output.stderr);
    let output = Home::without_provider().with("GOCLAW_WEBHOOK__URL", "http://owner.example/hook").run(&["serve"]);
    assert!(output.stderr.contains("it must be https"), "{}", output.stderr);
}

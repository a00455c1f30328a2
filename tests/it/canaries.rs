//! Searches logs, output, responses, the data folder, and the gateway's arguments and environment for secrets, at the
//! most verbose log level.

use std::{collections::BTreeMap, fs, io::ErrorKind, path::Path};

use reqwest::Method;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use crate::support::{
    gateway::{Gateway, Home, HttpResponse, eventually, http},
    leaks::MARKERS,
    provider::Provider,
};

const SESSION_TOKEN: &str = "canary-session-token-4711";
const API_KEY: &str = "sk-canary-api-key-4711";
const GATEWAY_TOKEN: &str = "canary-gateway-token-4711-of-this-test";
const WRONG_TOKEN: &str = "canary-wrong-token-4711";
const WRONG_STATE: &str = "canary-wrong-state-4711";
const WRONG_CODE: &str = "canary-wrong-code-4711";

/// The content of each searched place, by the name of the place.
type Places = BTreeMap<String, Vec<u8>>;

/// Secrets with their descriptions. Messages show only the description.
type Secrets = Vec<(String, &'static str)>;

/// Returns every place that contains a secret.
fn leaks(places: &Places, secrets: &Secrets) -> Vec<String> {
    let mut found = Vec::new();
    for (place, bytes) in places {
        // Secrets are ASCII, so the lossy conversion of binary files keeps them.
        let text = String::from_utf8_lossy(bytes);
        for (secret, what) in secrets {
            if text.contains(secret) || text.contains(&secret.replace('/', "\\/")) {
                found.push(format!("{what} is in {place}"));
            }
        }
    }
    found
}

/// A gateway, its secrets and the places to search.
struct Run {
    provider: Provider,
    home: Home,
    gateway: Gateway,
    places: Places,
    secrets: Secrets,
}

impl Run {
    async fn new(home: impl FnOnce(&Provider) -> Home) -> Self {
        let provider = Provider::approving();
        let home = home(&provider);
        let gateway = home.start().await;
        let mut secrets = vec![(gateway.token.clone(), "the gateway's token")];
        secrets.extend(MARKERS.map(|marker| (marker.to_owned(), "a marker of the provider")));
        let submitted = [SESSION_TOKEN, API_KEY, WRONG_TOKEN, WRONG_STATE, WRONG_CODE];
        secrets.extend(submitted.map(|secret| (secret.to_owned(), "a submitted secret")));
        Self { provider, home, gateway, places: Places::new(), secrets }
    }

    /// Sends a request and keeps its response.
    async fn call(&mut self, method: Method, path: &str, body: serde_json::Value) -> HttpResponse {
        let response = self.gateway.call(method.clone(), path, Some(body)).await;
        self.keep(&format!("the response to {method} {path}"), &format!("{:?}{}", response.headers, response.text));
        response
    }

    fn keep(&mut self, place: &str, text: &str) {
        let count = self.places.len();
        self.places.insert(format!("{place} ({count})"), text.as_bytes().to_vec());
    }

    /// Starts a login, records its state and challenge as secrets, and returns its redirect. The response is not kept.
    async fn approve_login(&mut self) -> String {
        let body = json!({"force": true});
        let started = self.gateway.post("/v1/auth/openai/start", body).await.json();
        let auth_url = started["auth_url"].as_str().unwrap_or_default().to_owned();
        for (name, value) in url::Url::parse(&auth_url).iter().flat_map(url::Url::query_pairs) {
            match name.as_ref() {
                "state" => self.secrets.push((value.into_owned(), "a login's state")),
                "code_challenge" => self.secrets.push((value.into_owned(), "a login's challenge")),
                _ => {}
            }
        }
        self.provider.redirect_for(&auth_url).await
    }

    async fn paste(&mut self, redirect_url: &str, expected: u16) {
        let response = self.call(Method::POST, "/v1/auth/openai/callback", json!({"redirect_url": redirect_url})).await;
        assert_eq!(response.status, expected, "{}", response.text);
    }

    /// Visits the callback and its outcome page, and keeps the responses.
    async fn visit(&mut self, redirect_url: &str) {
        let mut url = redirect_url.to_owned();
        for _ in 0..2 {
            let response = HttpResponse::of(http().get(&url).send().await.unwrap()).await;
            self.keep("a page", &format!("{:?}{}", response.headers, response.text));
            url = format!("http://localhost:{}{}", self.home.callback_port, response.header("location"));
        }
    }

    fn run_command(&mut self, arguments: &[&str], input: &str) {
        let output = self.home.run_with_input(arguments, input);
        self.keep(&arguments.join(" "), &format!("{}{}", output.stdout, output.stderr));
    }

    async fn run_login_command(&mut self) {
        let command = self.home.command(&["auth", "login", "--force", "--no-browser"]);
        let mut child = self.home.spawn(command, "login");
        let home = &self.home;
        let printed_address = || async {
            let text = home.printed("login", "stdout");
            text.lines().map(str::trim).find(|line| line.contains("&state=")).map(str::to_owned)
        };
        let auth_url = eventually("the address to open", printed_address).await;
        let redirect_url = self.provider.redirect_for(&auth_url).await;
        self.visit(&redirect_url).await;
        let exit_status = || std::future::ready(child.try_wait().unwrap());
        assert!(eventually("the command to end", exit_status).await.success());
        // The command prints the address with the state on purpose.
        let stdout = self.home.printed("login", "stdout").replace(&auth_url, "");
        self.keep("auth login", &format!("{stdout}{}", self.home.printed("login", "stderr")));
        let state = auth_url.split("state=").nth(1).and_then(|rest| rest.split('&').next());
        self.secrets.push((state.unwrap().to_owned(), "a login's state"));
    }

    /// Runs logins and commands and pastes secrets, with and without errors.
    async fn use_gateway(&mut self) {
        let redirect_url = self.approve_login().await;
        self.visit(&redirect_url).await;
        let redirect_url = self.approve_login().await;
        let redirect_uri = format!("http://localhost:{}/auth/callback", self.home.callback_port);
        self.paste(&format!("{redirect_uri}?code={WRONG_CODE}&state={WRONG_STATE}"), 400).await;
        self.paste(&format!("{redirect_uri}?code={WRONG_CODE}"), 400).await;
        self.paste(&format!("{redirect_url}&code={WRONG_CODE}"), 400).await;
        self.visit(&format!("{redirect_uri}?code={WRONG_CODE}&state={WRONG_STATE}")).await;
        self.paste(&redirect_url, 200).await;
        self.paste(&redirect_url, 410).await;
        for fault in [
            json!({"kind": "status", "status": 400, "body": "{\"error\": \"CANARY refused\"}"}),
            json!({"kind": "status", "status": 502, "body": "<html>CANARY</html>", "content_type": "text/html"}),
            json!({"kind": "redirect", "status": 302, "location": "http://127.0.0.1:1/CANARY"}),
            json!({"kind": "half_json"}),
            json!({"kind": "lose_answer"}),
        ] {
            let redirect_url = self.approve_login().await;
            self.provider.fail_next_exchange(fault).await;
            self.paste(&redirect_url, 502).await;
        }
        let redirect_url = self.approve_login().await;
        self.paste(&redirect_url, 200).await;

        let session_token_body = |secret: &str| json!({ "session_token": secret });
        let unchecked = json!({ "session_token": SESSION_TOKEN, "unchecked": true });
        self.call(Method::PUT, "/v1/auth/suno/secret", unchecked).await;
        self.call(Method::PUT, "/v1/auth/suno/secret", session_token_body(SESSION_TOKEN)).await;
        self.call(Method::PUT, "/v1/auth/openai/secret", session_token_body(SESSION_TOKEN)).await;
        self.call(Method::PUT, "/v1/auth/suno/secret", json!({"sesion_token": SESSION_TOKEN})).await;
        self.call(Method::PUT, "/v1/auth/suno/secret", session_token_body(&format!("{SESSION_TOKEN} "))).await;
        self.call(Method::PUT, "/v1/auth/suno/secret", session_token_body(&format!("{SESSION_TOKEN} x"))).await;
        self.run_command(&["providers", "set-secret", "--unchecked", "dashscope"], API_KEY);
        self.run_command(&["providers", "set-secret", "dashscope"], API_KEY);
        self.run_command(&["providers", "set-secret", "openai"], API_KEY);
        self.run_command(&["providers", "set-secret", "suno"], &format!("{API_KEY} x"));
        self.run_command(&["providers", "list"], "");
        self.run_command(&["auth", "status"], "");
        self.run_login_command().await;

        let url = format!("{}/v1/providers", self.gateway.base);
        let refused = HttpResponse::of(http().get(url).bearer_auth(WRONG_TOKEN).send().await.unwrap()).await;
        assert_eq!(refused.status, 401);
        self.keep("a refused token", &format!("{:?}{}", refused.headers, refused.text));
        let half = http().put(format!("{}/v1/auth/suno/secret", self.gateway.base)).bearer_auth(&self.gateway.token);
        let half =
            half.header("content-type", "application/json").body(format!("{{\"session_token\": \"{SESSION_TOKEN}"));
        let half = HttpResponse::of(half.send().await.unwrap()).await;
        self.keep("half a body", &half.text);
        self.call(Method::GET, "/v1/auth/openai/status", json!({})).await;
        self.call(Method::GET, "/v1/providers", json!({})).await;
    }

    /// Collects the places other than responses. `excluded` names the files that contain a secret on purpose.
    async fn collect(&mut self, excluded: &[&str]) {
        for secret in self.provider.issued().await {
            self.secrets.push((secret, "a code or token of the provider"));
        }
        for stream in ["stdout", "stderr"] {
            let text = self.home.printed("gateway", stream);
            self.keep(&format!("the gateway's {stream}"), &text);
        }
        self.collect_files(&self.home.data_dir(), excluded);
        for name in ["cmdline", "environ"] {
            let path = format!("/proc/{}/{name}", self.gateway.process_id());
            match fs::read(&path) {
                Ok(content) => drop(self.places.insert(path, content)),
                // Only root may read the environment of a process that is not dumpable.
                Err(error) => assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{path}"),
            }
        }
    }

    fn collect_files(&mut self, folder: &Path, excluded: &[&str]) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                self.collect_files(&path, excluded);
            } else if !excluded.iter().any(|name| path.ends_with(name)) {
                self.places.insert(path.display().to_string(), fs::read(&path).unwrap());
            }
        }
    }
}

#[tokio::test]
async fn no_secret_appears_in_plain_text() {
    let mut run = Run::new(Home::new).await;
    run.use_gateway().await;
    let key = fs::read_to_string(run.home.data_dir().join("encryption.key")).unwrap();
    run.secrets.push((key.trim().to_owned(), "the encryption key"));
    run.collect(&["gateway.token", "encryption.key"]).await;
    assert!(run.home.count_accounts_and_refresh_tokens() == (3, 1), "secrets are stored");
    assert!(run.provider.issued().await.len() > 20 && run.secrets.len() > 30, "there are secrets to search for");
    for place in ["goclaw.db", "goclaw.db-wal", "/cmdline", "/environ", "the gateway's stderr"] {
        assert!(
            run.places.iter().any(|(name, bytes)| name.contains(place) && !bytes.is_empty()),
            "{place} was searched"
        );
    }
    assert!(run.home.printed("gateway", "stderr").contains("TRACE"), "the log level is trace");
    assert_eq!(leaks(&run.places, &run.secrets), [""; 0]);

    // Deleted secrets must not remain in free database pages.
    run.call(Method::POST, "/v1/auth/openai/logout", json!({})).await;
    run.places.clear();
    run.collect(&["gateway.token", "encryption.key"]).await;
    assert_eq!(leaks(&run.places, &run.secrets), [""; 0]);
}

#[tokio::test]
async fn a_configured_token_appears_only_in_the_environment() {
    let home = |provider: &Provider| Home::new(provider).with("GOCLAW_SERVER__TOKEN", GATEWAY_TOKEN);
    let mut run = Run::new(home).await;
    let redirect_url = run.approve_login().await;
    run.visit(&redirect_url).await;
    run.collect(&["encryption.key"]).await;
    run.places.retain(|place, _| !place.ends_with("/environ"));
    assert_eq!(leaks(&run.places, &run.secrets), [""; 0]);
}

/// Only the token endpoint sees the verifier, so the test provides the endpoint.
#[tokio::test]
async fn a_verifier_is_sent_only_to_the_token_endpoint() {
    let endpoint = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let token_url = format!("http://{}/token", endpoint.local_addr().unwrap());
    let home = |provider: &Provider| Home::new(provider).with("GOCLAW_PROVIDERS__OPENAI_CODEX__TOKEN_URL", &token_url);
    let mut run = Run::new(home).await;
    let redirect_url = run.approve_login().await;
    let body = json!({"redirect_url": redirect_url});
    let request = http().post(format!("{}/v1/auth/openai/callback", run.gateway.base)).bearer_auth(&run.gateway.token);
    let response = async {
        let (mut stream, _) = endpoint.accept().await.unwrap();
        let (mut seen, mut bytes) = (String::new(), vec![0; 4096]);
        while !is_complete(&seen) {
            let length = stream.read(&mut bytes).await.unwrap();
            assert!(length > 0, "the request ended too early: {seen}");
            seen.push_str(std::str::from_utf8(&bytes[..length]).unwrap());
        }
        // During the exchange the login's row still contains the verifier.
        run.collect(&["gateway.token", "encryption.key"]).await;
        let tokens = json!({"access_token": "CANARY-access", "refresh_token": "CANARY-refresh", "expires_in": 3600});
        let tokens = tokens.to_string();
        let head =
            format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n", tokens.len());
        stream.write_all(format!("{head}{tokens}").as_bytes()).await.unwrap();
        let verifier = seen.split("code_verifier=").nth(1).and_then(|rest| rest.split('&').next()).unwrap();
        assert!(verifier.len() >= 43, "RFC 7636 section 4.1: {seen}");
        (verifier.to_owned(), "a login's verifier")
    };
    let (response, verifier) = tokio::join!(request.json(&body).send(), response);
    assert_eq!(response.unwrap().status(), 200);
    run.secrets.push(verifier);
    assert_eq!(leaks(&run.places, &run.secrets), [""; 0]);
    run.places.clear();
    run.collect(&["gateway.token", "encryption.key"]).await;
    assert_eq!(leaks(&run.places, &run.secrets), [""; 0]);
}

fn is_complete(request: &str) -> bool {
    let Some((head, body)) = request.split_once("\r\n\r\n") else { return false };
    let head = head.to_lowercase();
    let length = head.split("content-length: ").nth(1).and_then(|rest| rest.split("\r\n").next());
    length.and_then(|length| length.parse().ok()).is_some_and(|length: usize| body.len() >= length)
}

#[tokio::test]
async fn the_search_finds_planted_secrets() {
    let mut run = Run::new(Home::new).await;
    let redirect_url = run.approve_login().await;
    run.visit(&redirect_url).await;
    let issued = run.provider.issued().await;
    run.home.plants_secrets = true;
    // The shortest secret, because a long one could be split over two database pages.
    let token = issued.iter().min_by_key(|secret| secret.len()).unwrap();
    run.home.change_database(&format!("UPDATE llm_providers SET display_name = '{token}'"));
    run.collect(&["encryption.key"]).await;
    let found = leaks(&run.places, &run.secrets);
    let finds = |what: &str, place: &str| found.iter().any(|leak| leak.starts_with(what) && leak.contains(place));
    assert!(finds("a code or token of the provider is in", "goclaw.db"), "{found:?}");
    assert!(finds("a marker of the provider is in", "goclaw.db"), "{found:?}");
    assert!(finds("the gateway's token is in", "gateway.token"), "{found:?}");
    for (secret, what) in &run.secrets {
        let planted = Places::from([("a log".to_owned(), format!("before {secret} after").into_bytes())]);
        assert!(leaks(&planted, &run.secrets).contains(&format!("{what} is in a log")));
    }
}

//! The fixture of these tests: a simulator and a public OAuth client with PKCE.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use goclaw_simulator::{Options, Settings, Simulator};
use reqwest::{
    Client, Response,
    header::{HeaderMap, LOCATION},
    redirect::Policy,
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::{io::AsyncWriteExt, net::TcpStream, time::timeout};
use url::Url;

pub(crate) const CLIENT_ID: &str = "app_EMoamEEZ73f0CkXaXp7hrann";
pub(crate) const REDIRECT_URI: &str = "http://localhost:1455/auth/callback";
pub(crate) const VERIFIER: &str = "a-verifier-of-at-least-forty-three-characters-for-tests";
pub(crate) const STATE: &str = "the state, unchanged & escaped";

/// Longer than any response of the simulator, unless it hangs on purpose.
const TIMEOUT: Duration = Duration::from_secs(20);

/// The poll interval for conditions without a notification.
const POLL_INTERVAL: Duration = Duration::from_millis(2);

/// A simulator and an HTTP client that follows no redirect.
pub(crate) struct Fixture {
    pub(crate) simulator: Simulator,
    pub(crate) http: Client,
}

impl Fixture {
    pub(crate) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut Settings)) -> Self {
        // Every test installs the TLS provider; only the first call succeeds.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut options = Options::default();
        change(&mut options.settings);
        let simulator = Simulator::start(options).await.unwrap();
        Self { simulator, http: Self::fresh_client() }
    }

    /// Returns a client without open connections.
    pub(crate) fn fresh_client() -> Client {
        Client::builder().redirect(Policy::none()).no_proxy().timeout(TIMEOUT).build().unwrap()
    }

    /// Returns the authorization URL with some parameters replaced; an empty value removes one.
    pub(crate) fn authorize_url(&self, replaced: &[(&str, &str)]) -> Url {
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(VERIFIER));
        let mut parameters = vec![
            ("response_type", "code"),
            ("client_id", CLIENT_ID),
            ("redirect_uri", REDIRECT_URI),
            ("scope", "openid profile email offline_access"),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
            ("state", STATE),
        ];
        parameters.retain(|(name, _)| !replaced.iter().any(|(other, _)| other == name));
        parameters.extend(replaced.iter().filter(|(_, value)| !value.is_empty()));
        Url::parse_with_params(&format!("{}/oauth/authorize", self.simulator.issuer()), parameters).unwrap()
    }

    pub(crate) async fn authorize(&self, replaced: &[(&str, &str)]) -> Response {
        self.http.get(self.authorize_url(replaced)).send().await.unwrap()
    }

    pub(crate) async fn code(&self) -> String {
        callback(&self.authorize(&[]).await)["code"].clone()
    }

    pub(crate) async fn token_form(&self, form: &[(&str, &str)]) -> Answer {
        let url = format!("{}/oauth/token", self.simulator.issuer());
        Answer::of(self.http.post(url).form(form).send().await.unwrap()).await
    }

    pub(crate) async fn exchange(&self, code: &str) -> Answer {
        self.token_form(&exchange_form(code)).await
    }

    pub(crate) async fn sign_in(&self) -> Tokens {
        self.exchange(&self.code().await).await.tokens()
    }

    pub(crate) async fn try_refresh(&self, refresh_token: &str) -> Result<Response, reqwest::Error> {
        let url = format!("{}/oauth/token", self.simulator.issuer());
        let body = json!({"client_id": CLIENT_ID, "grant_type": "refresh_token", "refresh_token": refresh_token});
        self.http.post(url).json(&body).send().await
    }

    pub(crate) async fn refresh(&self, refresh_token: &str) -> Answer {
        Answer::of(self.try_refresh(refresh_token).await.unwrap()).await
    }

    /// Sends a whole refresh request on its own connection. Dropping the connection simulates a killed client.
    pub(crate) async fn send_refresh(&self, refresh_token: &str) -> TcpStream {
        let body = json!({"client_id": CLIENT_ID, "grant_type": "refresh_token", "refresh_token": refresh_token});
        let body = body.to_string();
        let request = format!(
            "POST /oauth/token HTTP/1.1\r\nhost: simulator\r\ncontent-type: application/json\r\n\
             content-length: {}\r\n\r\n{body}",
            body.len()
        );
        let mut connection = TcpStream::connect(host_and_port(self.simulator.issuer())).await.unwrap();
        connection.write_all(request.as_bytes()).await.unwrap();
        connection
    }

    /// Sends a GET to the control API and returns the JSON.
    pub(crate) async fn get_control(&self, path: &str) -> Value {
        let url = format!("{}{path}", self.simulator.control_url());
        Answer::of(self.http.get(url).send().await.unwrap()).await.json()
    }

    /// Sends a POST to the control API.
    pub(crate) async fn post_control(&self, path: &str, body: Value) -> Answer {
        let url = format!("{}{path}", self.simulator.control_url());
        Answer::of(self.http.post(url).json(&body).send().await.unwrap()).await
    }

    pub(crate) async fn revoke(&self, token: &str) -> Answer {
        let url = format!("{}/oauth/revoke", self.simulator.issuer());
        Answer::of(self.http.post(url).json(&json!({"token": token})).send().await.unwrap()).await
    }
}

/// Returns the `127.0.0.1:PORT` of an origin.
pub(crate) fn host_and_port(url: &str) -> &str {
    url.strip_prefix("http://").unwrap().split('/').next().unwrap()
}

/// Waits for a future. Panics after `TIMEOUT`.
pub(crate) async fn within_timeout<T>(awaited: impl Future<Output = T>) -> T {
    timeout(TIMEOUT, awaited).await.unwrap()
}

/// Polls until a condition holds. Panics after `TIMEOUT`.
pub(crate) async fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let began = Instant::now();
    while !condition() {
        assert!(began.elapsed() < TIMEOUT, "never: {what}");
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}

pub(crate) fn exchange_form(code: &str) -> [(&str, &str); 5] {
    [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", REDIRECT_URI),
        ("client_id", CLIENT_ID),
        ("code_verifier", VERIFIER),
    ]
}

/// Returns the parameters of the redirect back to the client.
pub(crate) fn callback(response: &Response) -> HashMap<String, String> {
    let location = Url::parse(response.headers()[LOCATION].to_str().unwrap()).unwrap();
    assert!(location.as_str().starts_with(&format!("{REDIRECT_URI}?")), "{location}");
    location.query_pairs().into_owned().collect()
}

/// A response whose body has been read.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) async fn of(response: Response) -> Self {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Self { status, headers, text: response.text().await.unwrap() }
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap()
    }

    pub(crate) fn tokens(&self) -> Tokens {
        assert_eq!(self.status, 200, "{}", self.text);
        let member = |name: &str| self.json()[name].as_str().unwrap_or_default().to_owned();
        Tokens { id: member("id_token"), access: member("access_token"), refresh: member("refresh_token") }
    }

    /// Returns the status and `error.code`.
    pub(crate) fn refusal(&self) -> (u16, String) {
        (self.status, self.json()["error"]["code"].as_str().unwrap_or_default().to_owned())
    }
}

pub(crate) struct Tokens {
    pub(crate) id: String,
    pub(crate) access: String,
    pub(crate) refresh: String,
}

/// Decodes the header (0) or the claims (1) of a JWT.
pub(crate) fn jwt_part(jwt: &str, part: usize) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(jwt.split('.').nth(part).unwrap()).unwrap()).unwrap()
}

/// Returns the expected value of [`Answer::refusal`].
pub(crate) fn refused(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

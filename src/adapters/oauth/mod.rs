//! The provider's token and revocation endpoints over HTTPS.
//!
//! One call is one request: no redirect is followed with a secret in hand, nothing is retried, the answer is bounded in
//! time and size. What the provider writes stays here; only a known error code gets out.

mod answer;
mod error_code;

use std::time::Duration;

use async_trait::async_trait;
use reqwest::{Client, RequestBuilder, Response, StatusCode, header, redirect, retry};
use secrecy::ExposeSecret;
use serde_json::json;

use crate::{
    domain::{
        grant::{CodeGrant, TokenGrant},
        oauth_client::{BodyFormat, EndpointUrl, OAuthClient},
        secret::RefreshToken,
    },
    ports::{Doubt, GrantError, OAuthEndpoint},
};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// From the first byte of the connection to the last of the answer.
const TOTAL_TIMEOUT: Duration = Duration::from_secs(20);
/// A logout does not wait longer than this for the provider.
const REVOKE_TIMEOUT: Duration = Duration::from_secs(10);
/// Far above any real answer, which is a few tokens.
const MAX_ANSWER_BYTES: usize = 256 * 1024;
/// A longer wish would outlast the access token it is about.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(60 * 60);

#[derive(Debug, Clone)]
pub struct HttpOAuthEndpoint {
    client: Client,
}

impl HttpOAuthEndpoint {
    /// Fails if the system's TLS roots cannot be read.
    pub fn new() -> Result<Self, reqwest::Error> {
        let client = Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(TOTAL_TIMEOUT)
            .redirect(redirect::Policy::none())
            .retry(retry::never())
            .no_proxy()
            // A kept connection may be dead, and then nobody can tell whether the request was read.
            .pool_max_idle_per_host(0)
            .user_agent(concat!("goclaw/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Self { client })
    }

    fn post(&self, url: &EndpointUrl) -> RequestBuilder {
        self.client.post(url.as_str()).header(header::ACCEPT, "application/json")
    }
}

#[async_trait]
impl OAuthEndpoint for HttpOAuthEndpoint {
    async fn exchange_code(&self, client: &OAuthClient, grant: CodeGrant) -> Result<TokenGrant, GrantError> {
        let request = self.post(&client.token_url).form(&[
            ("grant_type", "authorization_code"),
            ("client_id", &client.client_id),
            ("code", grant.code.expose_secret()),
            ("redirect_uri", &client.redirect_uri),
            ("code_verifier", grant.verifier.expose_secret()),
        ]);
        token_answer(send(request).await?)
    }

    async fn refresh(
        &self,
        client: &OAuthClient,
        token: &RefreshToken,
        limit: Duration,
    ) -> Result<TokenGrant, GrantError> {
        let request = self.post(&client.token_url).timeout(limit);
        let (token, kind, id) = (token.expose_secret(), "refresh_token", &client.client_id);
        let request = match client.body_format {
            BodyFormat::Json => request.json(&json!({"client_id": id, "grant_type": kind, "refresh_token": token})),
            BodyFormat::Form => request.form(&[("grant_type", kind), ("refresh_token", token), ("client_id", id)]),
        };
        token_answer(send(request).await?)
    }

    async fn revoke(&self, client: &OAuthClient, token: &RefreshToken) -> Result<(), GrantError> {
        let Some(url) = &client.revoke_url else {
            return Err(GrantError::Unavailable { why: "it has no revocation endpoint" });
        };
        let request = self.post(url).timeout(REVOKE_TIMEOUT);
        let (token, hint, id) = (token.expose_secret(), "refresh_token", &client.client_id);
        let request = match client.body_format {
            BodyFormat::Json => request.json(&json!({"token": token, "token_type_hint": hint, "client_id": id})),
            BodyFormat::Form => request.form(&[("token", token), ("token_type_hint", hint), ("client_id", id)]),
        };
        send(request).await.map(drop)
    }
}

/// A successful answer.
struct Answer {
    status: StatusCode,
    /// Whether it says so itself: a page that happens to parse is not an answer of a token endpoint.
    is_json: bool,
    body: Vec<u8>,
}

fn token_answer(answer: Answer) -> Result<TokenGrant, GrantError> {
    let grant = if answer.is_json { answer::parse(&answer.body) } else { None };
    grant.ok_or(GrantError::Indeterminate(Doubt::Unreadable(answer.status.as_u16())))
}

/// How long to stay away (RFC 9110 section 10.2.3), in its form of seconds; the other one, a date, is not used here.
fn retry_after(response: &Response) -> Option<Duration> {
    let seconds = response.headers().get(header::RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds).min(LONGEST_RETRY_AFTER))
}

/// Sends a request and reads a successful answer.
async fn send(request: RequestBuilder) -> Result<Answer, GrantError> {
    let response = request.send().await.map_err(|error| lost(&error))?;
    let status = response.status();
    if status.is_server_error() {
        return Err(GrantError::Indeterminate(Doubt::ServerError(status.as_u16())));
    }
    if status == StatusCode::TOO_MANY_REQUESTS {
        return Err(GrantError::RateLimited { retry_after: retry_after(&response) });
    }
    let media_type = response.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let is_json = media_type.is_some_and(|value| value.to_ascii_lowercase().contains("json"));
    let body = read(response).await;
    if status.is_client_error() {
        // A refusal is a refusal, readable or not.
        let code = error_code::known(body.as_deref().unwrap_or_default());
        return Err(GrantError::Rejected { status: status.as_u16(), code });
    }
    if !status.is_success() {
        return Err(GrantError::Indeterminate(Doubt::Unreadable(status.as_u16())));
    }
    Ok(Answer { status, is_json, body: body? })
}

/// Reads a body up to the limit.
async fn read(mut response: Response) -> Result<Vec<u8>, GrantError> {
    let status = response.status().as_u16();
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| lost(&error))? {
        if body.len() + chunk.len() > MAX_ANSWER_BYTES {
            return Err(GrantError::Indeterminate(Doubt::Unreadable(status)));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// Whether the provider can have seen the request decides everything that follows.
fn lost(error: &reqwest::Error) -> GrantError {
    if error.is_connect() {
        GrantError::Unavailable { why: "no connection could be made" }
    } else if error.is_timeout() {
        GrantError::Indeterminate(Doubt::TimedOut)
    } else {
        GrantError::Indeterminate(Doubt::ConnectionLost)
    }
}

//! The provider's token and revocation endpoints over HTTPS; and, over the same careful client, where the tokens of browser
//! sessions are refreshed.
//!
//! One call is one request: no redirect is followed with a secret in hand, nothing is retried, the answer is bounded in
//! time and size. What the provider writes stays here; only a known error code gets out.

mod answer;
mod error_code;
mod send;
mod sessions;

use std::time::Duration;

use async_trait::async_trait;
use reqwest::{Client, RequestBuilder, header, redirect, retry};
use secrecy::ExposeSecret;
use serde_json::json;

use crate::{
    domain::{
        oauth_client::{BodyFormat, EndpointUrl, OAuthClient},
        secret::RefreshToken,
        token_response::{CodeGrant, TokenResponse},
    },
    ports::{Doubt, OAuthEndpoint, TokenEndpointError},
};
use send::{Answer, send};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// From the first byte of the connection to the last of the answer.
const TOTAL_TIMEOUT: Duration = Duration::from_secs(20);
/// A logout does not wait longer than this for the provider.
const REVOKE_TIMEOUT: Duration = Duration::from_secs(10);

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
    async fn exchange_code(&self, client: &OAuthClient, grant: CodeGrant) -> Result<TokenResponse, TokenEndpointError> {
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
    ) -> Result<TokenResponse, TokenEndpointError> {
        let request = self.post(&client.token_url).timeout(limit);
        let (token, kind, id) = (token.expose_secret(), "refresh_token", &client.client_id);
        let request = match client.body_format {
            BodyFormat::Json => request.json(&json!({"client_id": id, "grant_type": kind, "refresh_token": token})),
            BodyFormat::Form => request.form(&[("grant_type", kind), ("refresh_token", token), ("client_id", id)]),
        };
        token_answer(send(request).await?)
    }

    async fn revoke(&self, client: &OAuthClient, token: &RefreshToken) -> Result<(), TokenEndpointError> {
        let Some(url) = &client.revoke_url else {
            return Err(TokenEndpointError::Unavailable { why: "it has no revocation endpoint" });
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

fn token_answer(answer: Answer) -> Result<TokenResponse, TokenEndpointError> {
    let grant = if answer.is_json { answer::parse(&answer.body) } else { None };
    grant.ok_or(TokenEndpointError::Indeterminate(Doubt::Unreadable(answer.status.as_u16())))
}

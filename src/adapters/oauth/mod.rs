//! Calls the provider's token and revocation endpoints, and the endpoints that return session tokens for a browser's
//! cookie.
//!
//! Each call sends one request: the client follows no redirects and does not retry. The time and the size of a response
//! are limited. Of a provider's error text, only known error codes leave this adapter.

mod error_code;
mod send;
mod sessions;
mod token_response;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use reqwest::{Client, Method, RequestBuilder, header};
use secrecy::ExposeSecret;
use serde_json::json;

use crate::{
    adapters::outbound::{Outbound, PerProxy, ProxySelector},
    domain::{
        ids::AccountName,
        oauth_client::{BodyFormat, EndpointUrl, OAuthClient},
        outbound_proxy::ProxyUrl,
        secret::RefreshToken,
        token_response::{CodeGrant, TokenResponse},
    },
    ports::{Clock, OAuthEndpoint, TokenEndpointError},
};
pub use token_response::parse as parse_token_response;

use send::{SuccessResponse, send, within, without_tokens};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Time limit of a code exchange, from connecting to the last byte of the response.
const EXCHANGE_TIMEOUT: Duration = Duration::from_secs(20);
/// Time limit of a revocation. A logout waits for it.
const REVOKE_TIMEOUT: Duration = Duration::from_secs(10);

#[derive(Clone)]
pub struct HttpOAuthEndpoint {
    clients: PerProxy<Client>,
    proxies: ProxySelector,
    clock: Arc<dyn Clock>,
}

impl HttpOAuthEndpoint {
    /// Creates a client for the direct connection and for each proxy.
    ///
    /// # Errors
    /// The client cannot be set up.
    pub fn new(outbound: &Outbound, clock: Arc<dyn Clock>) -> Result<Self, reqwest::Error> {
        let clients = outbound.clients(|client| client.connect_timeout(CONNECT_TIMEOUT))?;
        Ok(Self { clients, proxies: outbound.proxies().clone(), clock })
    }

    /// Returns a request builder of the client for the account's proxy, and that proxy.
    fn request(&self, account: &AccountName, method: Method, url: &EndpointUrl) -> (RequestBuilder, Option<&ProxyUrl>) {
        let index = self.proxies.index_for_text(url.as_str(), Some(account));
        let request = self.clients.of(index).request(method, url.as_str()).header(header::ACCEPT, "application/json");
        (request, self.proxies.proxy(index))
    }
}

#[async_trait]
impl OAuthEndpoint for HttpOAuthEndpoint {
    async fn exchange_code(
        &self,
        account: &AccountName,
        client: &OAuthClient,
        grant: CodeGrant,
    ) -> Result<TokenResponse, TokenEndpointError> {
        let (request, proxy) = self.request(account, Method::POST, &client.token_url);
        let request = request.form(&[
            ("grant_type", "authorization_code"),
            ("client_id", &client.client_id),
            ("code", grant.code.expose_secret()),
            ("redirect_uri", &client.redirect_uri),
            ("code_verifier", grant.verifier.expose_secret()),
        ]);
        parse_tokens(within(EXCHANGE_TIMEOUT, send(request, proxy, self.clock.as_ref())).await?)
    }

    async fn refresh(
        &self,
        account: &AccountName,
        client: &OAuthClient,
        token: &RefreshToken,
        timeout: Duration,
    ) -> Result<TokenResponse, TokenEndpointError> {
        let (request, proxy) = self.request(account, Method::POST, &client.token_url);
        let (token, kind, id) = (token.expose_secret(), "refresh_token", &client.client_id);
        let request = match client.body_format {
            BodyFormat::Json => request.json(&json!({"client_id": id, "grant_type": kind, "refresh_token": token})),
            BodyFormat::Form => request.form(&[("grant_type", kind), ("refresh_token", token), ("client_id", id)]),
        };
        parse_tokens(within(timeout, send(request, proxy, self.clock.as_ref())).await?)
    }

    async fn revoke(
        &self,
        account: &AccountName,
        client: &OAuthClient,
        token: &RefreshToken,
    ) -> Result<(), TokenEndpointError> {
        let Some(url) = &client.revoke_url else {
            return Err(TokenEndpointError::Unavailable { why: "it has no revocation endpoint" });
        };
        let (request, proxy) = self.request(account, Method::POST, url);
        let (token, hint, id) = (token.expose_secret(), "refresh_token", &client.client_id);
        let request = match client.body_format {
            BodyFormat::Json => request.json(&json!({"token": token, "token_type_hint": hint, "client_id": id})),
            BodyFormat::Form => request.form(&[("token", token), ("token_type_hint", hint), ("client_id", id)]),
        };
        within(REVOKE_TIMEOUT, send(request, proxy, self.clock.as_ref())).await.map(drop)
    }
}

fn parse_tokens(response: SuccessResponse) -> Result<TokenResponse, TokenEndpointError> {
    // The media type is not checked: even with a wrong one, the body may contain the only valid tokens.
    token_response::parse(&response.body).ok_or_else(|| without_tokens(&response))
}

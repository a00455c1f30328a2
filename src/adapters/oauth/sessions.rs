//! Refreshes session tokens as Clerk's frontend API does: the request presents the browser's cookie, the response is a
//! JWT.

use std::time::Duration;

use async_trait::async_trait;
use reqwest::{Method, StatusCode, header::HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::{
    HttpOAuthEndpoint,
    send::{SuccessResponse, send, within},
};
use crate::{
    domain::{
        oauth_client::EndpointUrl,
        secret::{AccessToken, RefreshToken},
        session_client::SessionClient,
        token_response::TokenResponse,
    },
    ports::{Doubt, SessionEndpoint, TokenEndpointError},
};

#[derive(Deserialize)]
struct SessionToken {
    jwt: SecretString,
}

#[derive(Deserialize)]
struct ClientResponse {
    response: Option<ClientSessions>,
}

#[derive(Deserialize)]
struct ClientSessions {
    last_active_session_id: Option<String>,
}

#[async_trait]
impl SessionEndpoint for HttpOAuthEndpoint {
    async fn refresh(
        &self,
        client: &SessionClient,
        session: Option<&str>,
        cookie: &RefreshToken,
        limit: Duration,
    ) -> Result<TokenResponse, TokenEndpointError> {
        let refreshing = async {
            let known = match session.filter(|id| is_id(id)) {
                Some(id) => self.refresh_session(client, id, cookie).await?,
                None => None,
            };
            if let Some(tokens) = known {
                return Ok(tokens);
            }
            let active = self.last_active_session(client, cookie).await?;
            let refreshed = match active {
                Some(id) => self.refresh_session(client, &id, cookie).await?,
                None => None,
            };
            // No session of this browser is signed in.
            refreshed.ok_or(TokenEndpointError::Rejected { status: 401, code: "unknown" })
        };
        within(limit, refreshing).await
    }
}

impl HttpOAuthEndpoint {
    /// Refreshes one session. Returns None if the session no longer exists.
    async fn refresh_session(
        &self,
        client: &SessionClient,
        id: &str,
        cookie: &RefreshToken,
    ) -> Result<Option<TokenResponse>, TokenEndpointError> {
        let path = format!("/v1/client/sessions/{id}/tokens");
        let response = match self.with_cookie(Method::POST, client, &path, cookie).await {
            Err(TokenEndpointError::Rejected { status: 404, .. }) => return Ok(None),
            response => response?,
        };
        let token: SessionToken = parse(&response)?;
        Ok(Some(TokenResponse {
            access_token: Some(AccessToken::new(token.jwt.expose_secret())),
            refresh_token: None,
            id_token: None,
            expires_in: None,
            scope: None,
        }))
    }

    async fn last_active_session(
        &self,
        client: &SessionClient,
        cookie: &RefreshToken,
    ) -> Result<Option<String>, TokenEndpointError> {
        let client: ClientResponse = parse(&self.with_cookie(Method::GET, client, "/v1/client", cookie).await?)?;
        Ok(client.response.and_then(|sessions| sessions.last_active_session_id).filter(|id| is_id(id)))
    }

    async fn with_cookie(
        &self,
        method: Method,
        client: &SessionClient,
        path: &str,
        cookie: &RefreshToken,
    ) -> Result<SuccessResponse, TokenEndpointError> {
        let unusable = |why| TokenEndpointError::Unavailable { why };
        let url: EndpointUrl = client.url.join_path(path).map_err(|_not_joined| unusable("its URL is not valid"))?;
        let mut value = HeaderValue::from_str(&format!("{}={}", client.cookie, cookie.expose_secret()))
            .map_err(|_not_a_header| unusable("the stored cookie is not valid"))?;
        value.set_sensitive(true);
        let request = self.client.request(method, url.as_str()).header(reqwest::header::ACCEPT, "application/json");
        send(request.header(reqwest::header::COOKIE, value), self.clock.as_ref()).await
    }
}

fn parse<'a, T: Deserialize<'a>>(response: &'a SuccessResponse) -> Result<T, TokenEndpointError> {
    let unreadable = || TokenEndpointError::Indeterminate(Doubt::Unreadable(StatusCode::as_u16(&response.status)));
    serde_json::from_slice(&response.body).map_err(|_| unreadable())
}

/// Whether a session id can be put into a path unescaped.
fn is_id(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
}

//! The refresh of session tokens, in the manner of Clerk's frontend API: the browser's cookie in, a JWT out.

use std::time::Duration;

use async_trait::async_trait;
use reqwest::{Method, StatusCode, header::HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::{
    HttpOAuthEndpoint,
    send::{Answer, send},
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
struct Refreshed {
    jwt: SecretString,
}

#[derive(Deserialize)]
struct Browser {
    response: Option<Sessions>,
}

#[derive(Deserialize)]
struct Sessions {
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
            if let Some(grant) = known {
                return Ok(grant);
            }
            let active = self.last_active_session(client, cookie).await?;
            let refreshed = match active {
                Some(id) => self.refresh_session(client, &id, cookie).await?,
                None => None,
            };
            // Nobody is signed in there any more.
            refreshed.ok_or(TokenEndpointError::Rejected { status: 401, code: "unknown" })
        };
        tokio::time::timeout(limit, refreshing).await.unwrap_or(Err(TokenEndpointError::Indeterminate(Doubt::TimedOut)))
    }
}

impl HttpOAuthEndpoint {
    /// None if there is no such session any more.
    async fn refresh_session(
        &self,
        client: &SessionClient,
        id: &str,
        cookie: &RefreshToken,
    ) -> Result<Option<TokenResponse>, TokenEndpointError> {
        let path = format!("/v1/client/sessions/{id}/tokens");
        let answer = match self.with_cookie(Method::POST, client, &path, cookie).await {
            Err(TokenEndpointError::Rejected { status: 404, .. }) => return Ok(None),
            answer => answer?,
        };
        let refreshed: Refreshed = read(&answer)?;
        Ok(Some(TokenResponse {
            access_token: Some(AccessToken::new(refreshed.jwt.expose_secret())),
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
        let browser: Browser = read(&self.with_cookie(Method::GET, client, "/v1/client", cookie).await?)?;
        Ok(browser.response.and_then(|sessions| sessions.last_active_session_id).filter(|id| is_id(id)))
    }

    async fn with_cookie(
        &self,
        method: Method,
        client: &SessionClient,
        path: &str,
        cookie: &RefreshToken,
    ) -> Result<Answer, TokenEndpointError> {
        let unusable = |why| TokenEndpointError::Unavailable { why };
        let url: EndpointUrl =
            client.url.join_path(path).map_err(|_not_joined| unusable("its address is not usable"))?;
        let mut value = HeaderValue::from_str(&format!("{}={}", client.cookie, cookie.expose_secret()))
            .map_err(|_not_a_header| unusable("the stored cookie is none"))?;
        value.set_sensitive(true);
        let request = self.client.request(method, url.as_str()).header(reqwest::header::ACCEPT, "application/json");
        send(request.header(reqwest::header::COOKIE, value)).await
    }
}

fn read<'a, T: Deserialize<'a>>(answer: &'a Answer) -> Result<T, TokenEndpointError> {
    let unreadable = || TokenEndpointError::Indeterminate(Doubt::Unreadable(StatusCode::as_u16(&answer.status)));
    if answer.is_json { serde_json::from_slice(&answer.body).map_err(|_| unreadable()) } else { Err(unreadable()) }
}

/// What goes into a path must be nothing else.
fn is_id(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
}

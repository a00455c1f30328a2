//! The client of the gateway's API: one function per request. Only this file exposes the gateway's token.

use std::path::PathBuf;

use reqwest::{Method, header::HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use serde::{Serialize, de::DeserializeOwned};
use url::Url;

use super::{
    Connection,
    address::GatewayAddress,
    error::{CliError, TokenLookup},
    render,
    transport::{Answer, Transport},
};
use crate::{
    adapters::contract::{
        AccountConnected, AuthStatus, CancelResult, CompleteLoginRequest, CreateTokenRequest, LoginStarted,
        LogoutResult, PageLink, ProviderList, ProviderSummary, RedirectUrl, RefreshRequest, SecretRequest,
        StartLoginRequest, TokenCreated, TokenList, TokenRevoked, UpdateProviderRequest, Usage,
    },
    domain::ids::AccountName,
};

#[derive(Debug)]
pub(super) struct GatewayClient {
    transport: Transport,
    token_file: Option<PathBuf>,
}

impl GatewayClient {
    pub(super) fn new(connection: Connection) -> Result<Self, CliError> {
        let address = GatewayAddress::parse(&connection.url)?;
        let authorization = connection.token.as_ref().map(bearer).transpose()?;
        if authorization.is_some() && !address.is_encrypted() && !address.is_on_this_machine() {
            let shown = address.shown();
            render::error(&format!(
                "Warning: {shown} is not encrypted, so others on the network can read the gateway's token. Use https or an SSH tunnel."
            ));
        }
        let token = TokenLookup::new(authorization.is_some(), connection.token_file.clone());
        Ok(Self { transport: Transport::new(address, authorization, token)?, token_file: connection.token_file })
    }

    /// Returns the gateway's address without the trailing slash.
    pub(super) fn url(&self) -> &str {
        self.transport.address().shown().trim_end_matches('/')
    }

    pub(super) fn status_url(&self, provider: &AccountName) -> Url {
        self.transport.address().endpoint(&["v1", "auth", provider.as_str(), "status"])
    }

    /// The file that the token was read from.
    pub(super) fn token_file(&self) -> Option<&PathBuf> {
        self.token_file.as_ref()
    }

    pub(super) async fn status(&self, provider: &AccountName) -> Result<Answer<AuthStatus>, CliError> {
        self.auth(Method::GET, provider, "status", NO_BODY).await
    }

    pub(super) async fn start(
        &self,
        provider: &AccountName,
        request: &StartLoginRequest,
    ) -> Result<Answer<LoginStarted>, CliError> {
        self.auth(Method::POST, provider, "start", Some(request)).await
    }

    pub(super) async fn callback(&self, provider: &AccountName, redirect_url: SecretString) -> Result<(), CliError> {
        let request = CompleteLoginRequest { redirect_url: RedirectUrl(redirect_url) };
        let answer = self.auth(Method::POST, provider, "callback", Some(&request)).await;
        answer.map(|_connected: Answer<AccountConnected>| ())
    }

    pub(super) async fn refresh(
        &self,
        provider: &AccountName,
        request: &RefreshRequest,
    ) -> Result<Answer<AuthStatus>, CliError> {
        self.auth(Method::POST, provider, "refresh", Some(request)).await
    }

    pub(super) async fn cancel(&self, provider: &AccountName) -> Result<Answer<CancelResult>, CliError> {
        self.auth(Method::POST, provider, "cancel", NO_BODY).await
    }

    pub(super) async fn logout(&self, provider: &AccountName) -> Result<Answer<LogoutResult>, CliError> {
        self.auth(Method::POST, provider, "logout", NO_BODY).await
    }

    pub(super) async fn set_secret(
        &self,
        provider: &AccountName,
        request: &SecretRequest,
    ) -> Result<Answer<AccountConnected>, CliError> {
        self.auth(Method::PUT, provider, "secret", Some(request)).await
    }

    pub(super) async fn usage(&self, provider: &AccountName) -> Result<Answer<Usage>, CliError> {
        self.auth(Method::GET, provider, "usage", NO_BODY).await
    }

    pub(super) async fn create_token(&self, request: &CreateTokenRequest) -> Result<Answer<TokenCreated>, CliError> {
        self.transport.call(Method::POST, &["v1", "tokens"], Some(request)).await
    }

    /// Lists all tokens, page by page.
    pub(super) async fn tokens(&self) -> Result<TokenList, CliError> {
        let mut list = TokenList { tokens: Vec::new(), next_cursor: None };
        loop {
            let page: Answer<TokenList> = self.transport.page(&["v1", "tokens"], list.next_cursor.as_deref()).await?;
            list.tokens.extend(page.body.tokens);
            list.next_cursor = page.body.next_cursor;
            if list.next_cursor.is_none() {
                return Ok(list);
            }
        }
    }

    pub(super) async fn revoke_token(&self, id: &str) -> Result<Answer<TokenRevoked>, CliError> {
        self.transport.call(Method::DELETE, &["v1", "tokens", id], NO_BODY).await
    }

    pub(super) async fn make_page_link(&self) -> Result<Answer<PageLink>, CliError> {
        self.transport.call(Method::POST, &["v1", "session", "link"], NO_BODY).await
    }

    /// Lists all providers, page by page.
    pub(super) async fn providers(&self) -> Result<ProviderList, CliError> {
        let mut list = ProviderList { providers: Vec::new(), next_cursor: None };
        loop {
            let page: Answer<ProviderList> =
                self.transport.page(&["v1", "providers"], list.next_cursor.as_deref()).await?;
            list.providers.extend(page.body.providers);
            list.next_cursor = page.body.next_cursor;
            if list.next_cursor.is_none() {
                return Ok(list);
            }
        }
    }

    pub(super) async fn update_provider(
        &self,
        name: &AccountName,
        request: &UpdateProviderRequest,
    ) -> Result<Answer<ProviderSummary>, CliError> {
        self.transport.call(Method::PATCH, &["v1", "providers", name.as_str()], Some(request)).await
    }

    async fn auth<T: DeserializeOwned>(
        &self,
        method: Method,
        provider: &AccountName,
        operation: &str,
        body: Option<&(impl Serialize + Sync)>,
    ) -> Result<Answer<T>, CliError> {
        self.transport.call(method, &["v1", "auth", provider.as_str(), operation], body).await
    }
}

const NO_BODY: Option<&()> = None;

/// Returns the value of the `Authorization` header.
fn bearer(token: &SecretString) -> Result<HeaderValue, CliError> {
    let text = format!("Bearer {}", token.expose_secret());
    let mut value = HeaderValue::try_from(text).map_err(|_error_may_show_the_token| CliError::InvalidToken)?;
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };

    use super::*;

    #[tokio::test]
    async fn a_list_of_6000_providers_is_read_page_by_page() {
        rustls::crypto::ring::default_provider().install_default().ok();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let client = GatewayClient::new(Connection { url, token: None, token_file: None }).unwrap();
        let serve = async {
            let mut requests = Vec::new();
            for page in 1..=12 {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut request = vec![0; 4096];
                let length = stream.read(&mut request).await.unwrap();
                requests.push(String::from_utf8(request[..length].to_vec()).unwrap());
                let name = "x".repeat(300);
                let provider = format!(
                    r#"{{"name":"{name}","display_name":"Suno","provider_type":"suno","category":"media","auth_methods":[],
                        "api_base":"","enabled":true,"state":"absent","authenticated":false}}"#
                );
                let next = if page < 12 { format!(r#","next_cursor":"page {page}""#) } else { String::new() };
                let body = format!(r#"{{"providers":[{}]{next}}}"#, vec![provider; 500].join(","));
                let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
                stream.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
            }
            requests
        };
        let (list, requests) = tokio::join!(client.providers(), serve);
        assert_eq!(list.unwrap().providers.len(), 6_000);
        assert!(requests[0].starts_with("GET /v1/providers?limit=500 "), "{}", requests[0]);
        assert!(requests[11].starts_with("GET /v1/providers?limit=500&cursor=page+11 "), "{}", requests[11]);
    }

    #[test]
    fn a_token_that_is_no_header_value_is_rejected_without_being_shown() {
        let error = bearer(&SecretString::from("canary\n")).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("canary"));
    }
}

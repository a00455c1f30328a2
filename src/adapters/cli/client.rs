//! The client of the gateway's API, with one method for each operation that a command calls.

use std::path::PathBuf;

use reqwest::{Method, header::HeaderValue};
use secrecy::{ExposeSecret, SecretString, zeroize::Zeroizing};
use serde::{Serialize, de::DeserializeOwned};
use url::Url;

use super::{
    Connection,
    address::GatewayAddress,
    error::{CliError, TokenLookup},
    transport::{ApiResult, Transport},
};
use crate::{
    adapters::contract::{
        AccountConnected, AuditPage, AuthStatus, CancelResult, CompleteLoginRequest, ConfirmRequest,
        CreateTokenRequest, Health, LoginStarted, LogoutResult, PageLink, ProviderList, ProviderSummary, RedirectUrl,
        RefreshRequest, RequestPage, RotateTokenRequest, SecretRequest, SessionEnded, SessionList, SessionsEnded,
        StartLoginRequest, TokenCreated, TokenList, TokenRevoked, TokenRotated, UpdateProviderRequest, Usage,
        UsagePage,
    },
    domain::ids::AccountName,
};

#[derive(Debug)]
pub struct GatewayClient {
    transport: Transport,
    /// The gateway's address for browsers, if it differs from the API's address.
    public_url: Option<String>,
    /// The file that was searched for the token.
    pub token_file: Option<PathBuf>,
}

impl GatewayClient {
    pub fn new(connection: &Connection) -> Result<Self, CliError> {
        let address = GatewayAddress::parse(&connection.url).map_err(CliError::InvalidAddress)?;
        let authorization = connection.token.as_ref().map(bearer).transpose()?;
        let is_exposed = authorization.is_some() && !address.is_encrypted() && !address.is_on_this_machine();
        if is_exposed && !connection.insecure {
            return Err(CliError::Insecure(address.as_str().to_owned()));
        }
        let (token_file, public_url) = (connection.token_file.clone(), connection.public_url.clone());
        let token = TokenLookup::new(authorization.is_some(), token_file.clone());
        Ok(Self { transport: Transport::new(address, connection, authorization, token)?, public_url, token_file })
    }

    /// Returns the gateway's address without the trailing slash.
    pub fn url(&self) -> &str {
        self.transport.address.as_str()
    }

    /// Returns the page's address without the trailing slash.
    pub fn page_url(&self) -> &str {
        self.public_url.as_deref().unwrap_or_else(|| self.url())
    }

    pub fn status_url(&self, account: &AccountName) -> Url {
        self.transport.address.endpoint(&["v1", "auth", account.as_str(), "status"])
    }

    pub async fn health(&self) -> ApiResult<Health> {
        self.transport.call(Method::GET, &["healthz"], NO_BODY).await
    }

    pub async fn status(&self, account: &AccountName) -> ApiResult<AuthStatus> {
        self.call_account(Method::GET, account, "status", NO_BODY).await
    }

    pub async fn start(&self, account: &AccountName, request: &StartLoginRequest) -> ApiResult<LoginStarted> {
        self.call_account(Method::POST, account, "start", Some(request)).await
    }

    pub async fn callback(&self, account: &AccountName, redirect_url: SecretString) -> ApiResult<AccountConnected> {
        let request = CompleteLoginRequest { redirect_url: RedirectUrl(redirect_url) };
        self.call_account(Method::POST, account, "callback", Some(&request)).await
    }

    pub async fn refresh(&self, account: &AccountName, request: &RefreshRequest) -> ApiResult<AuthStatus> {
        self.call_account(Method::POST, account, "refresh", Some(request)).await
    }

    pub async fn confirm(&self, account: &AccountName, request: &ConfirmRequest) -> ApiResult<AuthStatus> {
        self.call_account(Method::POST, account, "confirm", Some(request)).await
    }

    pub async fn cancel(&self, account: &AccountName) -> ApiResult<CancelResult> {
        self.call_account(Method::POST, account, "cancel", NO_BODY).await
    }

    pub async fn logout(&self, account: &AccountName) -> ApiResult<LogoutResult> {
        self.call_account(Method::POST, account, "logout", NO_BODY).await
    }

    pub async fn set_secret(&self, account: &AccountName, request: &SecretRequest) -> ApiResult<AccountConnected> {
        self.call_account(Method::PUT, account, "secret", Some(request)).await
    }

    pub async fn usage(&self, account: &AccountName) -> ApiResult<Usage> {
        self.call_account(Method::GET, account, "usage", NO_BODY).await
    }

    pub async fn create_token(&self, request: &CreateTokenRequest) -> ApiResult<TokenCreated> {
        self.transport.call(Method::POST, &["v1", "tokens"], Some(request)).await
    }

    pub async fn tokens(&self) -> Result<TokenList, CliError> {
        let split = |page: TokenList| (page.tokens, page.next_cursor);
        Ok(TokenList {
            tokens: self.transport.list(&["v1", "tokens"], &[], usize::MAX, split).await?,
            next_cursor: None,
        })
    }

    pub async fn rotate_token(&self, id: &str, request: &RotateTokenRequest) -> ApiResult<TokenRotated> {
        self.transport.call(Method::POST, &["v1", "tokens", id, "rotate"], Some(request)).await
    }

    pub async fn revoke_token(&self, id: &str) -> ApiResult<TokenRevoked> {
        self.transport.call(Method::DELETE, &["v1", "tokens", id], NO_BODY).await
    }

    /// Returns at most `limit` of the newest audit entries, newest first.
    pub async fn audit(&self, limit: usize) -> Result<AuditPage, CliError> {
        let split = |page: AuditPage| (page.entries, page.next_cursor);
        Ok(AuditPage { entries: self.transport.list(&["v1", "audit"], &[], limit, split).await?, next_cursor: None })
    }

    /// Returns at most `limit` of the newest requests, newest first.
    pub async fn requests(&self, limit: usize) -> Result<RequestPage, CliError> {
        let split = |page: RequestPage| (page.requests, page.next_cursor);
        Ok(RequestPage {
            requests: self.transport.list(&["v1", "requests"], &[], limit, split).await?,
            next_cursor: None,
        })
    }

    pub async fn program_usage(&self, days: u16) -> Result<UsagePage, CliError> {
        let split = |page: UsagePage| (page.usage, page.next_cursor);
        let days = [("days", days.to_string())];
        let usage = self.transport.list(&["v1", "usage"], &days, usize::MAX, split).await?;
        Ok(UsagePage { usage, next_cursor: None })
    }

    pub async fn sessions(&self) -> ApiResult<SessionList> {
        self.transport.call(Method::GET, &["v1", "sessions"], NO_BODY).await
    }

    pub async fn end_session(&self, id: &str) -> ApiResult<SessionEnded> {
        self.transport.call(Method::DELETE, &["v1", "sessions", id], NO_BODY).await
    }

    pub async fn end_all_sessions(&self, with_tokens: bool) -> ApiResult<SessionsEnded> {
        self.transport.delete(&["v1", "sessions"], ("tokens", if with_tokens { "true" } else { "false" })).await
    }

    pub async fn create_page_link(&self) -> ApiResult<PageLink> {
        self.transport.call(Method::POST, &["v1", "session", "link"], NO_BODY).await
    }

    pub async fn providers(&self) -> Result<ProviderList, CliError> {
        let split = |page: ProviderList| (page.providers, page.next_cursor);
        Ok(ProviderList {
            providers: self.transport.list(&["v1", "providers"], &[], usize::MAX, split).await?,
            next_cursor: None,
        })
    }

    pub async fn update_provider(
        &self,
        account: &AccountName,
        request: &UpdateProviderRequest,
    ) -> ApiResult<ProviderSummary> {
        self.transport.call(Method::PATCH, &["v1", "providers", account.as_str()], Some(request)).await
    }

    async fn call_account<T: DeserializeOwned>(
        &self,
        method: Method,
        account: &AccountName,
        operation: &str,
        body: Option<&(impl Serialize + Sync)>,
    ) -> ApiResult<T> {
        self.transport.call(method, &["v1", "auth", account.as_str(), operation], body).await
    }
}

const NO_BODY: Option<&()> = None;

/// Returns the value of the `Authorization` header.
fn bearer(token: &SecretString) -> Result<HeaderValue, CliError> {
    let text = Zeroizing::new(format!("Bearer {}", token.expose_secret()));
    let mut value = HeaderValue::from_str(&text).map_err(|_error_may_show_the_token| CliError::InvalidToken)?;
    value.set_sensitive(true);
    Ok(value)
}

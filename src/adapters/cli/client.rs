//! HTTP to the gateway: one function a request. The only file that opens the gateway's token or a pasted secret.

use std::path::PathBuf;

use reqwest::{Method, header::HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use url::Url;

use super::{
    Connection,
    address::GatewayAddress,
    api::{
        Answer, Cancelled, Connected, IssuedToken, LoggedOut, PageLink, Provider, ProviderList, Revoked, Start, Status,
        TokenList, Usage,
    },
    args::SetSecretOptions,
    error::{CliError, TokenLookup},
    render,
    transport::Transport,
};
use crate::domain::{
    ids::ProviderName,
    provider::AuthMethod,
    secret::{AccessToken, RefreshToken},
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
                "Warning: {shown} is not encrypted, anyone on the way can read the gateway's token. Use https or an SSH tunnel."
            ));
        }
        let token = TokenLookup::new(authorization.is_some(), connection.token_file.clone());
        Ok(Self { transport: Transport::new(address, authorization, token)?, token_file: connection.token_file })
    }

    /// Where the gateway is, without a slash at its end.
    pub(super) fn url(&self) -> &str {
        self.transport.address().shown().trim_end_matches('/')
    }

    pub(super) fn status_url(&self, provider: &ProviderName) -> Url {
        self.transport.address().endpoint(&["v1", "auth", provider.as_str(), "status"])
    }

    /// The file the token was read from, if it was.
    pub(super) fn token_file(&self) -> Option<&PathBuf> {
        self.token_file.as_ref()
    }

    pub(super) async fn status(&self, provider: &ProviderName) -> Result<Answer<Status>, CliError> {
        self.transport.call(Method::GET, &["v1", "auth", provider.as_str(), "status"], None).await
    }

    pub(super) async fn start(
        &self,
        provider: &ProviderName,
        force: bool,
        provider_type: Option<&str>,
        display_name: Option<&str>,
    ) -> Result<Answer<Start>, CliError> {
        let mut body = json!({ "force": force });
        insert(&mut body, "provider_type", provider_type);
        insert(&mut body, "display_name", display_name);
        self.transport.call(Method::POST, &["v1", "auth", provider.as_str(), "start"], Some(body)).await
    }

    pub(super) async fn callback(&self, provider: &ProviderName, redirect_url: &SecretString) -> Result<(), CliError> {
        let body = json!({ "redirect_url": redirect_url.expose_secret() });
        let answer =
            self.transport.call(Method::POST, &["v1", "auth", provider.as_str(), "callback"], Some(body)).await;
        answer.map(|_connected: Answer<Connected>| ())
    }

    /// `consent` is the login and generation whose doubt was shown.
    pub(super) async fn refresh(
        &self,
        provider: &ProviderName,
        consent: Option<(&str, u64)>,
    ) -> Result<Answer<Status>, CliError> {
        let body = match consent {
            None => json!({}),
            Some((login_id, generation)) => json!({ "login_id": login_id, "generation": generation }),
        };
        self.transport.call(Method::POST, &["v1", "auth", provider.as_str(), "refresh"], Some(body)).await
    }

    pub(super) async fn cancel(&self, provider: &ProviderName) -> Result<Answer<Cancelled>, CliError> {
        self.transport.call(Method::POST, &["v1", "auth", provider.as_str(), "cancel"], Some(json!({}))).await
    }

    pub(super) async fn logout(&self, provider: &ProviderName) -> Result<Answer<LoggedOut>, CliError> {
        self.transport.call(Method::POST, &["v1", "auth", provider.as_str(), "logout"], Some(json!({}))).await
    }

    pub(super) async fn set_secret(
        &self,
        provider: &ProviderName,
        method: AuthMethod,
        secret: &AccessToken,
        client_cookie: Option<&RefreshToken>,
        options: &SetSecretOptions,
    ) -> Result<Answer<Connected>, CliError> {
        let mut body = json!({ method.as_str(): secret.expose_secret(), "unchecked": options.unchecked });
        insert(&mut body, "client_cookie", client_cookie.map(ExposeSecret::expose_secret));
        insert(&mut body, "provider_type", options.provider_type.as_deref());
        self.transport.call(Method::PUT, &["v1", "auth", provider.as_str(), "secret"], Some(body)).await
    }

    pub(super) async fn usage(&self, provider: &ProviderName) -> Result<Answer<Usage>, CliError> {
        self.transport.call(Method::GET, &["v1", "auth", provider.as_str(), "usage"], None).await
    }

    pub(super) async fn create_token(&self, name: &str, scope: &str) -> Result<Answer<IssuedToken>, CliError> {
        self.transport.call(Method::POST, &["v1", "tokens"], Some(json!({ "name": name, "scope": scope }))).await
    }

    pub(super) async fn tokens(&self) -> Result<Answer<TokenList>, CliError> {
        self.transport.call(Method::GET, &["v1", "tokens"], None).await
    }

    pub(super) async fn revoke_token(&self, id: &str) -> Result<Answer<Revoked>, CliError> {
        self.transport.call(Method::DELETE, &["v1", "tokens", id], None).await
    }

    pub(super) async fn make_page_link(&self) -> Result<Answer<PageLink>, CliError> {
        self.transport.call(Method::POST, &["v1", "session", "link"], None).await
    }

    pub(super) async fn providers(&self) -> Result<Answer<ProviderList>, CliError> {
        self.transport.call(Method::GET, &["v1", "providers"], None).await
    }

    pub(super) async fn set_enabled(&self, name: &ProviderName, enabled: bool) -> Result<Answer<Provider>, CliError> {
        self.transport
            .call(Method::PATCH, &["v1", "providers", name.as_str()], Some(json!({ "enabled": enabled })))
            .await
    }
}

/// The token as it goes over the wire, and nowhere else.
fn bearer(token: &SecretString) -> Result<HeaderValue, CliError> {
    let text = format!("Bearer {}", token.expose_secret());
    let mut value = HeaderValue::try_from(text).map_err(|_holds_the_token| CliError::InvalidToken)?;
    value.set_sensitive(true);
    Ok(value)
}

fn insert(body: &mut Value, member: &str, text: Option<&str>) {
    if let (Some(object), Some(text)) = (body.as_object_mut(), text) {
        object.insert(member.to_owned(), text.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_that_fits_no_header_is_refused_without_being_shown() {
        let error = bearer(&SecretString::from("canary\n")).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("canary"));
    }
}

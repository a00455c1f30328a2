//! A provider as its owner configured it.

use super::{
    descriptor::{AuthMethod, Descriptor},
    provider_type::ProviderType,
};
use crate::domain::{
    ids::ProviderName, oauth_client::OAuthClient, proxy::ProxyPath, refresh::RefreshPolicy,
    session_client::SessionClient,
};

/// A provider as configured. Nothing of it can be changed by a request.
#[derive(Debug, Clone)]
pub struct ProviderDefinition {
    pub name: ProviderName,
    pub provider_type: ProviderType,
    pub display_name: String,
    pub api_base: String,
    /// Which paths below it may be used through the gateway.
    pub proxy_paths: Vec<String>,
    /// What `User-Agent` says to it; None for the gateway's own.
    pub user_agent: Option<String>,
    /// Which client's models it is asked for (`client_version`), where it wants to know.
    pub client_version: Option<String>,
    /// The models it has when it cannot be asked, as its owner wrote them down.
    pub models: Vec<String>,
    /// How to sign in in the browser, if that is possible.
    pub oauth: Option<OAuthClient>,
    /// How session tokens are refreshed, if they can be.
    pub sessions: Option<SessionClient>,
    /// When and how often its tokens are refreshed.
    pub refresh: RefreshPolicy,
    pub enabled: bool,
}

/// Where a credential is refreshed.
#[derive(Debug, Clone, Copy)]
pub enum RefreshMethod<'a> {
    OAuth(&'a OAuthClient),
    Session(&'a SessionClient),
}

impl ProviderDefinition {
    /// The address of a path of its API; `query` goes as it is.
    pub fn url_of(&self, path: &ProxyPath, query: Option<&str>) -> String {
        let base = self.api_base.trim_end_matches('/');
        query.map_or_else(|| format!("{base}/{path}"), |query| format!("{base}/{path}?{query}"))
    }

    /// How a credential that was obtained in this way is refreshed; None if it cannot be.
    pub fn refresh_method(&self, auth_method: AuthMethod) -> Option<RefreshMethod<'_>> {
        match auth_method {
            AuthMethod::OAuth => self.oauth.as_ref().map(RefreshMethod::OAuth),
            AuthMethod::SessionToken => self.sessions.as_ref().map(RefreshMethod::Session),
            AuthMethod::ApiKey => None,
        }
    }

    pub fn descriptor(&self) -> &'static Descriptor {
        self.provider_type.descriptor()
    }

    /// The ways this account can be connected, the preferred one first.
    pub fn auth_methods(&self) -> Vec<AuthMethod> {
        let oauth = self.oauth.as_ref().map(|_| AuthMethod::OAuth);
        oauth.into_iter().chain(self.descriptor().pasted).collect()
    }
}

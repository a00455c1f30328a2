//! The configuration of a provider for one account.

use std::sync::Arc;

use super::{
    dashscope,
    descriptor::{AuthMethod, Descriptor, ModelApi},
    provider_type::ProviderType,
};
use crate::domain::{
    ids::AccountName,
    oauth_client::OAuthClient,
    proxy::{ProxyPath, ProxyRule},
    refresh::RefreshPolicy,
    session_client::SessionClient,
};

/// A provider as configured, under an account's name. Requests cannot change it. Its clones share the large parts.
#[derive(Debug, Clone)]
pub struct ProviderDefinition {
    pub name: AccountName,
    pub provider_type: ProviderType,
    pub display_name: String,
    pub api_base: String,
    /// The paths below `api_base` that the owner may use. Programs need `program_paths` too.
    pub proxy_paths: Arc<[ProxyRule]>,
    /// The paths below `api_base` that programs may use. None of them manages the account.
    pub program_paths: Arc<[ProxyRule]>,
    /// The `User-Agent` for this provider; None for the gateway's own.
    pub user_agent: Option<String>,
    /// The `client_version` parameter of the model list, and the header `version` of other requests, if the provider
    /// requires them.
    pub client_version: Option<String>,
    /// The configured models, used if the provider's list is not available.
    pub models: Vec<String>,
    /// The OAuth client, if users can log in with OAuth.
    pub oauth: Option<Arc<OAuthClient>>,
    /// The client that refreshes session tokens, if the provider has an endpoint for that.
    pub sessions: Option<SessionClient>,
    /// When and how often tokens are refreshed.
    pub refresh: RefreshPolicy,
    pub enabled: bool,
}

/// How a credential is refreshed.
#[derive(Debug, Clone, Copy)]
pub enum RefreshMethod<'a> {
    OAuth(&'a OAuthClient),
    Session(&'a SessionClient),
}

impl ProviderDefinition {
    /// Returns the URL of a path of the provider's API. `query` is appended unchanged.
    pub fn url_of(&self, path: &ProxyPath, query: Option<&str>) -> String {
        let base = self.api_base.trim_end_matches('/');
        query.map_or_else(|| format!("{base}/{path}"), |query| format!("{base}/{path}?{query}"))
    }

    /// Returns how a credential of this method is refreshed; None if it cannot be.
    pub fn refresh_method(&self, auth_method: AuthMethod) -> Option<RefreshMethod<'_>> {
        match auth_method {
            AuthMethod::OAuth => self.oauth.as_deref().map(RefreshMethod::OAuth),
            AuthMethod::SessionToken => self.sessions.as_ref().map(RefreshMethod::Session),
            AuthMethod::ApiKey => None,
        }
    }

    /// Returns the client that revokes refresh tokens, if the provider has a revocation endpoint.
    pub fn revoking_client(&self) -> Option<&OAuthClient> {
        self.oauth.as_deref().filter(|client| client.revoke_url.is_some())
    }

    pub fn descriptor(&self) -> &'static Descriptor {
        self.provider_type.descriptor()
    }

    /// Returns the model API, if the provider has one.
    pub fn model_api(&self) -> Option<&'static ModelApi> {
        if self.is_coding_plan() { Some(&dashscope::CODING_PLAN) } else { self.descriptor().models }
    }

    /// Returns the path of a free request that checks a pasted secret. The coding plan has no such path.
    pub fn check_path(&self) -> Option<&'static str> {
        self.descriptor().check_path.filter(|_| !self.is_coding_plan())
    }

    /// Returns a hint about why the provider may have refused a secret.
    pub fn secret_hint(&self) -> Option<String> {
        (self.provider_type == ProviderType::Dashscope).then(|| dashscope::key_hint(&self.api_base))
    }

    fn is_coding_plan(&self) -> bool {
        self.provider_type == ProviderType::Dashscope && dashscope::is_coding_plan(&self.api_base)
    }

    /// Returns the methods to connect this account, the preferred one first.
    pub fn auth_methods(&self) -> Vec<AuthMethod> {
        let oauth = self.oauth.as_ref().map(|_| AuthMethod::OAuth);
        oauth.into_iter().chain(self.descriptor().pasted).collect()
    }
}

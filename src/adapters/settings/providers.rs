//! The section `providers`: changes the built-in accounts and adds others.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use serde::Deserialize;

use super::{
    SettingsError,
    values::{flag, grace, header, list, provider_type, proxy_choice, proxy_paths, redirect_host, revocation, url},
};
use crate::domain::{
    ids::AccountName,
    oauth_client::{EndpointUrl, OAuthClient},
    outbound_proxy::ProxyChoice,
    provider::{OAuthDefaults, ProviderDefinition, ProviderType, dashscope},
    proxy::ProxyRule,
    refresh::{RefreshPolicy, RevocationScope},
    session_client::SessionClient,
};

/// The grace window of cookies. It applies only to a cookie that the provider does not replace, so a retry is safe.
const COOKIE_GRACE: Duration = Duration::from_secs(24 * 60 * 60);

/// `providers.<name>`. The table in the README explains each setting. `None` is the default of the provider type.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ProviderSection {
    #[serde(rename = "type", deserialize_with = "provider_type")]
    provider_type: Option<ProviderType>,
    #[serde(deserialize_with = "flag")]
    enabled: Option<bool>,
    #[serde(deserialize_with = "url")]
    api_base: Option<EndpointUrl>,
    #[serde(deserialize_with = "proxy_paths")]
    proxy_paths: Option<Vec<ProxyRule>>,
    #[serde(deserialize_with = "proxy_paths")]
    program_paths: Option<Vec<ProxyRule>>,
    /// The account's own proxy, or direct connections.
    #[serde(deserialize_with = "proxy_choice")]
    proxy: Option<ProxyChoice>,
    #[serde(deserialize_with = "header")]
    user_agent: Option<String>,
    client_version: Option<String>,
    #[serde(deserialize_with = "list")]
    models: Vec<String>,
    #[serde(deserialize_with = "url")]
    session_url: Option<EndpointUrl>,
    #[serde(deserialize_with = "grace")]
    refresh_grace: Option<Duration>,
    #[serde(deserialize_with = "revocation")]
    revocation: Option<RevocationScope>,

    // The OAuth client.
    #[serde(deserialize_with = "url")]
    issuer: Option<EndpointUrl>,
    #[serde(deserialize_with = "flag")]
    requires_iss: bool,
    #[serde(deserialize_with = "url")]
    authorize_url: Option<EndpointUrl>,
    #[serde(deserialize_with = "url")]
    token_url: Option<EndpointUrl>,
    #[serde(deserialize_with = "url")]
    revoke_url: Option<EndpointUrl>,
    client_id: Option<String>,
    #[serde(deserialize_with = "list")]
    scopes: Option<Vec<String>>,
    originator: Option<String>,
    #[serde(deserialize_with = "redirect_host")]
    redirect_host: Option<String>,
    extra_authorize_params: BTreeMap<String, String>,
}

/// Returns the definitions of the built-in accounts and the configured ones, sorted by name.
pub(super) fn definitions(
    mut sections: BTreeMap<String, ProviderSection>,
    callback_port: u16,
    policy: &RefreshPolicy,
) -> Result<Vec<ProviderDefinition>, SettingsError> {
    for built_in in ProviderType::ALL {
        sections.entry(built_in.as_str().to_owned()).or_default();
    }
    let definitions: Vec<_> = sections
        .into_iter()
        .map(|(name, section)| section.definition(&name, callback_port, policy))
        .collect::<Result<_, _>>()?;
    check_issuers(&definitions)?;
    Ok(definitions)
}

/// Takes the `proxy` setting out of each section that has one.
pub(super) fn proxy_choices(
    sections: &mut BTreeMap<String, ProviderSection>,
) -> Result<BTreeMap<AccountName, ProxyChoice>, SettingsError> {
    let own = sections.iter_mut().filter_map(|(name, section)| Some((name, section.proxy.take()?)));
    let parsed =
        |name: &String| AccountName::parse(name).map_err(|error| SettingsError::invalid("providers", name, error));
    own.map(|(name, choice)| Ok((parsed(name)?, choice))).collect()
}

/// Rejects two enabled accounts with different issuers and without `requires_iss`. All logins share one callback port,
/// so without `iss` one server could return the other's code (mix-up attack, RFC 9700, section 4.4).
fn check_issuers(definitions: &[ProviderDefinition]) -> Result<(), SettingsError> {
    let enabled = definitions.iter().filter(|definition| definition.enabled);
    let clients = enabled.filter_map(|definition| Some((&definition.name, definition.oauth.as_ref()?)));
    let mut without_iss = clients.filter(|(_, client)| !client.requires_issuer);
    let Some((first, client)) = without_iss.next() else { return Ok(()) };
    let Some((second, _)) = without_iss.find(|(_, other)| other.issuer != client.issuer) else { return Ok(()) };
    let allowed = format!(
        "the logins of {first} and {second} return to one address from two issuers; set it to true for the one whose server \
         sends `iss`, or disable one"
    );
    Err(SettingsError::invalid(format!("providers.{second}.requires_iss"), "false", allowed))
}

impl ProviderSection {
    fn definition(
        self,
        name: &str,
        callback_port: u16,
        policy: &RefreshPolicy,
    ) -> Result<ProviderDefinition, SettingsError> {
        let provider_type = self.type_of(name)?;
        let descriptor = provider_type.descriptor();
        let oauth = match descriptor.oauth {
            Some(defaults) => self.oauth(name, defaults, callback_port)?,
            None => None,
        };
        let sessions = descriptor.sessions.and_then(|defaults| {
            let url = self.session_url.or_else(|| EndpointUrl::parse(defaults.url).ok())?;
            Some(SessionClient { url, cookie: defaults.cookie })
        });
        let default_grace = if descriptor.sessions.is_some() { COOKIE_GRACE } else { policy.grace };
        let mut api_base = self.api_base.map_or_else(|| descriptor.api_base.to_owned(), String::from);
        let mut paths = [descriptor.proxy_paths, descriptor.program_paths];
        if provider_type == ProviderType::Dashscope {
            api_base = dashscope::api_base(&api_base).to_owned();
            paths = dashscope::paths(&api_base);
        }
        let [proxy_paths, program_paths] = paths;
        let default_version = descriptor.models.and_then(|api| api.client_version);
        Ok(ProviderDefinition {
            name: AccountName::parse(name).map_err(|error| SettingsError::invalid("providers", name, error))?,
            provider_type,
            display_name: descriptor.display_name.to_owned(),
            api_base,
            proxy_paths: self.proxy_paths.unwrap_or_else(|| rules(proxy_paths)).into(),
            program_paths: self.program_paths.unwrap_or_else(|| rules(program_paths)).into(),
            user_agent: self.user_agent,
            client_version: self.client_version.or_else(|| default_version.map(str::to_owned)),
            models: self.models,
            oauth: oauth.map(Arc::new),
            sessions,
            refresh: RefreshPolicy {
                grace: self.refresh_grace.unwrap_or(default_grace),
                revocation: self.revocation.unwrap_or(policy.revocation),
                ..policy.clone()
            },
            enabled: self.enabled.unwrap_or(true),
        })
    }

    /// Returns the fixed type of a built-in account, or the configured type of another one.
    fn type_of(&self, name: &str) -> Result<ProviderType, SettingsError> {
        let key = || format!("providers.{name}.type");
        let why = "a provider that is not built in needs a type";
        let provider_type = ProviderType::parse(name).or(self.provider_type);
        let provider_type = provider_type.ok_or_else(|| SettingsError::missing(key(), why))?;
        match self.provider_type.filter(|configured| *configured != provider_type) {
            None => Ok(provider_type),
            Some(other) => {
                let allowed = format!("the built-in provider {name} always has the type {provider_type}");
                Err(SettingsError::invalid(key(), other.as_str(), allowed))
            }
        }
    }

    /// Returns the OAuth client. Returns `None` if the authorize URL or the token URL is neither configured nor derived
    /// from an issuer; the account then has no OAuth login.
    fn oauth(
        &self,
        name: &str,
        defaults: &OAuthDefaults,
        callback_port: u16,
    ) -> Result<Option<OAuthClient>, SettingsError> {
        let key = |member: &str| format!("providers.{name}.{member}");
        let default_issuer = || defaults.issuer.and_then(|issuer| EndpointUrl::parse(issuer).ok());
        let issuer = self.issuer.clone().or_else(default_issuer);
        let endpoint = |configured: &Option<EndpointUrl>, path: Option<&str>| match (configured, &issuer, path) {
            (Some(url), _, _) => Ok(Some(url.clone())),
            (None, Some(issuer), Some(path)) => issuer
                .join_path(path)
                .map(Some)
                .map_err(|error| SettingsError::invalid(key("issuer"), issuer.as_str(), error)),
            (None, _, _) => Ok(None),
        };
        let authorize_url = endpoint(&self.authorize_url, Some(defaults.authorize_path))?;
        let token_url = endpoint(&self.token_url, Some(defaults.token_path))?;
        let (Some(authorize_url), Some(token_url)) = (authorize_url, token_url) else { return Ok(None) };
        let revoke_url = endpoint(&self.revoke_url, defaults.revoke_path)?;
        let client_id = self.client_id.as_deref().unwrap_or(defaults.client_id);
        if client_id.is_empty() {
            let why = "a login needs the id of an OAuth client that is registered with the provider";
            return Err(SettingsError::missing(key("client_id"), why));
        }
        if let Some((param, value)) = self.extra_authorize_params.iter().find(|(param, _)| is_fixed(param)) {
            let key = key(&format!("extra_authorize_params.{param}"));
            return Err(SettingsError::invalid(key, value, "the gateway sets this parameter itself"));
        }
        let redirect_host = self.redirect_host.as_deref().unwrap_or("localhost");
        let params = defaults.authorize_params.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Ok(Some(OAuthClient {
            issuer: issuer
                .map_or_else(|| authorize_url.to_string(), |issuer| issuer.as_str().trim_end_matches('/').to_owned()),
            requires_issuer: self.requires_iss,
            authorize_url,
            token_url,
            revoke_url,
            body_format: defaults.body_format,
            client_id: client_id.to_owned(),
            scopes: self.scopes.clone().unwrap_or_else(|| owned(defaults.scopes)),
            redirect_uri: format!("http://{redirect_host}:{callback_port}/auth/callback"),
            provider_params: params.collect(),
            originator: self.originator.clone().or_else(|| defaults.originator.map(str::to_owned)),
            extra_params: self.extra_authorize_params.clone().into_iter().collect(),
        }))
    }
}

/// Parses the rules of a provider type. A test ensures that none is invalid.
fn rules(texts: &[&str]) -> Vec<ProxyRule> {
    texts.iter().filter_map(|text| ProxyRule::parse(text).ok()).collect()
}

fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

/// Returns whether the gateway sets this parameter of the authorize URL, so that `extra_authorize_params` must not.
fn is_fixed(param: &str) -> bool {
    let client = ["response_type", "client_id", "redirect_uri", "scope", "originator"];
    client.contains(&param) || ["state", "code_challenge", "code_challenge_method"].contains(&param)
}

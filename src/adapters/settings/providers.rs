//! The section `providers`: the built-in ones as they are or as changed, and further ones.

use super::{SettingsError, refresh, sources::Sources};
use crate::domain::{
    ids::ProviderName,
    oauth_client::{EndpointUrl, OAuthClient},
    provider::{OAuthDefaults, ProviderDefinition, ProviderType, SessionDefaults},
    proxy::ProxyPath,
    refresh::RefreshPolicy,
    session_client::SessionClient,
};

/// Parameters of the authorize URL that make the flow safe or work at all; an extra one must not replace them.
const FIXED_PARAMS: [&str; 8] = [
    "response_type",
    "client_id",
    "redirect_uri",
    "scope",
    "code_challenge",
    "code_challenge_method",
    "state",
    "originator",
];

pub(super) fn read(
    sources: &Sources,
    callback_port: u16,
    policy: &RefreshPolicy,
) -> Result<Vec<ProviderDefinition>, SettingsError> {
    let built_in = ProviderType::ALL.map(|provider_type| provider_type.as_str().to_owned());
    let mut names: Vec<String> = built_in.into_iter().chain(sources.names_below("providers")).collect();
    names.sort();
    names.dedup();
    names.into_iter().map(|name| Section { sources, name }.definition(callback_port, policy)).collect()
}

/// `providers.<name>`.
struct Section<'a> {
    sources: &'a Sources,
    name: String,
}

impl Section<'_> {
    fn definition(&self, callback_port: u16, policy: &RefreshPolicy) -> Result<ProviderDefinition, SettingsError> {
        let provider_type = self.provider_type()?;
        let descriptor = provider_type.descriptor();
        let name = ProviderName::parse(&self.name)
            .map_err(|error| SettingsError::bad("providers", &self.name, error.to_string()))?;
        let enabled = |text: &str| text.parse::<bool>().ok();
        let api_base = self.url("api_base")?.map(String::from);
        Ok(ProviderDefinition {
            name,
            provider_type,
            display_name: descriptor.display_name.to_owned(),
            api_base: api_base.unwrap_or_else(|| descriptor.api_base.to_owned()),
            proxy_paths: self.proxy_paths(descriptor.proxy_paths)?,
            user_agent: self.user_agent()?,
            client_version: {
                let default = descriptor.models.and_then(|api| api.client_version);
                self.text("client_version").or(default).map(str::to_owned)
            },
            models: self.sources.list(&self.key("models")).unwrap_or_default(),
            oauth: descriptor.oauth.map(|defaults| self.oauth(defaults, callback_port)).transpose()?.flatten(),
            sessions: self.sessions(descriptor.sessions)?,
            refresh: {
                let section = format!("providers.{}", self.name);
                refresh::of_provider(self.sources, &section, policy, descriptor.sessions.is_some())?
            },
            enabled: self.sources.parsed(&self.key("enabled"), "it must be true or false", enabled)?.unwrap_or(true),
        })
    }

    /// What a built-in name is, is fixed; any other name must say what it is.
    fn provider_type(&self) -> Result<ProviderType, SettingsError> {
        let types = || format!("it must be one of {}", ProviderType::ALL.map(ProviderType::as_str).join(", "));
        let (key, built_in) = (self.key("type"), ProviderType::parse(&self.name));
        let configured = self.sources.text(&key);
        let configured = configured
            .map(|text| ProviderType::parse(text).ok_or_else(|| SettingsError::bad(&key, text, types())))
            .transpose()?;
        match (built_in, configured) {
            (Some(fixed), Some(other)) if fixed != other => {
                Err(SettingsError::bad(&key, other.as_str(), format!("the provider {fixed} is of that type, always")))
            }
            (Some(provider_type), _) | (None, Some(provider_type)) => Ok(provider_type),
            (None, None) => {
                Err(SettingsError::Missing { key, why: "a provider that is not built in must say its type" })
            }
        }
    }

    /// None if this type's endpoints must be configured and were not: then there is no browser sign-in.
    fn oauth(&self, defaults: &OAuthDefaults, callback_port: u16) -> Result<Option<OAuthClient>, SettingsError> {
        let default_issuer = defaults.issuer.and_then(|issuer| EndpointUrl::parse(issuer).ok());
        let issuer = self.url("issuer")?.or(default_issuer);
        let below = |path: &str| {
            let joined = issuer.as_ref().map(|issuer| issuer.join_path(path));
            joined.transpose().map_err(|error| SettingsError::bad(&self.key("issuer"), path, error.to_string()))
        };
        let authorize_url =
            self.url("authorize_url")?.map_or_else(|| below(defaults.authorize_path), |url| Ok(Some(url)))?;
        let token_url = self.url("token_url")?.map_or_else(|| below(defaults.token_path), |url| Ok(Some(url)))?;
        let (Some(authorize_url), Some(token_url)) = (authorize_url, token_url) else { return Ok(None) };
        let revoke_url = match (self.url("revoke_url")?, defaults.revoke_path) {
            (Some(url), _) => Some(url),
            (None, Some(path)) => below(path)?,
            (None, None) => None,
        };
        let client_id = self.text("client_id").unwrap_or(defaults.client_id);
        if client_id.is_empty() {
            let why = "this provider's sign-in needs the id of a client registered there";
            return Err(SettingsError::Missing { key: self.key("client_id"), why });
        }
        let redirect_host = self.text("redirect_host").unwrap_or("localhost");
        if !["localhost", "127.0.0.1", "[::1]"].contains(&redirect_host) {
            let allowed = "it must be localhost, 127.0.0.1 or [::1]: the browser's own machine";
            return Err(SettingsError::bad(&self.key("redirect_host"), redirect_host, allowed));
        }
        let scopes = self.sources.list(&self.key("scopes"));
        let texts = |pairs: &[(&str, &str)]| pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        Ok(Some(OAuthClient {
            issuer: issuer
                .map_or_else(|| authorize_url.to_string(), |issuer| issuer.as_str().trim_end_matches('/').to_owned()),
            requires_issuer: self
                .sources
                .parsed(&self.key("requires_iss"), "it must be true or false", |text| text.parse().ok())?
                .unwrap_or(false),
            authorize_url,
            token_url,
            revoke_url,
            body_format: defaults.body_format,
            client_id: client_id.to_owned(),
            scopes: scopes.unwrap_or_else(|| defaults.scopes.iter().map(|scope| (*scope).to_owned()).collect()),
            redirect_uri: format!("http://{redirect_host}:{callback_port}/auth/callback"),
            provider_params: texts(defaults.authorize_params),
            originator: self.text("originator").or(defaults.originator).map(str::to_owned),
            extra_params: self.extra_params()?,
        }))
    }

    fn sessions(&self, defaults: Option<&SessionDefaults>) -> Result<Option<SessionClient>, SettingsError> {
        let Some(SessionDefaults { url, cookie }) = defaults else { return Ok(None) };
        let url = self.url("session_url")?.or_else(|| EndpointUrl::parse(url).ok());
        Ok(url.map(|url| SessionClient { url, cookie }))
    }

    fn extra_params(&self) -> Result<Vec<(String, String)>, SettingsError> {
        let prefix = self.key("extra_authorize_params.");
        let params = self.sources.below(&prefix).map(|(name, value)| {
            if FIXED_PARAMS.contains(&name) {
                return Err(SettingsError::bad(
                    &format!("{prefix}{name}"),
                    value,
                    "this parameter is the gateway's own",
                ));
            }
            Ok((name.to_owned(), value.to_owned()))
        });
        params.collect()
    }

    fn proxy_paths(&self, defaults: &[&str]) -> Result<Vec<String>, SettingsError> {
        let key = self.key("proxy_paths");
        let Some(patterns) = self.sources.list(&key) else {
            return Ok(defaults.iter().map(|pattern| (*pattern).to_owned()).collect());
        };
        let is_pattern = |pattern: &str| {
            let path = pattern.strip_suffix("/*").unwrap_or(pattern);
            pattern == "*" || (!path.contains('*') && ProxyPath::parse(path).is_ok())
        };
        match patterns.iter().find(|pattern| !is_pattern(pattern)) {
            Some(bad) => {
                let allowed =
                    "it must be a path without a leading slash, such as wham/usage, or all below one: codex/*";
                Err(SettingsError::bad(&key, bad, allowed))
            }
            None => Ok(patterns),
        }
    }

    fn user_agent(&self) -> Result<Option<String>, SettingsError> {
        let key = self.key("user_agent");
        let is_header = |text: &str| text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
        let parse = |text: &str| is_header(text).then(|| text.to_owned());
        self.sources.parsed(&key, "it must be visible ASCII", parse)
    }

    fn url(&self, member: &str) -> Result<Option<EndpointUrl>, SettingsError> {
        let parse = |text: &str| {
            EndpointUrl::parse(text).map_err(|error| SettingsError::bad(&self.key(member), text, error.to_string()))
        };
        self.text(member).map(parse).transpose()
    }

    fn text(&self, member: &str) -> Option<&str> {
        self.sources.text(&self.key(member))
    }

    fn key(&self, member: &str) -> String {
        format!("providers.{}.{member}", self.name)
    }
}

//! The sections that have no file of their own, with their defaults.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr},
    path::{Path, PathBuf},
    time::Duration,
};

use secrecy::SecretString;
use serde::Deserialize;

use super::{
    SettingsError,
    values::{
        LogFormat, duration_or_zero, flag, header_token, hosts, ip, log_filter, log_format, login_lifetime, model,
        model_name, networks, origins, port, positive_duration, public_url, secret_lines, signing_key, url,
    },
};
use crate::{
    domain::{
        ids::AccountName,
        model_ref::{ModelName, ModelNames, ModelRef},
        networks::IpNet,
        oauth_client::EndpointUrl,
        provider::openai_codex,
        public_url::PublicUrl,
        refresh::{InvalidPolicy, RefreshPolicy},
        signing_key::SigningKey,
    },
    ports::CallbackAddress,
};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ServerSettings {
    #[serde(deserialize_with = "ip")]
    pub host: IpAddr,
    #[serde(deserialize_with = "port")]
    pub port: u16,
    /// Host names that the API accepts in addition to the loopback names and `host`, without ports.
    #[serde(deserialize_with = "hosts")]
    pub allowed_hosts: Vec<String>,
    /// The gateway's address for browsers and programs.
    #[serde(deserialize_with = "public_url")]
    pub public_url: Option<PublicUrl>,
    /// The certificate with its chain, for a listener with TLS. None: plain HTTP.
    pub tls_certificate_file: Option<PathBuf>,
    /// The certificate's key.
    pub tls_key_file: Option<PathBuf>,
    /// The origins whose pages may call the model routes from a browser.
    #[serde(deserialize_with = "origins")]
    pub allowed_origins: Vec<String>,
    /// The reverse proxies that report the addresses of their callers.
    #[serde(deserialize_with = "networks")]
    pub trusted_proxies: Vec<IpNet>,
    /// How long a stop waits for running requests.
    #[serde(deserialize_with = "duration_or_zero")]
    pub drain: Duration,
    /// The gateway token.
    #[serde(deserialize_with = "header_token")]
    pub token: Option<SecretString>,
    /// The file that holds the gateway token. It must exist, because only the default file is created.
    pub token_file: Option<PathBuf>,
}

impl ServerSettings {
    /// Returns the files of the listener's certificate and key; None for plain HTTP.
    pub fn tls_files(&self) -> Option<(&Path, &Path)> {
        self.tls_certificate_file.as_deref().zip(self.tls_key_file.as_deref())
    }

    /// Checks that both files of TLS are set, or none.
    pub(super) fn check_tls(&self) -> Result<(), SettingsError> {
        match (&self.tls_certificate_file, &self.tls_key_file) {
            (Some(_), None) => Err(SettingsError::missing("server.tls_key_file", "the certificate needs its key")),
            (None, Some(_)) => {
                Err(SettingsError::missing("server.tls_certificate_file", "the key needs its certificate"))
            }
            (Some(_), Some(_)) | (None, None) => Ok(()),
        }
    }
}

impl Default for ServerSettings {
    fn default() -> Self {
        Self {
            host: IpAddr::V4(Ipv4Addr::LOCALHOST),
            port: 3577,
            allowed_hosts: Vec::new(),
            public_url: None,
            tls_certificate_file: None,
            tls_key_file: None,
            allowed_origins: Vec::new(),
            trusted_proxies: Vec::new(),
            drain: Duration::from_secs(25),
            token: None,
            token_file: None,
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CallbackSettings {
    /// The listen address. None: both loopback addresses.
    #[serde(deserialize_with = "ip")]
    pub bind: Option<IpAddr>,
    /// OpenAI's server accepts only the default port.
    #[serde(deserialize_with = "port")]
    pub port: u16,
    /// How long a login waits for its callback.
    #[serde(deserialize_with = "login_lifetime")]
    pub timeout: Duration,
}

impl Default for CallbackSettings {
    fn default() -> Self {
        Self { bind: None, port: 1455, timeout: Duration::from_secs(6 * 60) }
    }
}

impl CallbackSettings {
    pub fn address(&self) -> CallbackAddress {
        match self.bind {
            None => CallbackAddress::Loopback { port: self.port },
            Some(ip) => CallbackAddress::Explicit { ip, port: self.port },
        }
    }
}

/// The settings of the request records.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RequestSettings {
    /// How long records are kept in the database. Zero: only the newest are kept, in memory.
    #[serde(deserialize_with = "duration_or_zero")]
    pub keep: Duration,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LogSettings {
    /// The filter in the syntax of `RUST_LOG`, which overrides it.
    #[serde(deserialize_with = "log_filter")]
    pub filter: String,
    #[serde(deserialize_with = "log_format")]
    pub format: LogFormat,
}

impl Default for LogSettings {
    fn default() -> Self {
        Self { filter: "info".to_owned(), format: LogFormat::default() }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EncryptionSettings {
    /// The key: 32 bytes in base64 or hex.
    pub key: Option<SecretString>,
    /// Several keys, one per line: the first one seals, all of them open.
    #[serde(deserialize_with = "secret_lines")]
    pub keys: Option<SecretString>,
    /// The file that holds one key or more. It must exist, because only the default file is created.
    pub key_file: Option<PathBuf>,
}

impl EncryptionSettings {
    /// Whether the owner has configured the keys, and not the gateway generated them.
    pub fn is_configured(&self) -> bool {
        self.is_in_settings() || self.key_file.is_some()
    }

    /// Whether the settings contain the keys themselves.
    pub fn is_in_settings(&self) -> bool {
        self.key.is_some() || self.keys.is_some()
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RefreshSettings {
    /// Whether tokens are refreshed before a caller needs them.
    #[serde(deserialize_with = "flag")]
    pub proactive: bool,
    // `RefreshPolicy` documents these durations.
    #[serde(deserialize_with = "positive_duration")]
    pub(super) http_timeout: Duration,
    #[serde(deserialize_with = "positive_duration")]
    pub(super) lease: Duration,
    #[serde(deserialize_with = "positive_duration")]
    pub(super) lead: Duration,
    #[serde(deserialize_with = "positive_duration")]
    pub(super) serve_margin: Duration,
    #[serde(deserialize_with = "positive_duration")]
    pub(super) backoff_min: Duration,
    #[serde(deserialize_with = "positive_duration")]
    pub(super) backoff_max: Duration,
}

impl Default for RefreshSettings {
    fn default() -> Self {
        let RefreshPolicy { http_timeout, lease, lead, serve_margin, backoff_min, backoff_max, .. } =
            RefreshPolicy::default();
        Self { proactive: true, http_timeout, lease, lead, serve_margin, backoff_min, backoff_max }
    }
}

impl RefreshSettings {
    /// Returns the policy, which providers can override.
    ///
    /// # Errors
    ///
    /// Two durations contradict each other.
    pub(super) fn policy(&self) -> Result<RefreshPolicy, SettingsError> {
        let Self { proactive: _, http_timeout, lease, lead, serve_margin, backoff_min, backoff_max } = *self;
        let default = RefreshPolicy::default();
        let policy = RefreshPolicy { http_timeout, lease, lead, serve_margin, backoff_min, backoff_max, ..default };
        let Err(error) = policy.validate() else { return Ok(policy) };
        let (key, value) = match error {
            InvalidPolicy::LeaseTooShort => ("refresh.lease", lease),
            InvalidPolicy::BackoffInverted => ("refresh.backoff_max", backoff_max),
        };
        Err(SettingsError::invalid(key, &humantime::format_duration(value).to_string(), error))
    }
}

#[derive(Debug, Clone)]
pub struct WebhookSettings {
    pub url: EndpointUrl,
    pub key: SigningKey,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct WebhookSection {
    #[serde(deserialize_with = "url")]
    url: Option<EndpointUrl>,
    #[serde(deserialize_with = "signing_key")]
    secret: Option<SigningKey>,
}

impl WebhookSection {
    /// Returns None if no URL is set.
    pub(super) fn settings(self) -> Result<Option<WebhookSettings>, SettingsError> {
        let Some(url) = self.url else { return Ok(None) };
        let why = "it signs the calls, so that the receiver can verify their origin";
        let key = self.secret.ok_or_else(|| SettingsError::missing("webhook.secret", why))?;
        Ok(Some(WebhookSettings { url, key }))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Agent {
    /// The name that callers use as `model`.
    key: Option<String>,
    /// The account and model that serve the agent.
    #[serde(default, deserialize_with = "model")]
    provider: Option<ModelRef>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ModelsSection {
    /// How long a response is remembered after its last use.
    #[serde(deserialize_with = "duration_or_zero")]
    pub(super) remember: Duration,
    #[serde(deserialize_with = "model_name")]
    fallback: Option<ModelName>,
}

impl Default for ModelsSection {
    fn default() -> Self {
        Self { remember: Duration::from_secs(24 * 60 * 60), fallback: None }
    }
}

/// Collects the agents of `agent` and `agents`. `default_provider` may be unknown: its account can be connected later.
pub(super) fn model_names(
    single: Option<Agent>,
    listed: BTreeMap<String, Agent>,
    default_provider: Option<AccountName>,
    models: ModelsSection,
) -> Result<ModelNames, SettingsError> {
    let why = "an agent needs a key and a provider, e.g. my-agent and openai-codex/gpt-5.5";
    let single = single.map(|agent| ("agent".to_owned(), agent));
    let listed = listed.into_iter().map(|(number, agent)| (format!("agents.{number}"), agent));
    let mut agents = BTreeMap::new();
    for (section, agent) in single.into_iter().chain(listed) {
        let key = agent.key.ok_or_else(|| SettingsError::missing(format!("{section}.key"), why))?;
        let model = agent.provider.ok_or_else(|| SettingsError::missing(format!("{section}.provider"), why))?;
        if agents.contains_key(&key) {
            return Err(SettingsError::invalid(format!("{section}.key"), &key, "another agent has this key"));
        }
        agents.insert(key, model);
    }
    let default_provider = default_provider.map_or_else(|| AccountName::parse(openai_codex::NAME), Ok);
    let default_provider =
        default_provider.map_err(|error| SettingsError::invalid("default_provider", openai_codex::NAME, error))?;
    Ok(ModelNames { agents, default_provider, fallback: models.fallback })
}

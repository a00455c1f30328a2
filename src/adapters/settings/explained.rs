//! `goclaw config show` and `check`: returns each setting with its value and origin, and all errors.

use std::{fmt, path::PathBuf, time::Duration};

use sha2::{Digest, Sha256};

use super::{
    CallbackSettings, DatabaseSettings, EncryptionSettings, Environment, PostgresSettings, RefreshSettings, Sections,
    ServerSettings, Settings, SettingsError,
    sources::{self, ConfiguredSetting},
};
use crate::domain::{outbound_proxy::ProxyChoice, provider::ProviderDefinition};

/// Stands for a value that may hold a secret.
const HIDDEN: &str = "(set, not shown)";
const NONE: &str = "(none)";

/// One setting, as `goclaw config show` prints it.
#[derive(Debug)]
pub struct Explained {
    pub key: String,
    /// The value without secrets.
    pub value: String,
    /// Changes with the value, even if `value` hides it.
    pub fingerprint: Fingerprint,
    pub origin: Origin,
}

/// A hash of a value, to detect changes. It is never shown, because a short secret could be guessed from it.
#[derive(Clone, PartialEq, Eq)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    fn of(value: &str) -> Self {
        Self(Sha256::digest(value).into())
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Fingerprint")
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    Default,
    File,
    Variable(String),
    /// A credential file that the service manager passes.
    Credential,
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => formatter.write_str("default"),
            Self::File => formatter.write_str("file"),
            Self::Variable(name) => write!(formatter, "variable {name}"),
            Self::Credential => formatter.write_str("credential"),
        }
    }
}

impl Settings {
    /// Returns all settings, but of each account only the configured ones and the most important defaults.
    ///
    /// # Errors
    ///
    /// The same as those of [`Settings::load`].
    pub fn explain(file: Option<PathBuf>, environment: &Environment) -> Result<Vec<Explained>, SettingsError> {
        let file = file.or_else(|| environment.path("GOCLAW_CONFIG"));
        let mut configured = sources::configured(file.as_deref(), environment)?;
        let settings = Self::load(file, environment)?;
        let mut explained = Vec::new();
        for (key, value) in settings.effective() {
            let found = configured.iter().position(|setting| setting.key() == key);
            explained.push(match found.map(|index| configured.remove(index)) {
                Some(setting) => as_configured(&setting),
                None => Explained {
                    origin: settings.origin_of_unset(&key),
                    fingerprint: Fingerprint::of(&value),
                    key,
                    value,
                },
            });
        }
        explained.extend(configured.iter().map(as_configured));
        Ok(explained)
    }

    /// Returns the error of each invalid setting. If all are valid, returns the first contradiction between settings.
    pub fn problems(file: Option<PathBuf>, environment: &Environment) -> Vec<SettingsError> {
        let file = file.or_else(|| environment.path("GOCLAW_CONFIG"));
        let configured = match sources::configured(file.as_deref(), environment) {
            Ok(configured) => configured,
            Err(error) => return vec![error],
        };
        let problems: Vec<_> =
            configured.iter().filter_map(|setting| setting.read::<Sections>().map(drop).err()).collect();
        if !problems.is_empty() {
            return problems;
        }
        Self::load(file, environment).map(drop).err().into_iter().collect()
    }

    fn origin_of_unset(&self, key: &str) -> Origin {
        let variable = match key {
            "outbound.proxy" => self.outbound.proxy_variable,
            "outbound.no_proxy" => self.outbound.no_proxy_variable,
            _ => None,
        };
        if let Some(name) = variable {
            return Origin::Variable(name.to_owned());
        }
        let is_credential = match key {
            "server.token_file" => self.server.token_file.is_some(),
            "encryption.key_file" => self.encryption.key_file.is_some(),
            _ => false,
        };
        if is_credential { Origin::Credential } else { Origin::Default }
    }

    /// Returns the effective values, which are shown for settings that are not configured. Destructures sections, so
    /// that the compiler reports their new fields.
    fn effective(&self) -> Vec<(String, String)> {
        let ServerSettings {
            host,
            port,
            allowed_hosts,
            public_url: _,
            tls_certificate_file: _,
            tls_key_file: _,
            allowed_origins,
            trusted_proxies,
            drain,
            token: _,
            token_file: _,
        } = &self.server;
        let EncryptionSettings { key: _, keys: _, key_file: _ } = &self.encryption;
        let CallbackSettings { bind, port: callback_port, timeout } = &self.callback;
        let RefreshSettings { proactive, http_timeout, lease, lead, serve_margin, backoff_min, backoff_max } =
            &self.refresh;
        let none = || NONE.to_owned();
        let proxy = self.outbound.proxy.as_ref().map_or_else(none, ToString::to_string);
        let [url, pool_size, wait] = database(&self.database);
        let mut all = vec![
            ("data_dir", self.data_dir.display().to_string()),
            ("server.host", host.to_string()),
            ("server.port", port.to_string()),
            ("server.allowed_hosts", list(allowed_hosts)),
            ("server.tls_certificate_file", none()),
            ("server.tls_key_file", none()),
            ("server.public_url", none()),
            ("server.allowed_origins", list(allowed_origins)),
            ("server.trusted_proxies", list(trusted_proxies)),
            ("server.drain", duration(*drain)),
            ("server.token", none()),
            ("server.token_file", self.token_file().display().to_string()),
            ("database.url", url),
            ("database.pool_size", pool_size),
            ("database.wait", wait),
            ("encryption.key", none()),
            ("encryption.keys", none()),
            ("encryption.key_file", self.key_file().display().to_string()),
            ("callback.bind", bind.map_or_else(|| "127.0.0.1, ::1".to_owned(), |ip| ip.to_string())),
            ("callback.port", callback_port.to_string()),
            ("callback.timeout", duration(*timeout)),
            ("refresh.proactive", proactive.to_string()),
            ("refresh.lead", duration(*lead)),
            ("refresh.serve_margin", duration(*serve_margin)),
            ("refresh.http_timeout", duration(*http_timeout)),
            ("refresh.lease", duration(*lease)),
            ("refresh.backoff_min", duration(*backoff_min)),
            ("refresh.backoff_max", duration(*backoff_max)),
            ("default_provider", self.models.default_provider.to_string()),
            ("agent.key", none()),
            ("agent.provider", none()),
            ("models.fallback", none()),
            ("models.remember", duration(self.remember)),
            ("requests.keep", duration(self.requests.keep)),
            ("log.filter", self.log.filter.clone()),
            ("log.format", <&str>::from(self.log.format).to_owned()),
            ("outbound.proxy", proxy),
            ("outbound.no_proxy", list(&self.outbound.no_proxy)),
            ("outbound.http2", self.outbound.http2.to_string()),
            ("tls.ca_file", none()),
            ("webhook.url", none()),
            ("webhook.secret", none()),
        ]
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value))
        .collect::<Vec<_>>();
        all.extend(self.providers.iter().flat_map(account_settings));
        all
    }
}

/// Returns the settings that are shown for every account.
fn account_settings(account: &ProviderDefinition) -> Vec<(String, String)> {
    let key = |member: &str| format!("providers.{}.{member}", account.name);
    let mut shown = vec![
        (key("type"), account.provider_type.to_string()),
        (key("enabled"), account.enabled.to_string()),
        (key("api_base"), account.api_base.clone()),
    ];
    if let Some(oauth) = &account.oauth {
        shown.push((key("issuer"), oauth.issuer.clone()));
        shown.push((key("token_url"), oauth.token_url.to_string()));
        shown.push((key("client_id"), oauth.client_id.clone()));
    }
    shown
}

fn as_configured(setting: &ConfiguredSetting) -> Explained {
    let key = setting.key();
    let value = match key.rsplit('.').next() {
        // A proxy's URL may hold a password, which `ProxyChoice` does not print.
        Some("proxy") => {
            ProxyChoice::parse(&setting.text()).map_or_else(|_| HIDDEN.to_owned(), |choice| choice.to_string())
        }
        _ if may_be_secret(&key, &setting.text()) => HIDDEN.to_owned(),
        _ => setting.text(),
    };
    let origin = setting.variable.clone().map_or(Origin::File, Origin::Variable);
    Explained { key, value, fingerprint: Fingerprint::of(&setting.text()), origin }
}

/// Decides by the name, so that a new secret is hidden by default. The `key` of an agent is a name, not a secret.
fn may_be_secret(key: &str, value: &str) -> bool {
    let name = key.rsplit('.').next().unwrap_or_default();
    let sounds_secret = ["token", "key", "secret", "password"].iter().any(|word| name.contains(word));
    let is_place = name.ends_with("_file") || name.ends_with("_url") || key.starts_with("agent");
    match key {
        "database.url" => !value.starts_with("sqlite:"),
        // The URL of a webhook often holds a secret.
        "webhook.url" => true,
        _ => sounds_secret && !is_place,
    }
}

fn list(items: &[impl ToString]) -> String {
    if items.is_empty() {
        NONE.to_owned()
    } else {
        items.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    }
}

fn duration(duration: Duration) -> String {
    humantime::format_duration(duration).to_string()
}

/// Returns the values of `database.url`, `database.pool_size` and `database.wait`.
fn database(database: &DatabaseSettings) -> [String; 3] {
    match database {
        DatabaseSettings::Sqlite(path) => [format!("sqlite:{}", path.display()), NONE.to_owned(), NONE.to_owned()],
        DatabaseSettings::Postgres(PostgresSettings { url: _, pool_size, wait, ca_file: _ }) => {
            [HIDDEN.to_owned(), pool_size.to_string(), duration(*wait)]
        }
    }
}

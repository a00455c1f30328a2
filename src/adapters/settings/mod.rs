//! The configuration: `GOCLAW_*` variables override a file, which overrides the defaults.
//!
//! Each section is a serde struct with safe defaults. An unknown key or an invalid value prevents the start. The error
//! names the key, the value (unless it may be a secret) and what is allowed. A new setting needs a field, a use, and a
//! row in the README's table; a test compares the table with the fields.

mod database;
mod error;
mod explained;
mod outbound;
mod providers;
mod sections;
mod sources;
mod values;

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use serde::Deserialize;

pub use database::{DatabaseSettings, PostgresSettings};
pub use error::SettingsError;
pub use explained::{Explained, Fingerprint, Origin};
pub use outbound::OutboundSettings;
pub use sections::{
    CallbackSettings, EncryptionSettings, LogSettings, RefreshSettings, RequestSettings, ServerSettings,
    WebhookSettings,
};
pub use sources::Environment;
pub use values::LogFormat;

use crate::domain::{ids::AccountName, model_ref::ModelNames, provider::ProviderDefinition};

/// The configuration before validation across settings.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Sections {
    data_dir: Option<PathBuf>,
    server: ServerSettings,
    database: database::DatabaseSection,
    encryption: EncryptionSettings,
    callback: CallbackSettings,
    refresh: RefreshSettings,
    webhook: sections::WebhookSection,
    outbound: outbound::OutboundSection,
    tls: outbound::TlsSection,
    agent: Option<sections::Agent>,
    agents: BTreeMap<String, sections::Agent>,
    models: sections::ModelsSection,
    requests: RequestSettings,
    log: LogSettings,
    #[serde(deserialize_with = "values::provider_name")]
    default_provider: Option<AccountName>,
    providers: BTreeMap<String, providers::ProviderSection>,
}

#[derive(Debug)]
pub struct Settings {
    /// The folder of the files that the gateway creates.
    pub data_dir: PathBuf,
    pub server: ServerSettings,
    pub database: DatabaseSettings,
    pub encryption: EncryptionSettings,
    pub callback: CallbackSettings,
    pub refresh: RefreshSettings,
    pub outbound: OutboundSettings,
    /// None if no webhook is configured.
    pub webhook: Option<WebhookSettings>,
    pub models: ModelNames,
    /// How long a response is remembered after its last use; zero: not at all.
    pub remember: Duration,
    pub requests: RequestSettings,
    pub log: LogSettings,
    /// The definitions of the built-in accounts and the configured ones.
    pub providers: Vec<ProviderDefinition>,
}

impl Settings {
    /// Reads the environment and a file: `file`, else the one in `GOCLAW_CONFIG`, else none.
    ///
    /// # Errors
    /// A setting is unknown, invalid or missing, or two contradict each other.
    pub fn load(file: Option<PathBuf>, environment: &Environment) -> Result<Self, SettingsError> {
        Self::load_as(true, file, environment)
    }

    /// Reads the settings for a client command, which needs no secrets of the gateway.
    ///
    /// # Errors
    /// Those of [`Settings::load`], except for missing secrets.
    pub fn load_for_client(file: Option<PathBuf>, environment: &Environment) -> Result<Self, SettingsError> {
        Self::load_as(false, file, environment)
    }

    /// Returns `tls.ca_file`, for a client command that needs no other setting.
    ///
    /// # Errors
    /// The file cannot be read, or two variables contradict each other.
    pub fn ca_file(file: Option<PathBuf>, environment: &Environment) -> Result<Option<PathBuf>, SettingsError> {
        let file = file.or_else(|| environment.path("GOCLAW_CONFIG"));
        let settings = sources::configured(file.as_deref(), environment)?;
        Ok(settings.iter().find(|setting| setting.key() == "tls.ca_file").map(|setting| setting.text().into()))
    }

    fn load_as(is_gateway: bool, file: Option<PathBuf>, environment: &Environment) -> Result<Self, SettingsError> {
        let file = file.or_else(|| environment.path("GOCLAW_CONFIG"));
        let mut sections: Sections = sources::read(file.as_deref(), environment)?;
        let Sections { mut server, mut encryption, callback, refresh, .. } = sections;
        if server.token.is_none() && server.token_file.is_none() {
            server.token_file = credential("goclaw.token", environment);
        }
        if encryption.key.is_none() && encryption.keys.is_none() && encryption.key_file.is_none() {
            encryption.key_file = credential("goclaw.key", environment);
        }
        let data_dir = sections.data_dir.map_or_else(|| default_data_dir(environment), Ok)?;
        let database = sections.database.settings(&data_dir, sections.tls.ca_file.as_deref());
        let needs_secrets = is_gateway && matches!(database, DatabaseSettings::Postgres(_));
        let token = [("server.token", server.token.is_some()), ("server.token_file", server.token_file.is_some())];
        check_secret(token, needs_secrets)?;
        let key = [
            ("encryption.key", encryption.key.is_some()),
            ("encryption.keys", encryption.keys.is_some()),
            ("encryption.key_file", encryption.key_file.is_some()),
        ];
        check_secret(key, needs_secrets)?;
        server.check_tls()?;
        if server.port == callback.port {
            let allowed = "the API uses this port; choose another one for the API or for the callback";
            return Err(SettingsError::invalid("callback.port", &callback.port.to_string(), allowed));
        }
        let proxy_choices = providers::proxy_choices(&mut sections.providers)?;
        Ok(Self {
            data_dir,
            remember: sections.models.remember,
            models: sections::model_names(sections.agent, sections.agents, sections.default_provider, sections.models)?,
            providers: providers::definitions(sections.providers, callback.port, &refresh.policy()?)?,
            outbound: sections.outbound.settings(sections.tls, proxy_choices, environment)?,
            webhook: sections.webhook.settings()?,
            requests: sections.requests,
            log: sections.log,
            server,
            database,
            encryption,
            callback,
            refresh,
        })
    }

    /// Returns the path of the gateway's token, which is used unless `server.token` is set.
    pub fn token_file(&self) -> PathBuf {
        self.server.token_file.clone().unwrap_or_else(|| self.data_dir.join("gateway.token"))
    }

    /// Returns the path of the encryption keys, which are used unless `encryption.key` or `encryption.keys` is set.
    pub fn key_file(&self) -> PathBuf {
        self.encryption.key_file.clone().unwrap_or_else(|| self.data_dir.join("encryption.key"))
    }
}

/// Returns the file in which the service manager passes a secret (systemd.exec(5), `LoadCredential=`); None if the file
/// does not exist, because a unit may name credentials that a machine does not have.
fn credential(name: &str, environment: &Environment) -> Option<PathBuf> {
    environment.path("CREDENTIALS_DIRECTORY").map(|folder| folder.join(name)).filter(|file| file.is_file())
}

/// Checks that at most one of the settings for one secret is set, and exactly one if replicas share the database. They
/// need the same secret, so none of them may create its own.
fn check_secret<const N: usize>(settings: [(&'static str, bool); N], is_shared: bool) -> Result<(), SettingsError> {
    let mut set = settings.iter().filter(|(_, is_set)| *is_set).map(|(key, _)| (*key).to_owned());
    match (set.next(), set.next()) {
        (Some(one), Some(other)) => Err(SettingsError::Both { one, other }),
        (None, _) if is_shared => {
            let why = "gateways that share a PostgreSQL database need the same one; set it, or the path of its file";
            Err(SettingsError::missing(settings.first().map_or("", |(key, _)| key), why))
        }
        _ => Ok(()),
    }
}

/// Returns `$XDG_DATA_HOME/goclaw`, or `~/.local/share/goclaw` if that is not set (XDG Base Directory Specification).
fn default_data_dir(environment: &Environment) -> Result<PathBuf, SettingsError> {
    let absolute = |name| environment.path(name).filter(|path| path.is_absolute());
    let base = absolute("XDG_DATA_HOME").or_else(|| absolute("HOME").map(|home| home.join(".local/share")));
    base.map(|base| base.join("goclaw")).ok_or(SettingsError::NoDataDir)
}

//! What the owner configured: a file, `GOCLAW_*` variables over it, defaults under both.
//!
//! Few settings, each with a safe default. An unknown key or a bad value stops the start with one sentence that names the
//! key, the value (unless it is a secret) and what is allowed.

mod database;
mod error;
mod keys;
mod models;
mod providers;
mod refresh;
mod server;
mod sources;
mod webhook;

use std::path::PathBuf;

pub use database::{DatabaseSettings, EncryptionSettings};
pub use error::SettingsError;
pub use refresh::RefreshSettings;
pub use server::{CallbackSettings, ServerSettings};
pub use sources::Environment;
pub use webhook::WebhookSettings;

use crate::domain::{model_ref::ModelNames, provider::ProviderDefinition};
use sources::Sources;

#[derive(Debug)]
pub struct Settings {
    /// Where whatever the gateway makes by itself lies.
    pub data_dir: PathBuf,
    pub server: ServerSettings,
    pub database: DatabaseSettings,
    pub encryption: EncryptionSettings,
    pub callback: CallbackSettings,
    pub refresh: RefreshSettings,
    /// None if nobody is to be called.
    pub webhook: Option<WebhookSettings>,
    /// What the names of models mean.
    pub models: ModelNames,
    /// The built-in providers and whatever was added.
    pub providers: Vec<ProviderDefinition>,
}

impl Settings {
    /// Reads `file` (or what `GOCLAW_CONFIG` names, or none) and the environment.
    pub fn load(file: Option<PathBuf>, environment: &Environment) -> Result<Self, SettingsError> {
        let sources = Sources::read(file.or_else(|| environment.path("GOCLAW_CONFIG")), environment)?;
        let data_dir = data_dir(&sources, environment)?;
        let callback = CallbackSettings::read(&sources)?;
        let server = ServerSettings::read(&sources, &data_dir)?;
        if server.port == callback.port {
            let port = callback.port.to_string();
            return Err(SettingsError::bad(
                "callback.port",
                &port,
                "it is the port of the API; choose another for one of them",
            ));
        }
        let refresh = RefreshSettings::read(&sources)?;
        let database = DatabaseSettings::read(&sources, &data_dir)?;
        if let DatabaseSettings::Postgres(_) = database {
            require_shared(&sources, "server.token")?;
            require_shared(&sources, "encryption.key")?;
        }
        Ok(Self {
            server,
            database,
            encryption: EncryptionSettings::read(&sources, &data_dir)?,
            models: models::read(&sources)?,
            providers: providers::read(&sources, callback.port, &refresh.policy)?,
            refresh,
            webhook: WebhookSettings::read(&sources)?,
            callback,
            data_dir,
        })
    }
}

/// Gateways that share a database must have the same token and key, so neither can be made by one of them.
fn require_shared(sources: &Sources, key: &str) -> Result<(), SettingsError> {
    if sources.text(key).is_some() || sources.text(&format!("{key}_file")).is_some() {
        return Ok(());
    }
    let why = "gateways on PostgreSQL share it, so it must be configured, itself or as a file";
    Err(SettingsError::Missing { key: key.to_owned(), why })
}

/// `$XDG_DATA_HOME/goclaw`, where that is not set `~/.local/share/goclaw` (XDG Base Directory Specification).
fn data_dir(sources: &Sources, environment: &Environment) -> Result<PathBuf, SettingsError> {
    let absolute = |name| environment.path(name).filter(|path| path.is_absolute());
    let default = || absolute("XDG_DATA_HOME").or_else(|| absolute("HOME").map(|home| home.join(".local/share")));
    let configured = sources.text("data_dir").map(PathBuf::from);
    configured.or_else(|| default().map(|base| base.join("goclaw"))).ok_or(SettingsError::NoDataDir)
}

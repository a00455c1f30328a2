//! SIGHUP: rereads the configuration, applies what can change while the gateway runs, and logs what needs a restart. It
//! never stops the gateway.
//!
//! The gateway's token and the encryption keys need no signal: their files are reread when an unknown one is presented
//! or needed. A renewed certificate is noticed within seconds; with a signal it is in use at once.

use std::{path::PathBuf, sync::Arc};

use tokio::signal::unix::{SignalKind, signal};

use super::StartError;
use crate::adapters::{
    serving::ServerCertificate,
    settings::{Environment, Settings},
    telemetry::LogFilter,
};

const FILTER: &str = "log.filter";

/// Listens for SIGHUP as long as the process runs.
pub(super) fn listen(
    config: Option<PathBuf>,
    environment: Environment,
    log: LogFilter,
    certificate: Option<Arc<ServerCertificate>>,
) -> Result<(), StartError> {
    let mut hangups = signal(SignalKind::hangup()).map_err(StartError::Runtime)?;
    let mut known = explained(&config, &environment).unwrap_or_default();
    #[expect(clippy::disallowed_methods, reason = "it runs as long as the process and holds no state")]
    tokio::spawn(async move {
        while hangups.recv().await.is_some() {
            if let Some(certificate) = &certificate {
                certificate.reload();
            }
            match explained(&config, &environment) {
                Ok(now) => {
                    apply(&known, &now, &environment, &log);
                    known = now;
                }
                Err(error) => tracing::error!("the configuration is not valid and nothing was changed: {error}"),
            }
        }
    });
    Ok(())
}

/// Returns the settings with their values, without secrets.
fn explained(config: &Option<PathBuf>, environment: &Environment) -> Result<Vec<(String, String)>, String> {
    let explained = Settings::explain(config.clone(), environment).map_err(|error| error.to_string())?;
    Ok(explained.into_iter().map(|setting| (setting.key, setting.value)).collect())
}

fn apply(before: &[(String, String)], now: &[(String, String)], environment: &Environment, log: &LogFilter) {
    let is_changed = |setting: &&(String, String)| !before.contains(setting);
    let changed: Vec<&(String, String)> = now.iter().filter(is_changed).collect();
    for (_, filter) in changed.iter().filter(|(key, _)| key == FILTER) {
        match environment.text("RUST_LOG") {
            Some(_) => tracing::warn!("RUST_LOG overrides log.filter, which was not applied"),
            None if log.apply(filter) => tracing::info!("log.filter was applied: {filter}"),
            None => tracing::error!("log.filter was not applied"),
        }
    }
    let gone = before.iter().filter(|(key, _)| now.iter().all(|(known, _)| known != key));
    let others: Vec<&str> =
        changed.into_iter().chain(gone).map(|(key, _)| key.as_str()).filter(|key| *key != FILTER).collect();
    if others.is_empty() {
        tracing::info!("the configuration was read again; no other setting has changed");
    } else {
        tracing::warn!("these settings have changed and need a restart: {}", others.join(", "));
    }
}

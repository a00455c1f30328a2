//! SIGHUP: rereads the configuration, applies what can change while the gateway runs, and logs what needs a restart. It
//! never stops the gateway.
//!
//! The files of the gateway token and the encryption keys need no signal: the gateway rereads them when it meets its own
//! token or an unknown one, or needs an unknown key. It uses a renewed certificate within seconds, and at once after the
//! signal.

use std::{path::PathBuf, sync::Arc};

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::{StartError, sentence};
use crate::adapters::{
    logging::LogFilter,
    serving::ServerCertificate,
    settings::{Environment, Explained, Settings},
};

const FILTER_KEY: &str = "log.filter";

/// The handler of SIGHUP, and the configuration with which the gateway starts.
pub(super) struct Reloads {
    hangups: Signal,
    config: Option<PathBuf>,
    environment: Environment,
    started: Vec<Explained>,
}

/// Installs the handler before the start, because the signal would end the process without it.
pub(super) fn prepare(config: Option<PathBuf>, environment: Environment) -> Result<Reloads, StartError> {
    let hangups = signal(SignalKind::hangup()).map_err(StartError::Runtime)?;
    let started = explain(&config, &environment).unwrap_or_default();
    Ok(Reloads { hangups, config, environment, started })
}

/// Handles each SIGHUP as long as the process runs.
pub(super) fn listen(reloads: Reloads, log: LogFilter, certificate: Option<Arc<ServerCertificate>>) {
    let Reloads { mut hangups, config, environment, started } = reloads;
    let mut filter = value_of(&started, FILTER_KEY);
    #[expect(clippy::disallowed_methods, reason = "it runs as long as the process and holds no state")]
    tokio::spawn(async move {
        while hangups.recv().await.is_some() {
            if let Some(certificate) = &certificate {
                certificate.reload();
            }
            match explain(&config, &environment) {
                Ok(now) => {
                    let new = value_of(&now, FILTER_KEY);
                    if filter != new {
                        apply(new.as_deref().unwrap_or_default(), &log);
                        filter = new;
                    }
                    report_changes(&started, &now);
                }
                Err(error) => tracing::error!("the configuration is not valid and nothing was changed: {error}"),
            }
        }
    });
}

fn explain(config: &Option<PathBuf>, environment: &Environment) -> Result<Vec<Explained>, String> {
    Settings::explain(config.clone(), environment).map_err(|error| sentence(&error.into()))
}

fn value_of(settings: &[Explained], key: &str) -> Option<String> {
    settings.iter().find(|setting| setting.key == key).map(|setting| setting.value.clone())
}

fn apply(filter: &str, log: &LogFilter) {
    if log.is_overridden() {
        tracing::warn!("RUST_LOG overrides log.filter, which was not applied");
    } else if log.apply(filter) {
        tracing::info!("log.filter was applied: {filter}");
    } else {
        tracing::error!("log.filter was not applied");
    }
}

/// Logs the settings that differ from those at the start, so that a change that needs a restart is reported each time.
fn report_changes(started: &[Explained], now: &[Explained]) {
    // Fingerprints are compared, because all secrets have the same shown value.
    let contains = |settings: &[Explained], wanted: &Explained| {
        settings.iter().any(|known| known.key == wanted.key && known.fingerprint == wanted.fingerprint)
    };
    let is_gone = |setting: &&Explained| now.iter().all(|known| known.key != setting.key);
    let changed = now.iter().filter(|setting| !contains(started, setting)).chain(started.iter().filter(is_gone));
    let changed: Vec<&str> = changed.map(|setting| setting.key.as_str()).filter(|key| *key != FILTER_KEY).collect();
    if changed.is_empty() {
        tracing::info!("the configuration was read again; no other setting has changed since the start");
    } else {
        tracing::warn!("these settings have changed since the start and need a restart: {}", changed.join(", "));
    }
}

//! SIGHUP: rereads the configuration, applies what can change while the gateway runs, and logs what needs a restart. It
//! never stops the gateway.
//!
//! The files of the gateway token and the encryption keys need no signal: the gateway rereads them when it meets an
//! unknown token or needs an unknown key. It uses a renewed certificate within seconds, and at once after the signal.

use std::{path::PathBuf, sync::Arc};

use tokio::signal::unix::{SignalKind, signal};

use super::StartError;
use crate::adapters::{
    serving::ServerCertificate,
    settings::{Environment, Explained, Settings},
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
                    apply(&known, &now, &log);
                    known = now;
                }
                Err(error) => tracing::error!("the configuration is not valid and nothing was changed: {error}"),
            }
        }
    });
    Ok(())
}

fn explained(config: &Option<PathBuf>, environment: &Environment) -> Result<Vec<Explained>, String> {
    Settings::explain(config.clone(), environment).map_err(|error| error.to_string())
}

fn apply(before: &[Explained], now: &[Explained], log: &LogFilter) {
    // Fingerprints are compared, because all secrets have the same shown value.
    let is_known =
        |now: &Explained| before.iter().any(|known| known.key == now.key && known.fingerprint == now.fingerprint);
    let changed: Vec<&Explained> = now.iter().filter(|setting| !is_known(setting)).collect();
    for filter in changed.iter().filter(|setting| setting.key == FILTER).map(|setting| &setting.value) {
        if log.is_overridden() {
            tracing::warn!("RUST_LOG overrides log.filter, which was not applied");
        } else if log.apply(filter) {
            tracing::info!("log.filter was applied: {filter}");
        } else {
            tracing::error!("log.filter was not applied");
        }
    }
    let gone = before.iter().filter(|setting| now.iter().all(|known| known.key != setting.key));
    let others = changed.into_iter().chain(gone).map(|setting| setting.key.as_str());
    let others: Vec<&str> = others.filter(|key| *key != FILTER).collect();
    if others.is_empty() {
        tracing::info!("the configuration was read again; no other setting has changed");
    } else {
        tracing::warn!("these settings have changed and need a restart: {}", others.join(", "));
    }
}

//! The responses to probes (`/healthz`, `/livez`, `/readyz`).

use poem_openapi::Object;
use serde::Deserialize;

use super::{HealthStatus, ReadinessStatus};
use crate::app;

#[derive(Debug, Object, Deserialize)]
pub struct Health {
    pub status: HealthStatus,
}

/// Whether requests may be sent to this gateway.
#[derive(Debug, Object, Deserialize)]
#[oai(skip_serializing_if_is_none)]
pub struct Readiness {
    pub status: ReadinessStatus,
    /// Why the gateway is not ready, as a sentence.
    pub reason: Option<String>,
}

impl Readiness {
    /// Returns whether this gateway can serve requests.
    pub fn is_serving(&self) -> bool {
        matches!(self.status, ReadinessStatus::Ready | ReadinessStatus::Degraded)
    }
}

impl From<app::Readiness> for Readiness {
    fn from(readiness: app::Readiness) -> Self {
        let (status, trouble) = match readiness {
            app::Readiness::Ready => (ReadinessStatus::Ready, None),
            app::Readiness::Degraded(trouble) => (ReadinessStatus::Degraded, Some(trouble)),
            app::Readiness::Unavailable(trouble) => (ReadinessStatus::Unavailable, Some(trouble)),
            app::Readiness::Stopping => (ReadinessStatus::Stopping, None),
        };
        Self { status, reason: trouble.map(|trouble| trouble.in_words().to_owned()) }
    }
}

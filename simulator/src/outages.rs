//! Outages of single origins at the network level. For an origin that responds with 503, queue a fault instead.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{http::Gate, site::Site};

/// The network state of an origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outage {
    /// The origin.
    pub site: Site,
    /// Whether it is down.
    pub down: bool,
}

/// The gate of every origin.
#[derive(Debug, Default)]
pub(crate) struct Outages {
    auth: Arc<Gate>,
    backend: Arc<Gate>,
    sessions: Arc<Gate>,
    studio: Arc<Gate>,
    dashscope: Arc<Gate>,
}

impl Outages {
    pub(crate) fn gate(&self, site: Site) -> Arc<Gate> {
        Arc::clone(match site {
            Site::Auth => &self.auth,
            Site::Backend => &self.backend,
            Site::Sessions => &self.sessions,
            Site::Studio => &self.studio,
            Site::Dashscope => &self.dashscope,
        })
    }

    /// Opens or closes an origin and returns when the change has taken effect.
    pub(crate) async fn set(&self, site: Site, down: bool) {
        self.gate(site).set(!down).await;
    }

    /// Ends every outage without waiting.
    pub(crate) fn end(&self) {
        Site::ALL.iter().for_each(|site| self.gate(*site).want(true));
    }

    /// Ends every outage and returns when the change has taken effect.
    pub(crate) async fn end_and_wait(&self) {
        for site in Site::ALL {
            self.set(site, false).await;
        }
    }

    pub(crate) fn all(&self) -> Vec<Outage> {
        Site::ALL.map(|site| Outage { site, down: !self.gate(site).is_open() }).into()
    }
}

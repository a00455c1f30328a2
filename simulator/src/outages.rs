//! Origins taken from the network, one by one. An origin that answers 503 is a fault on order instead.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{http::Gate, site::Site};

/// An origin taken down, or brought back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outage {
    /// Which origin.
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

    /// Returns when the network shows it.
    pub(crate) async fn set(&self, site: Site, down: bool) {
        self.gate(site).set(!down).await;
    }

    /// Ends every outage, without waiting for it.
    pub(crate) fn end(&self) {
        Site::ALL.iter().for_each(|site| self.gate(*site).want(true));
    }

    /// Ends every outage, and returns when the network shows it.
    pub(crate) async fn ended(&self) {
        for site in Site::ALL {
            self.set(site, false).await;
        }
    }

    pub(crate) fn all(&self) -> Vec<Outage> {
        Site::ALL.map(|site| Outage { site, down: !self.gate(site).is_open() }).into()
    }
}

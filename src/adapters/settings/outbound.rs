//! The sections `outbound` and `tls`: proxies, trusted authorities and HTTP/2 of the gateway's own connections.
//!
//! The usual proxy variables apply if a setting is absent. `HTTP_PROXY` is not read, because all addresses on other
//! machines are https.

use std::{collections::BTreeMap, path::PathBuf};

use serde::Deserialize;

use super::{
    Environment, SettingsError,
    error::rejected_secret,
    values::{flag, list, proxy_choice},
};
use crate::domain::{
    ids::AccountName,
    outbound_proxy::{ProxyChoice, ProxyUrl},
};

/// The variables that name a proxy for https, by precedence.
const PROXY_VARIABLES: [&str; 4] = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
/// The variables that list exceptions, by precedence.
const EXCEPTION_VARIABLES: [&str; 2] = ["NO_PROXY", "no_proxy"];

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct OutboundSection {
    /// The proxy of all accounts without their own setting, and of the webhook. `None` applies the variables.
    #[serde(deserialize_with = "proxy_choice")]
    proxy: Option<ProxyChoice>,
    /// Hosts, domains and networks that are reached directly.
    #[serde(deserialize_with = "list")]
    no_proxy: Option<Vec<String>>,
    /// Whether providers may choose HTTP/2 for their APIs.
    #[serde(deserialize_with = "flag")]
    http2: bool,
}

impl Default for OutboundSection {
    fn default() -> Self {
        Self { proxy: None, no_proxy: None, http2: true }
    }
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct TlsSection {
    /// A PEM file of certificate authorities to trust in addition to the system's.
    pub(super) ca_file: Option<PathBuf>,
}

/// The settings of connections to other machines.
#[derive(Debug)]
pub struct OutboundSettings {
    /// The proxy of all accounts that are not in `accounts`, and of the webhook; `None` for direct connections.
    pub proxy: Option<ProxyUrl>,
    /// The environment variable that `proxy` was read from, or `None` for a setting.
    pub proxy_variable: Option<&'static str>,
    pub no_proxy: Vec<String>,
    /// The environment variable that `no_proxy` was read from, or `None` for a setting.
    pub no_proxy_variable: Option<&'static str>,
    /// The accounts with their own proxy, or with direct connections.
    pub accounts: BTreeMap<AccountName, ProxyChoice>,
    pub ca_file: Option<PathBuf>,
    pub http2: bool,
}

impl OutboundSection {
    pub(super) fn settings(
        self,
        tls: TlsSection,
        accounts: BTreeMap<AccountName, ProxyChoice>,
        environment: &Environment,
    ) -> Result<OutboundSettings, SettingsError> {
        let found = |names: &[&'static str]| {
            names.iter().find_map(|name| environment.text(name).map(|value| (*name, value.to_owned())))
        };
        let (choice, proxy_variable) = match (self.proxy, found(&PROXY_VARIABLES)) {
            (Some(choice), _) => (choice, None),
            (None, None) => (ProxyChoice::Direct, None),
            (None, Some((name, value))) => {
                let invalid = |error: &dyn std::fmt::Display| SettingsError::InvalidValue {
                    key: name.to_owned(),
                    rejected: rejected_secret(&error.to_string()),
                };
                (ProxyChoice::parse(&value).map_err(|error| invalid(&error))?, Some(name))
            }
        };
        let (no_proxy, no_proxy_variable) = match (self.no_proxy, found(&EXCEPTION_VARIABLES)) {
            (Some(list), _) => (list, None),
            (None, None) => (Vec::new(), None),
            (None, Some((name, value))) => {
                let items = value.split(',').map(str::trim).filter(|item| !item.is_empty());
                (items.map(str::to_owned).collect(), Some(name))
            }
        };
        let proxy = match choice {
            ProxyChoice::Direct => None,
            ProxyChoice::Proxy(proxy) => Some(proxy),
        };
        let (ca_file, http2) = (tls.ca_file, self.http2);
        Ok(OutboundSettings { proxy, proxy_variable, no_proxy, no_proxy_variable, accounts, ca_file, http2 })
    }
}

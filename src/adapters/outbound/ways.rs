//! Chooses how a connection leaves this machine: directly or through a proxy, depending on its account and host.

use std::{fmt, sync::Arc};

use http_message::{Uri, uri::Scheme};
use hyper_util::client::proxy::matcher::Matcher;

use super::OutboundOptions;
use crate::domain::{
    ids::AccountName,
    networks,
    outbound_proxy::{ProxyUrl, WayOut},
};

/// A direct connection or one of the proxies, as an index into the [`Ways`] that returned it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Way(usize);

/// The direct connection and all configured proxies.
#[derive(Clone)]
pub struct Ways {
    /// The proxy of way `n` is at `n - 1`; way 0 is direct.
    proxies: Vec<ProxyUrl>,
    /// The way of the gateway's own requests, and of accounts that `accounts` does not contain.
    common: Way,
    accounts: Vec<(AccountName, Way)>,
    /// The hosts that are reached directly instead of by the common way; `None` if none are configured.
    exceptions: Option<Arc<Matcher>>,
}

impl Ways {
    pub(super) fn new(options: &OutboundOptions) -> Self {
        let mut proxies: Vec<ProxyUrl> = options.proxy.iter().cloned().collect();
        let common = Way(proxies.len());
        let mut accounts = Vec::new();
        for (account, way) in &options.accounts {
            let way = match way {
                WayOut::Direct => Way::default(),
                WayOut::Proxy(proxy) => {
                    proxies.push(proxy.clone());
                    Way(proxies.len())
                }
            };
            accounts.push((account.clone(), way));
        }
        // The proxy's address is a placeholder: only the exceptions are used.
        let matcher = || Matcher::builder().all("http://proxy").no(options.no_proxy.join(",")).build();
        let exceptions = (!options.no_proxy.is_empty()).then(|| Arc::new(matcher()));
        Self { proxies, common, accounts, exceptions }
    }

    /// Returns the way to `url` for an account, or for the gateway itself. This machine is always reached directly.
    pub fn to(&self, url: &Uri, account: Option<&AccountName>) -> Way {
        // Settings accept plain HTTP only for addresses of this machine.
        if self.proxies.is_empty() || url.scheme() != Some(&Scheme::HTTPS) || is_this_machine(url) {
            return Way::default();
        }
        let own = account.and_then(|account| self.accounts.iter().find(|(name, _)| name == account));
        match own {
            Some((_, way)) => *way,
            None if self.is_excluded(url) => Way::default(),
            None => self.common,
        }
    }

    /// Like [`Self::to`], for a URL as text. Returns the direct way for an invalid URL, whose request fails anyway.
    pub fn to_text(&self, url: &str, account: Option<&AccountName>) -> Way {
        Uri::try_from(url).map_or(Way::default(), |url| self.to(&url, account))
    }

    /// Returns the proxy of a way.
    pub fn proxy(&self, way: Way) -> Option<&ProxyUrl> {
        way.0.checked_sub(1).and_then(|index| self.proxies.get(index))
    }

    /// Calls `make` for each way, with its proxy.
    pub fn try_map<T, E>(&self, mut make: impl FnMut(Option<&ProxyUrl>) -> Result<T, E>) -> Result<PerWay<T>, E> {
        let direct = make(None)?;
        let proxied = self.proxies.iter().map(|proxy| make(Some(proxy))).collect::<Result<_, _>>()?;
        Ok(PerWay { direct, proxied })
    }

    fn is_excluded(&self, url: &Uri) -> bool {
        self.exceptions.as_ref().is_some_and(|rules| rules.intercept(url).is_none())
    }
}

impl fmt::Debug for Ways {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ways").field("proxies", &self.proxies).finish_non_exhaustive()
    }
}

/// One value for each way, such as an HTTP client.
#[derive(Debug, Clone)]
pub struct PerWay<T> {
    direct: T,
    proxied: Vec<T>,
}

impl<T> PerWay<T> {
    pub fn of(&self, way: Way) -> &T {
        way.0.checked_sub(1).and_then(|index| self.proxied.get(index)).unwrap_or(&self.direct)
    }
}

fn is_this_machine(url: &Uri) -> bool {
    let host = url.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    networks::is_this_machine(host) || host.to_ascii_lowercase().ends_with(".localhost")
}

//! Chooses how a connection leaves this machine: directly or through a proxy, depending on its account and host.

use std::{fmt, sync::Arc};

use http_message::{Uri, uri::Scheme};
use hyper_util::client::proxy::matcher::Matcher;

use super::OutboundOptions;
use crate::domain::{
    ids::AccountName,
    networks,
    outbound_proxy::{ProxyChoice, ProxyUrl},
};

/// Names the direct connection (0) or one of the proxies of the [`ProxySelector`] that returned it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct ProxyIndex(usize);

/// The direct connection and all configured proxies.
#[derive(Clone)]
pub struct ProxySelector {
    /// The proxy with index `n` is at `n - 1`.
    proxies: Vec<ProxyUrl>,
    /// Used for the gateway's own requests, and for accounts that `accounts` does not contain.
    common: ProxyIndex,
    accounts: Vec<(AccountName, ProxyIndex)>,
    /// The hosts that are reached directly instead of through `common`; `None` if none are configured.
    exceptions: Option<Arc<Matcher>>,
}

impl ProxySelector {
    pub(super) fn new(options: &OutboundOptions) -> Self {
        let mut proxies: Vec<ProxyUrl> = options.proxy.iter().cloned().collect();
        let common = ProxyIndex(proxies.len());
        let mut accounts = Vec::new();
        for (account, choice) in &options.accounts {
            let index = match choice {
                ProxyChoice::Direct => ProxyIndex::default(),
                ProxyChoice::Proxy(proxy) => {
                    proxies.push(proxy.clone());
                    ProxyIndex(proxies.len())
                }
            };
            accounts.push((account.clone(), index));
        }
        // The proxy's address is a placeholder: only the exceptions are used.
        let matcher = || Matcher::builder().all("http://proxy").no(options.no_proxy.join(",")).build();
        let exceptions = (!options.no_proxy.is_empty()).then(|| Arc::new(matcher()));
        Self { proxies, common, accounts, exceptions }
    }

    /// Selects the proxy for requests of an account, or of the gateway itself, to `url`. This machine is always reached
    /// directly.
    pub fn index_for(&self, url: &Uri, account: Option<&AccountName>) -> ProxyIndex {
        // Settings accept plain HTTP only for addresses of this machine.
        if self.proxies.is_empty() || url.scheme() != Some(&Scheme::HTTPS) || is_this_machine(url) {
            return ProxyIndex::default();
        }
        let own = account.and_then(|account| self.accounts.iter().find(|(name, _)| name == account));
        match own {
            Some((_, index)) => *index,
            None if self.is_excluded(url) => ProxyIndex::default(),
            None => self.common,
        }
    }

    /// Like [`Self::index_for`], for a URL as text. Returns the direct connection for an invalid URL, whose request
    /// fails anyway.
    pub fn index_for_text(&self, url: &str, account: Option<&AccountName>) -> ProxyIndex {
        Uri::try_from(url).map_or(ProxyIndex::default(), |url| self.index_for(&url, account))
    }

    /// Returns the proxy with an index; `None` for the direct connection.
    pub fn proxy(&self, index: ProxyIndex) -> Option<&ProxyUrl> {
        index.0.checked_sub(1).and_then(|index| self.proxies.get(index))
    }

    /// Calls `make` for the direct connection and for each proxy.
    pub fn try_map<T, E>(&self, mut make: impl FnMut(Option<&ProxyUrl>) -> Result<T, E>) -> Result<PerProxy<T>, E> {
        let direct = make(None)?;
        let proxied = self.proxies.iter().map(|proxy| make(Some(proxy))).collect::<Result<_, _>>()?;
        Ok(PerProxy { direct, proxied })
    }

    fn is_excluded(&self, url: &Uri) -> bool {
        self.exceptions.as_ref().is_some_and(|rules| rules.intercept(url).is_none())
    }
}

impl fmt::Debug for ProxySelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProxySelector").field("proxies", &self.proxies).finish_non_exhaustive()
    }
}

/// One value for the direct connection and one for each proxy, such as an HTTP client.
#[derive(Debug, Clone)]
pub struct PerProxy<T> {
    direct: T,
    proxied: Vec<T>,
}

impl<T> PerProxy<T> {
    pub fn of(&self, index: ProxyIndex) -> &T {
        index.0.checked_sub(1).and_then(|index| self.proxied.get(index)).unwrap_or(&self.direct)
    }
}

fn is_this_machine(url: &Uri) -> bool {
    let host = url.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    networks::is_this_machine(host) || host.to_ascii_lowercase().ends_with(".localhost")
}

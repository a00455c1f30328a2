//! For connections to providers and to the webhook's receiver: the choice of a proxy ([`ProxySelector::index_for`]),
//! the trusted certificate authorities, and the HTTP client for single requests.

mod certificates;
mod proxy_selector;

use std::{collections::BTreeMap, path::PathBuf};

use base64::{Engine, engine::general_purpose::STANDARD};
use http_message::HeaderValue;
use reqwest::{Client, ClientBuilder, Proxy, redirect, retry};
use rustls::ClientConfig;
use secrecy::{ExposeSecret, zeroize::Zeroizing};

pub use certificates::InvalidAuthorities;
pub use proxy_selector::{PerProxy, ProxyIndex, ProxySelector};

use crate::domain::{
    ids::AccountName,
    outbound_proxy::{ProxyChoice, ProxyCredentials, ProxyUrl},
};

/// The options of outbound connections.
#[derive(Debug, Clone)]
pub struct OutboundOptions {
    /// The proxy of all accounts that are not in `accounts`, and of the webhook.
    pub proxy: Option<ProxyUrl>,
    /// Hosts, domains and networks that `proxy` is not used for.
    pub no_proxy: Vec<String>,
    /// The accounts with their own proxy, or with direct connections.
    pub accounts: BTreeMap<AccountName, ProxyChoice>,
    /// A PEM file of certificate authorities to trust in addition to the system's.
    pub ca_file: Option<PathBuf>,
    /// Whether providers may choose HTTP/2 for their APIs.
    pub offers_http2: bool,
}

impl Default for OutboundOptions {
    fn default() -> Self {
        Self { proxy: None, no_proxy: Vec::new(), accounts: BTreeMap::new(), ca_file: None, offers_http2: true }
    }
}

/// Provides TLS settings, proxies and HTTP clients.
#[derive(Debug, Clone)]
pub struct Outbound {
    proxies: ProxySelector,
    tls: ClientConfig,
    offers_http2: bool,
}

impl Outbound {
    /// Reads the trusted authorities.
    ///
    /// # Errors
    /// The system's list or the configured file cannot be used.
    pub fn new(options: &OutboundOptions) -> Result<Self, InvalidAuthorities> {
        Ok(Self {
            proxies: ProxySelector::new(options),
            tls: certificates::client_config(options.ca_file.as_deref())?,
            offers_http2: options.offers_http2,
        })
    }

    pub fn offers_http2(&self) -> bool {
        self.offers_http2
    }

    pub fn proxies(&self) -> &ProxySelector {
        &self.proxies
    }

    /// Returns the TLS settings: the trusted authorities, and no client certificate.
    pub fn tls(&self) -> ClientConfig {
        self.tls.clone()
    }

    /// Builds an HTTP/1.1 client for the direct connection and for each proxy. `configure` sets further options. A
    /// client opens a new connection for each request: after a failure on a reused one, the server may or may not have
    /// read the request. It follows no redirects and does not retry.
    ///
    /// # Errors
    /// The client cannot be set up.
    pub fn clients(
        &self,
        configure: impl Fn(ClientBuilder) -> ClientBuilder,
    ) -> Result<PerProxy<Client>, reqwest::Error> {
        self.proxies.try_map(|proxy| {
            let client = Client::builder()
                .tls_backend_preconfigured(self.tls())
                .http1_only()
                .redirect(redirect::Policy::none())
                .retry(retry::never())
                .no_proxy()
                .pool_max_idle_per_host(0)
                .user_agent(concat!("goclaw/", env!("CARGO_PKG_VERSION")));
            let client = match proxy {
                None => client,
                Some(proxy) => client.proxy(reqwest_proxy(proxy)?),
            };
            configure(client).build()
        })
    }
}

/// Converts a proxy for reqwest. It applies to all requests of its client: [`ProxySelector`] chooses the client.
fn reqwest_proxy(proxy: &ProxyUrl) -> Result<Proxy, reqwest::Error> {
    let all = Proxy::all(proxy.address())?;
    Ok(match &proxy.credentials {
        None => all,
        Some(ProxyCredentials { user, password }) => all.basic_auth(user.expose_secret(), password.expose_secret()),
    })
}

/// Returns the value of `Proxy-Authorization` with the Basic scheme (RFC 7617).
pub fn proxy_authorization(credentials: &ProxyCredentials) -> HeaderValue {
    let (user, password) = (credentials.user.expose_secret(), credentials.password.expose_secret());
    let pair = Zeroizing::new(format!("{user}:{password}"));
    let text = Zeroizing::new(format!("Basic {}", STANDARD.encode(pair.as_bytes())));
    // Base64 is always a valid header value.
    let mut value = HeaderValue::from_str(&text).unwrap_or_else(|_invalid| HeaderValue::from_static(""));
    value.set_sensitive(true);
    value
}

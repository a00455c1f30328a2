//! An outbound proxy between the gateway and its providers, from the settings or from variables such as `HTTPS_PROXY`.

use std::fmt;

use percent_encoding::percent_decode_str;
use secrecy::SecretString;
use strum::{Display, EnumString};
use url::Url;

/// The protocol of a proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Display, EnumString)]
#[strum(serialize_all = "lowercase")]
pub enum ProxyKind {
    /// HTTP with the method CONNECT.
    Http,
    /// SOCKS5. The gateway resolves host names. GNOME writes `socks://` into `ALL_PROXY`.
    #[strum(to_string = "socks5", serialize = "socks")]
    Socks5,
    /// SOCKS5. The proxy resolves host names.
    Socks5h,
}

/// The address of a proxy. It is displayed without its credentials.
#[derive(Debug, Clone)]
pub struct ProxyUrl {
    pub kind: ProxyKind,
    /// With brackets if it is an IPv6 address.
    pub host: String,
    pub port: u16,
    pub credentials: Option<ProxyCredentials>,
}

#[derive(Debug, Clone)]
pub struct ProxyCredentials {
    pub user: SecretString,
    pub password: SecretString,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it must be the address of a proxy, e.g. http://proxy.example:3128, socks5:// or socks5h://, or none")]
pub struct InvalidProxy;

impl ProxyUrl {
    /// Parses a URL, or only the host and port of an HTTP proxy.
    pub fn parse(text: &str) -> Result<Self, InvalidProxy> {
        let text = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
        let url = Url::parse(&text).map_err(|_not_a_url| InvalidProxy)?;
        let kind: ProxyKind = url.scheme().parse().map_err(|_other_scheme| InvalidProxy)?;
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or(InvalidProxy)?;
        if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
            return Err(InvalidProxy);
        }
        let decode = |text: &str| SecretString::from(percent_decode_str(text).decode_utf8_lossy().into_owned());
        let has_credentials = !url.username().is_empty() || url.password().is_some();
        Ok(Self {
            kind,
            host: host.to_owned(),
            port: url.port().unwrap_or(if kind == ProxyKind::Http { 80 } else { 1080 }),
            credentials: has_credentials.then(|| ProxyCredentials {
                user: decode(url.username()),
                password: decode(url.password().unwrap_or_default()),
            }),
        })
    }

    /// Returns the address without credentials.
    pub fn address(&self) -> String {
        format!("{}://{}:{}", self.kind, self.host, self.port)
    }
}

impl fmt::Display for ProxyUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let credentials = if self.credentials.is_some() { " (credentials not shown)" } else { "" };
        write!(f, "{}{credentials}", self.address())
    }
}

/// Whether connections leave this machine through a proxy.
#[derive(Debug, Clone)]
pub enum ProxyChoice {
    Direct,
    Proxy(ProxyUrl),
}

impl ProxyChoice {
    /// Parses the address of a proxy. `none` and `direct` stand for no proxy.
    pub fn parse(text: &str) -> Result<Self, InvalidProxy> {
        if ["none", "direct"].contains(&text) { Ok(Self::Direct) } else { ProxyUrl::parse(text).map(Self::Proxy) }
    }
}

impl fmt::Display for ProxyChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Direct => f.write_str("none"),
            Self::Proxy(proxy) => proxy.fmt(f),
        }
    }
}

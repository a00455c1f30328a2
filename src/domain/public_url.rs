//! The address at which browsers and programs reach the gateway, usually that of a reverse proxy.

use std::fmt;

use url::Url;

/// The first segments of the gateway's own paths. A base path that begins with one of them would hide that path.
const OWN_SEGMENTS: [&str; 8] = ["docs", "healthz", "livez", "metrics", "openapi.json", "page", "readyz", "v1"];

/// An absolute URL without a slash at its end, such as `https://gateway.example/goclaw`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicUrl {
    text: String,
    host: String,
    /// Empty, or a slash and further segments.
    base_path: String,
}

/// Why a text is not a [`PublicUrl`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPublicUrl {
    #[error("it must be an absolute http or https URL, e.g. https://gateway.example/goclaw")]
    NotAUrl,
    #[error("it must not contain a user name, a password, a query or a fragment")]
    HasExtras,
    #[error("its path must have segments of letters, digits, -, _, . and ~ only")]
    UnusualPath,
    #[error("its path must not begin with one of the gateway's own, such as /v1")]
    OwnPath,
}

impl PublicUrl {
    pub fn parse(text: &str) -> Result<Self, InvalidPublicUrl> {
        let url = Url::parse(text).map_err(|_not_absolute| InvalidPublicUrl::NotAUrl)?;
        let host = url.host_str().filter(|_| ["http", "https"].contains(&url.scheme()));
        let host = host.ok_or(InvalidPublicUrl::NotAUrl)?.to_owned();
        let has_login = !url.username().is_empty() || url.password().is_some();
        if has_login || url.query().is_some() || url.fragment().is_some() {
            return Err(InvalidPublicUrl::HasExtras);
        }
        let base_path = url.path().trim_end_matches('/').to_owned();
        let mut segments = base_path.split('/').skip(1);
        if !segments.clone().all(is_usual) {
            return Err(InvalidPublicUrl::UnusualPath);
        }
        if segments.next().is_some_and(|first| OWN_SEGMENTS.contains(&first)) {
            return Err(InvalidPublicUrl::OwnPath);
        }
        Ok(Self { text: format!("{}{base_path}", url.origin().ascii_serialization()), host, base_path })
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns the host's name or address. An IPv6 address is in brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Returns the path under which a reverse proxy serves the gateway: empty, or a slash and further segments.
    pub fn base_path(&self) -> &str {
        &self.base_path
    }
}

fn is_usual(segment: &str) -> bool {
    let is_unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    !segment.is_empty() && segment.bytes().all(is_unreserved)
}

impl fmt::Display for PublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

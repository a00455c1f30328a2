//! A browser session at an identity provider. Its long-lived client cookie refreshes short-lived session tokens.

use std::net::IpAddr;

use super::{claims::UnverifiedClaims, oauth_client::EndpointUrl, secret::AccessToken};

/// The endpoint that refreshes session tokens. It follows Clerk's frontend API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionClient {
    /// The base URL, without `/v1/client`.
    pub url: EndpointUrl,
    /// The name of the client cookie.
    pub cookie: &'static str,
}

/// The id of a session. A URL path can contain it unescaped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionId(String);

impl SessionId {
    pub fn parse(text: &str) -> Option<Self> {
        let is_id = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        (!text.is_empty() && text.bytes().all(is_id)).then(|| Self(text.to_owned()))
    }

    /// Returns the session of a token, from its claim `sid`.
    pub fn of(token: &AccessToken) -> Option<Self> {
        Self::parse(&UnverifiedClaims::of(token)?.label("sid")?)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether a cookie with the attribute `Domain` is sent to the host (RFC 6265 section 5.1.3). A cookie without a domain
/// belongs to the host that sets it. An IP address has no subdomains.
pub fn is_cookie_for(domain: Option<&str>, host: &str) -> bool {
    let Some(domain) = domain.map(|domain| domain.trim_start_matches('.').to_ascii_lowercase()) else { return true };
    let is_subdomain = host.strip_suffix(domain.as_str()).is_some_and(|rest| rest.ends_with('.'));
    host == domain || is_subdomain && host.parse::<IpAddr>().is_err()
}

//! The gateway as an OAuth client of one provider: where it sends people and tokens, and as whom.
//!
//! All of it comes from the provider's descriptor and the owner's configuration, never from a request or an answer. A
//! pending login keeps the client it began with, so a configuration change cannot send its code to another server.

use std::fmt;

use serde::{Deserialize, Serialize};
use url::{Host, Url};

/// An address the gateway may send a secret to: `https`, or `http` on a loopback host; no user info, no fragment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EndpointUrl(Url);

/// Why a text is no [`EndpointUrl`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidEndpoint {
    #[error("it is not an absolute URL")]
    NotAUrl,
    #[error("it must be https (http is allowed on a loopback host only)")]
    NotSecure,
    #[error("it must not hold a user name, a password or a fragment")]
    HasExtras,
}

impl EndpointUrl {
    pub fn parse(text: &str) -> Result<Self, InvalidEndpoint> {
        let url = Url::parse(text).map_err(|_not_absolute| InvalidEndpoint::NotAUrl)?;
        match url.scheme() {
            "https" if url.has_host() => {}
            "http" if is_loopback(&url) => {}
            _ => return Err(InvalidEndpoint::NotSecure),
        }
        if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
            return Err(InvalidEndpoint::HasExtras);
        }
        Ok(Self(url))
    }

    /// `path` appended to this address, e.g. `https://auth.openai.com` + `/oauth/token`.
    pub fn join_path(&self, path: &str) -> Result<Self, InvalidEndpoint> {
        Self::parse(&format!("{}{path}", self.0.as_str().trim_end_matches('/')))
    }

    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

impl fmt::Display for EndpointUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl TryFrom<String> for EndpointUrl {
    type Error = InvalidEndpoint;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl From<EndpointUrl> for String {
    fn from(url: EndpointUrl) -> Self {
        url.0.into()
    }
}

/// How a provider wants the parameters of a request in its body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BodyFormat {
    /// `application/x-www-form-urlencoded`, as the RFCs say.
    Form,
    /// `application/json`, as OpenAI's own client refreshes and revokes.
    Json,
}

/// A public OAuth client (RFC 6749 section 2.1) registered with one provider: it has an id and no secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OAuthClient {
    /// Compared, by simple string comparison, with `iss` in a callback when one is sent (RFC 9207 section 2.4).
    pub issuer: String,
    /// Whether a callback must carry `iss`: true for a server whose metadata says
    /// `authorization_response_iss_parameter_supported` (RFC 9207 section 2.4). It keeps two providers' answers apart.
    #[serde(default)]
    pub requires_issuer: bool,
    pub authorize_url: EndpointUrl,
    pub token_url: EndpointUrl,
    /// Where tokens are revoked (RFC 7009); a provider without one cannot be told about a logout.
    pub revoke_url: Option<EndpointUrl>,
    /// For refresh and revocation; a code is always redeemed with a form.
    pub body_format: BodyFormat,
    pub client_id: String,
    pub scopes: Vec<String>,
    /// Sent byte for byte the same in the authorization request and in the exchange (RFC 6749 section 4.1.3).
    pub redirect_uri: String,
    /// Parameters the provider wants before `state`, in order.
    pub provider_params: Vec<(String, String)>,
    /// Who asks, in the provider's `originator` parameter, if it has one.
    pub originator: Option<String>,
    /// Parameters the owner adds, in order, at the end.
    pub extra_params: Vec<(String, String)>,
}

impl OAuthClient {
    /// Whether both ask the same server for the same things. Where the browser comes back to may differ: replicas on one
    /// machine have a callback port each, and either can finish a login.
    pub fn asks_like(&self, other: &Self) -> bool {
        Self { redirect_uri: other.redirect_uri.clone(), ..self.clone() } == *other
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_go_to_https_or_to_this_machine() {
        for good in
            ["https://auth.openai.com/oauth/token", "http://127.0.0.1:9/x", "http://[::1]:9/", "http://localhost/"]
        {
            assert!(EndpointUrl::parse(good).is_ok(), "{good}");
        }
        for (bad, error) in [
            ("auth.openai.com", InvalidEndpoint::NotAUrl),
            ("http://auth.openai.com", InvalidEndpoint::NotSecure),
            ("http://localhost.evil.example", InvalidEndpoint::NotSecure),
            ("file:///etc/passwd", InvalidEndpoint::NotSecure),
            ("https://user@host/", InvalidEndpoint::HasExtras),
            ("https://host/#fragment", InvalidEndpoint::HasExtras),
        ] {
            assert_eq!(EndpointUrl::parse(bad), Err(error), "{bad}");
        }
    }

    #[test]
    fn paths_join_with_one_slash() {
        let issuer = EndpointUrl::parse("https://auth.openai.com").unwrap();
        assert_eq!(issuer.join_path("/oauth/token").unwrap().as_str(), "https://auth.openai.com/oauth/token");
        let nested = EndpointUrl::parse("https://host/realm/").unwrap();
        assert_eq!(nested.join_path("/token").unwrap().as_str(), "https://host/realm/token");
    }
}

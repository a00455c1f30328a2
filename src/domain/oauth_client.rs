//! The gateway as an OAuth client of one provider: its registration and the provider's endpoints.
//!
//! All values come from the provider's descriptor and the configuration, never from a request or a response. A pending
//! login keeps the client it began with, so a configuration change cannot send its code to another server.

use std::fmt;

use serde::{Deserialize, Serialize};
use url::{Host, Url};

/// A URL to which the gateway may send secrets: `https`, or `http` on a loopback host; no user info, no fragment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EndpointUrl(Url);

/// Why a text is not an [`EndpointUrl`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidEndpoint {
    #[error("it is not an absolute URL")]
    NotAUrl,
    #[error("it must be https (http is allowed on a loopback host only)")]
    NotSecure,
    #[error("it must not contain a user name, a password or a fragment")]
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

    /// Appends `path` to the URL, e.g. `https://auth.openai.com` + `/oauth/token`.
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

/// The format of request bodies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BodyFormat {
    /// `application/x-www-form-urlencoded`, as the RFCs require.
    Form,
    /// `application/json`, as OpenAI's own client sends refreshes and revocations.
    Json,
}

/// A public OAuth client (RFC 6749 section 2.1), which has an id and no secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OAuthClient {
    /// The value that `iss` in a callback must equal, by simple string comparison (RFC 9207 section 2.4).
    pub issuer: String,
    /// Whether a callback must have `iss`. True for a server whose metadata has
    /// `authorization_response_iss_parameter_supported` (RFC 9207 section 2.4). This prevents mix-up attacks.
    #[serde(default)]
    pub requires_issuer: bool,
    pub authorize_url: EndpointUrl,
    pub token_url: EndpointUrl,
    /// The revocation endpoint (RFC 7009), if the provider has one.
    pub revoke_url: Option<EndpointUrl>,
    /// The format of refreshes and revocations. The code exchange is always a form.
    pub body_format: BodyFormat,
    pub client_id: String,
    pub scopes: Vec<String>,
    /// Sent unchanged in the authorization request and in the code exchange (RFC 6749 section 4.1.3).
    pub redirect_uri: String,
    /// The provider's own parameters, in order, sent before `state`.
    pub provider_params: Vec<(String, String)>,
    /// The value of the provider's `originator` parameter, if it has one.
    pub originator: Option<String>,
    /// Configured parameters, in order, sent last.
    pub extra_params: Vec<(String, String)>,
}

impl OAuthClient {
    /// Returns all values as one text, which sealed secrets are bound to. The JSON in the database cannot serve as this
    /// text, because a database may reorder its members.
    pub fn to_text(&self) -> String {
        // Serializing texts and booleans cannot fail.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Whether both are the same client at the same server, with any endpoints, scopes and parameters.
    pub fn is_registration_of(&self, other: &Self) -> bool {
        (&self.issuer, &self.client_id) == (&other.issuer, &other.client_id)
    }

    /// Whether both send the same requests to the same server. Redirect URIs may differ: replicas on one machine have
    /// different callback ports, and any of them can finish a login.
    pub fn is_equivalent_to(&self, other: &Self) -> bool {
        Self { redirect_uri: other.redirect_uri.clone(), ..self.clone() } == *other
    }
}

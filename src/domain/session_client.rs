//! A browser session at an identity provider: its long-lived cookie refreshes short-lived session tokens.

use super::oauth_client::EndpointUrl;

/// The endpoint that refreshes session tokens, which follows Clerk's frontend API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionClient {
    /// The base URL, without `/v1/client`.
    pub url: EndpointUrl,
    /// The name of the cookie of a browser's sessions.
    pub cookie: &'static str,
}

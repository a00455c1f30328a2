//! A browser session at an identity provider: a cookie that lives long refreshes a token that does not.

use super::oauth_client::EndpointUrl;

/// Where session tokens are refreshed, in the manner of Clerk's frontend API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionClient {
    /// The API's base, above `/v1/client`.
    pub url: EndpointUrl,
    /// The name of the cookie that opens a browser's sessions.
    pub cookie: &'static str,
}

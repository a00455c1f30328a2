//! Builds the authorize URL that the user's browser opens (RFC 6749 section 4.1.1, RFC 7636 section 4.3).

use std::fmt::Write;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::{ExposeSecret, SecretString};

use super::{oauth_client::OAuthClient, secret::OAuthState};

/// Encodes all characters except RFC 3986's unreserved ones. A space becomes `%20`, as in OpenAI's own client, not `+`.
const QUERY_VALUE: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Returns the authorize URL of a login. It contains the `state`, so it must not be logged.
pub fn authorize_url(client: &OAuthClient, challenge: &str, state: &OAuthState) -> SecretString {
    let scope = client.scopes.join(" ");
    let mut params: Vec<(&str, &str)> = vec![
        ("response_type", "code"),
        ("client_id", &client.client_id),
        ("redirect_uri", &client.redirect_uri),
        ("scope", &scope),
        ("code_challenge", challenge),
        ("code_challenge_method", "S256"),
    ];
    params.extend(client.provider_params.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    params.push(("state", state.expose_secret()));
    params.extend(client.originator.iter().map(|originator| ("originator", originator.as_str())));
    params.extend(client.extra_params.iter().map(|(name, value)| (name.as_str(), value.as_str())));

    let mut url = client.authorize_url.as_str().to_owned();
    let mut separator = if url.contains('?') { '&' } else { '?' };
    for (name, value) in params {
        let (name, value) = (utf8_percent_encode(name, QUERY_VALUE), utf8_percent_encode(value, QUERY_VALUE));
        // Writing to a String cannot fail.
        let _ = write!(url, "{separator}{name}={value}");
        separator = '&';
    }
    SecretString::from(url)
}

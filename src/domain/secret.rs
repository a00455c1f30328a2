//! One type for each kind of secret, so that a secret cannot be printed, logged or confused with another kind.
//!
//! Every type prints as its name and `[REDACTED]`, and wipes its memory when it is dropped. The text is accessible only
//! through [`secrecy::ExposeSecret`], and `tests/architecture` lists the few files that may use it. A code and a
//! verifier are not `Clone`: they move into the one request that spends them.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};

use super::invisible::is_invisible;

macro_rules! secret_text {
    ($(#[$doc:meta])* $name:ident $(, $derive:ident)?) => {
        $(#[$doc])*
        $(#[derive($derive)])?
        pub struct $name(SecretString);

        impl $name {
            pub fn new(text: impl Into<String>) -> Self {
                Self(SecretString::from(text.into()))
            }
        }

        impl ExposeSecret<str> for $name {
            fn expose_secret(&self) -> &str {
                self.0.expose_secret()
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "([REDACTED])"))
            }
        }
    };
}

secret_text!(
    /// The secret that authorizes a request to a provider: an OAuth access token (RFC 6749 section 1.4), a session
    /// token or an API key. A pasted one is visible ASCII of at most [`MAX_PASTED_SECRET_BYTES`].
    AccessToken, Clone
);
secret_text!(
    /// The secret that refreshes an access token: an OAuth refresh token (RFC 6749 section 1.5), which ChatGPT accepts
    /// once, or the client cookie of a browser session.
    RefreshToken, Clone
);
secret_text!(
    /// An OpenID Connect ID token. Only its labels are read. It is never stored or verified.
    IdToken
);
secret_text!(
    /// An authorization code (RFC 6749 section 4.1.2). It is single use, so not `Clone`.
    AuthorizationCode
);
secret_text!(
    /// A PKCE code verifier (RFC 7636 section 4.1). It is sent in one token request, so not `Clone`.
    PkceVerifier
);
secret_text!(
    /// A token that the gateway issued. It is shown once and stored as a digest.
    ApiTokenSecret
);
secret_text!(
    /// The OAuth `state` of one login (RFC 6749 section 10.12). A callback must carry it.
    OAuthState
);

/// The maximum length of a pasted secret, in bytes. Real keys and session tokens are much shorter.
pub const MAX_PASTED_SECRET_BYTES: usize = 16 * 1024;

/// The names before a pasted token, in this order. `__session` is Clerk's cookie with a session token.
const NAMES: [&str; 4] = ["authorization:", "authorization\":", "bearer ", "__session="];

/// Why a pasted secret is invalid. The message never contains the secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSecret {
    #[error("the secret is empty")]
    Empty,
    #[error("the secret is longer than {MAX_PASTED_SECRET_BYTES} bytes")]
    TooLong,
    #[error("the secret contains white space or characters that cannot be sent in an HTTP header")]
    NotHeaderSafe,
    #[error("the cookie's value has invalid characters")]
    NotCookieSafe,
    #[error("the text has no cookie {0}; copy that cookie, or the whole Cookie header")]
    OtherCookie(&'static str),
}

impl AccessToken {
    /// Parses a pasted API key or session token. Removes white space, quotes, and the name of a header or cookie.
    pub fn from_pasted(text: &SecretString) -> Result<Self, InvalidSecret> {
        parse_pasted(text).map(Self::new)
    }
}

fn parse_pasted(text: &SecretString) -> Result<&str, InvalidSecret> {
    let is_too_long = text.expose_secret().len() > MAX_PASTED_SECRET_BYTES;
    let text = text.expose_secret().trim();
    if text.is_empty() {
        return Err(InvalidSecret::Empty);
    }
    if is_too_long {
        return Err(InvalidSecret::TooLong);
    }
    let text = without_name(text);
    if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(InvalidSecret::NotHeaderSafe);
    }
    Ok(text)
}

/// Removes what the developer tools of browsers, curl and mail programs write around a token. Keeps a text that has
/// nothing else.
fn without_name(text: &str) -> &str {
    const MARKS: &str = "\"'`;,<>\u{ab}\u{bb}\u{2018}\u{2019}\u{201c}\u{201d}";
    let around = |c: char| c.is_whitespace() || is_invisible(c) || MARKS.contains(c);
    let mut inner = text.trim_matches(around);
    for name in NAMES {
        // A header in JSON has a quote between its name and its value.
        let is_named = inner.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name));
        let value = inner.get(name.len()..).filter(|_| is_named).map(|value| value.trim_start_matches(around));
        inner = value.unwrap_or(inner);
    }
    if inner.is_empty() { text } else { inner }
}

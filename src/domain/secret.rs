//! One type per kind of secret, so that none can be printed, logged, compared by accident, or taken for another.
//!
//! Every type prints as `[REDACTED]` and wipes its memory when dropped. The one way to the text is
//! [`secrecy::ExposeSecret`], and `tests/architecture.rs` lists the few files that may use it.
//! What may be used once (a code, a verifier) is not `Clone`: it moves into the one request that spends it.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};

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
    /// What authenticates a request to a provider: an OAuth access token (RFC 6749 section 1.4), a session token or an
    /// API key. At most a few KiB of visible ASCII.
    AccessToken, Clone
);
secret_text!(
    /// What refreshes an access token: an OAuth refresh token (RFC 6749 section 1.5), single use at ChatGPT, where presenting it
    /// spends it; or the cookie of a browser session.
    RefreshToken, Clone
);
secret_text!(
    /// An OpenID Connect ID token as received. Read for labels only, never stored, never verified.
    IdToken
);
secret_text!(
    /// An authorization code (RFC 6749 section 4.1.2): single use, hence not `Clone`.
    AuthorizationCode
);
secret_text!(
    /// A PKCE code verifier (RFC 7636 section 4.1): goes into exactly one token request, hence not `Clone`.
    PkceVerifier
);
secret_text!(
    /// A token of the gateway's own, for a program: told once, kept as a digest.
    ApiTokenSecret
);
secret_text!(
    /// The OAuth `state` of one login (RFC 6749 section 10.12). Knowing it is what lets a callback in.
    OAuthState
);

/// The longest secret an owner may hand in by hand, in bytes. Far above any real key or session token.
pub const MAX_PASTED_SECRET_BYTES: usize = 16 * 1024;

/// Why a pasted key or session token cannot be one. The text itself is never part of the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSecret {
    #[error("the secret is empty")]
    Empty,
    #[error("the secret is longer than {MAX_PASTED_SECRET_BYTES} bytes")]
    TooLong,
    #[error("the secret holds white space or characters that cannot be sent in an HTTP header")]
    NotHeaderSafe,
    #[error("the cookie's value holds characters that no cookie has; paste the value alone, without its name")]
    NotCookieSafe,
}

impl AccessToken {
    /// Takes a key or session token that a person pasted; white space around it is dropped.
    pub fn from_pasted(text: &SecretString) -> Result<Self, InvalidSecret> {
        pasted(text).map(Self::new)
    }
}

impl RefreshToken {
    /// Takes the value of a cookie that a person pasted (RFC 6265 section 4.1.1); white space around it is dropped.
    pub fn from_pasted_cookie(text: &SecretString) -> Result<Self, InvalidSecret> {
        let value = pasted(text)?;
        if value.contains(['"', ',', ';', '\\']) {
            return Err(InvalidSecret::NotCookieSafe);
        }
        Ok(Self::new(value))
    }
}

fn pasted(text: &SecretString) -> Result<&str, InvalidSecret> {
    let is_too_long = text.expose_secret().len() > MAX_PASTED_SECRET_BYTES;
    let text = text.expose_secret().trim();
    if text.is_empty() {
        return Err(InvalidSecret::Empty);
    }
    if is_too_long {
        return Err(InvalidSecret::TooLong);
    }
    if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(InvalidSecret::NotHeaderSafe);
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_never_shows_the_text() {
        assert_eq!(format!("{:?}", RefreshToken::new("rt_secret")), "RefreshToken([REDACTED])");
        assert!(!format!("{:?}", Some(PkceVerifier::new("verifier"))).contains("verifier\""));
    }

    #[test]
    fn a_pasted_secret_is_trimmed_and_must_fit_a_header() {
        let paste = |text: &str| AccessToken::from_pasted(&text.into());
        assert_eq!(paste(" sk-1\n").unwrap().expose_secret(), "sk-1");
        assert_eq!(paste(" \n").unwrap_err(), InvalidSecret::Empty);
        assert_eq!(paste("a b").unwrap_err(), InvalidSecret::NotHeaderSafe);
        assert_eq!(paste("a\r\nX: y").unwrap_err(), InvalidSecret::NotHeaderSafe);
        let cookie = |text: &str| RefreshToken::from_pasted_cookie(&text.into());
        assert_eq!(cookie(" eyJ.a_b=\n").unwrap().expose_secret(), "eyJ.a_b=");
        assert_eq!(cookie("a; other=b").unwrap_err(), InvalidSecret::NotHeaderSafe);
        assert_eq!(cookie("a;b").unwrap_err(), InvalidSecret::NotCookieSafe);
        assert_eq!(paste(&"k".repeat(MAX_PASTED_SECRET_BYTES + 1)).unwrap_err(), InvalidSecret::TooLong);
    }
}

//! Reads the claims of a JWT without verifying it, to get an account's labels and a token's expiry.
//!
//! The signature is not checked. The token came directly from its issuer over TLS (OpenID Connect Core 3.1.3.7) or was
//! pasted by its owner, and the claims grant no rights.

use std::time::Duration;

use base64::{
    Engine,
    alphabet::URL_SAFE,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use secrecy::ExposeSecret;
use serde_json::{Map, Value};

use super::{invisible::is_invisible, time::Timestamp};

/// The maximum length of a token whose claims are read, in bytes.
pub const MAX_JWT_BYTES: usize = 64 * 1024;

/// The maximum length of a label, in characters.
const MAX_LABEL_CHARS: usize = 256;

const BASE64URL: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The claims of a JWT (RFC 7519), unverified.
#[derive(Debug, Clone, Default)]
pub struct UnverifiedClaims(Map<String, Value>);

impl UnverifiedClaims {
    /// Returns the claims of a token; None if it is not a JWT: three non-empty parts, the second a base64url JSON
    /// object.
    pub fn of(token: &impl ExposeSecret<str>) -> Option<Self> {
        let text = token.expose_secret();
        if text.len() > MAX_JWT_BYTES {
            return None;
        }
        let mut parts = text.split('.');
        let (header, payload, signature) = (parts.next()?, parts.next()?, parts.next()?);
        if header.is_empty() || signature.is_empty() || parts.next().is_some() {
            return None;
        }
        match serde_json::from_slice(&BASE64URL.decode(payload).ok()?).ok()? {
            Value::Object(claims) => Some(Self(claims)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => None,
        }
    }

    /// Returns `exp` (RFC 7519 section 4.1.4) if it is a number of seconds since the epoch.
    pub fn expires_at(&self) -> Option<Timestamp> {
        self.time("exp")
    }

    /// Returns the lifetime, from `iat` (section 4.1.6) to `exp`. It does not depend on this machine's clock.
    pub fn lifetime(&self) -> Option<Duration> {
        Some(self.time("iat")?.until(self.time("exp")?))
    }

    fn time(&self, claim: &str) -> Option<Timestamp> {
        let time = self.0.get(claim)?;
        let seconds = time.as_i64().or_else(|| time.as_f64().filter(|x| x.abs() < 1e15).map(|x| x.trunc() as i64))?;
        Some(Timestamp::from_unix_seconds(seconds))
    }

    /// Returns the text of a claim, cleaned for display; None if no text is left.
    pub fn label(&self, claim: &str) -> Option<String> {
        clean(self.0.get(claim)?)
    }

    /// Returns the text of a namespaced claim, either flat (`ns.member`) or nested (`{"ns": {"member": ..}}`).
    pub fn namespaced_label(&self, namespace: &str, member: &str) -> Option<String> {
        let flat = self.0.get(&format!("{namespace}.{member}"));
        flat.and_then(clean).or_else(|| clean(self.0.get(namespace)?.get(member)?))
    }

    /// Returns the text of the first claim whose name ends in `suffix`. Some issuers prefix the names with a URL.
    pub fn label_ending_in(&self, suffix: &str) -> Option<String> {
        self.0.iter().find(|(name, _)| name.ends_with(suffix)).and_then(|(_, value)| clean(value))
    }
}

/// Cleans a label for terminals and pages: removes control and invisible characters and bounds the length.
fn clean(value: &Value) -> Option<String> {
    let text: String =
        value.as_str()?.chars().filter(|c| !c.is_control() && !is_invisible(*c)).take(MAX_LABEL_CHARS).collect();
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}

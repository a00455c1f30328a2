//! Generates codes, tokens and cookies with the canary, and records them so that a test can search for each.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use rsa::rand_core::{OsRng, RngCore};

/// The marker in every code, refresh token, opaque access token and browser cookie, and in the decoded claims of every
/// JWT.
pub const CANARY: &str = "CANARY";

/// The marker in the encoded text of every JWT: base64url of `{"jti":"CANA`, the beginning of all claims.
pub const CANARY_IN_JWT: &str = "eyJqdGkiOiJDQU5B";

/// Random bytes in one secret: 43 characters of base64url.
const SECRET_BYTES: usize = 32;

/// Returns 43 random URL-safe characters.
pub(crate) fn random_text() -> String {
    let mut bytes = [0; SECRET_BYTES];
    OsRng.fill_bytes(&mut bytes);
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Every issued secret in clear text.
#[derive(Default)]
pub(crate) struct IssuedSecrets(Vec<String>);

impl IssuedSecrets {
    /// Returns `ac_` and two parts of 43 characters, as long as a real code. The marker begins the first part.
    pub(crate) fn code(&mut self) -> String {
        let first: String = CANARY.chars().chain("_".chars()).chain(random_text().chars()).take(43).collect();
        self.remember(format!("ac_{first}.{}", random_text()))
    }

    pub(crate) fn refresh_token(&mut self) -> String {
        self.remember(format!("rt_{CANARY}_{}", random_text()))
    }

    pub(crate) fn opaque_access_token(&mut self) -> String {
        self.remember(format!("opaque_{CANARY}_{}", random_text()))
    }

    pub(crate) fn client_cookie(&mut self) -> String {
        self.remember(format!("client_{CANARY}_{}", random_text()))
    }

    pub(crate) fn remember(&mut self, secret: String) -> String {
        self.0.push(secret.clone());
        secret
    }

    pub(crate) fn all(&self) -> Vec<String> {
        self.0.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::{CANARY, CANARY_IN_JWT, IssuedSecrets, URL_SAFE_NO_PAD};
    use base64::Engine;

    #[test]
    fn encoded_claims_start_with_the_jwt_canary() {
        let encoded = URL_SAFE_NO_PAD.encode(format!("{{\"jti\":\"{CANARY}-whatever\"}}"));
        assert!(encoded.starts_with(CANARY_IN_JWT), "{encoded}");
    }

    #[test]
    fn codes_have_the_documented_form() {
        let code = IssuedSecrets::default().code();
        let parts: Vec<usize> = code.strip_prefix("ac_").unwrap_or_default().split('.').map(str::len).collect();
        assert_eq!(parts, [43, 43], "{code}");
        assert!(code.contains(CANARY));
    }
}

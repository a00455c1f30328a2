//! The response of a token endpoint (RFC 6749 section 5.1), and the expiry of its tokens.

use std::time::Duration;

use super::{
    claims::UnverifiedClaims,
    provider::{AuthMethod, ProviderType},
    provider_settings::TokenMetadata,
    secret::{AccessToken, AuthorizationCode, IdToken, PkceVerifier, RefreshToken},
    time::Timestamp,
};

/// The lifetime of an access token if neither the token nor the response has one.
pub const DEFAULT_LIFETIME: Duration = Duration::from_secs(60 * 60);

/// Longer lifetimes are ignored as implausible, e.g. because they are in milliseconds.
pub const LONGEST_LIFETIME: Duration = Duration::from_secs(10 * 366 * 24 * 60 * 60);

/// The parameters of a code exchange (RFC 6749 section 4.1.3). Not `Clone`: sending the code spends it.
#[derive(Debug)]
pub struct CodeGrant {
    pub code: AuthorizationCode,
    pub verifier: PkceVerifier,
}

/// A successful response. The caller decides which members are required.
#[derive(Debug)]
pub struct TokenResponse {
    /// None if a refresh returns other tokens only.
    pub access_token: Option<AccessToken>,
    pub refresh_token: Option<RefreshToken>,
    pub id_token: Option<IdToken>,
    /// Seconds, not yet checked.
    pub expires_in: Option<i64>,
    /// Space-separated; None means "as requested" (RFC 6749 section 5.1).
    pub scope: Option<String>,
}

impl TokenResponse {
    /// Returns the non-secret metadata of the tokens.
    pub fn metadata(
        &self,
        auth_method: AuthMethod,
        provider_type: ProviderType,
        requested_scopes: &[String],
        now: Timestamp,
    ) -> TokenMetadata {
        let access = self.access_token.as_ref().and_then(UnverifiedClaims::of);
        let id = self.id_token.as_ref().and_then(UnverifiedClaims::of);
        let labels =
            |claims: Option<&UnverifiedClaims>| claims.map(provider_type.descriptor().labels).unwrap_or_default();
        let scopes = match self.scope.as_deref().map(str::trim) {
            None | Some("") => requested_scopes.to_vec(),
            Some(granted) => granted.split_ascii_whitespace().map(str::to_owned).collect(),
        };
        TokenMetadata {
            auth_method,
            obtained_at: now,
            expires_at: stated_expiry(access.as_ref(), self.expires_in, now)
                .or_else(|| default_expiry(auth_method, now)),
            scopes,
            account: labels(id.as_ref()).or(labels(access.as_ref())),
        }
    }
}

/// Returns when an access token expires: the JWT's `exp`, else `expires_in`. Ignores values that are implausible for a
/// new token.
fn stated_expiry(claims: Option<&UnverifiedClaims>, expires_in: Option<i64>, now: Timestamp) -> Option<Timestamp> {
    let from_claims = claims.and_then(UnverifiedClaims::expires_at);
    let from_response = expires_in
        .and_then(|seconds| u64::try_from(seconds).ok())
        .filter(|seconds| *seconds <= LONGEST_LIFETIME.as_secs())
        .map(|seconds| now.plus(Duration::from_secs(seconds)));
    let plausible = |at: &Timestamp| *at > now && *at <= now.plus(LONGEST_LIFETIME);
    from_claims.filter(plausible).or(from_response.filter(plausible))
}

/// Returns the expiry of tokens that state none. A session token is used until the provider refuses it.
fn default_expiry(auth_method: AuthMethod, now: Timestamp) -> Option<Timestamp> {
    match auth_method {
        AuthMethod::OAuth => Some(now.plus(DEFAULT_LIFETIME)),
        AuthMethod::SessionToken | AuthMethod::ApiKey => None,
    }
}

/// A pasted session token has already expired.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the session token has already expired")]
pub struct AlreadyExpired;

/// Returns the metadata of a pasted secret. The expiry of a session token is read from its JWT; an API key has none.
///
/// # Errors
///
/// The session token has expired and cannot be refreshed.
pub fn pasted_metadata(
    provider_type: ProviderType,
    auth_method: AuthMethod,
    token: &AccessToken,
    is_refreshable: bool,
    now: Timestamp,
) -> Result<TokenMetadata, AlreadyExpired> {
    let claims = match auth_method {
        AuthMethod::SessionToken => UnverifiedClaims::of(token),
        AuthMethod::ApiKey | AuthMethod::OAuth => None,
    };
    let stated = claims.as_ref().and_then(UnverifiedClaims::expires_at);
    let expires_at = stated.filter(|at| at.unix_seconds() > 0 && *at <= now.plus(LONGEST_LIFETIME));
    if !is_refreshable && expires_at.is_some_and(|at| at <= now) {
        return Err(AlreadyExpired);
    }
    let account = claims.as_ref().map(provider_type.descriptor().labels).unwrap_or_default();
    Ok(TokenMetadata { auth_method, obtained_at: now, expires_at, scopes: Vec::new(), account })
}

#[cfg(test)]
mod tests {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    use serde_json::json;

    use super::*;

    const NOW: Timestamp = Timestamp::from_unix_seconds(1_000_000);

    fn jwt(claims: &serde_json::Value) -> String {
        format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims.to_string()))
    }

    fn response(access_token: String, expires_in: Option<i64>) -> TokenResponse {
        TokenResponse {
            access_token: Some(AccessToken::new(access_token)),
            refresh_token: None,
            id_token: None,
            expires_in,
            scope: None,
        }
    }

    fn expiry(access_token: String, expires_in: Option<i64>) -> i64 {
        let response = response(access_token, expires_in);
        let metadata = response.metadata(AuthMethod::OAuth, ProviderType::OpenaiCodex, &[], NOW);
        metadata.expires_at.unwrap().unix_seconds() - NOW.unix_seconds()
    }

    #[test]
    fn the_expiry_is_exp_or_else_expires_in_or_else_an_hour() {
        let with_exp = |exp: serde_json::Value| jwt(&json!({"exp": exp}));
        assert_eq!(expiry(with_exp(json!(1_000_500)), Some(60)), 500);
        assert_eq!(expiry("opaque".into(), Some(60)), 60);
        assert_eq!(expiry("opaque".into(), None), 3600);
        for invalid in [json!(0), json!(-1), json!(1e18), json!("1000500"), json!(999_999)] {
            assert_eq!(expiry(with_exp(invalid.clone()), Some(60)), 60, "{invalid}");
        }
        for invalid in [0, -1, 1_000_000_000_000_000_000, i64::MIN, i64::MAX] {
            assert_eq!(expiry("opaque".into(), Some(invalid)), 3600, "{invalid}");
        }
    }

    #[test]
    fn the_account_comes_from_the_id_token_first() {
        let auth = "https://api.openai.com/auth";
        let access_token = jwt(&json!({auth: {"chatgpt_plan_type": "free", "chatgpt_account_id": "acc"}}));
        let id_token = jwt(&json!({"email": "a@b.example", auth: {"chatgpt_plan_type": "plus"}}));
        let mut response = response(access_token, None);
        response.id_token = Some(IdToken::new(id_token));
        response.scope = Some("openid email".into());
        let metadata = response.metadata(AuthMethod::OAuth, ProviderType::OpenaiCodex, &["openid".into()], NOW);
        assert_eq!(metadata.account.plan_type.as_deref(), Some("plus"));
        assert_eq!(metadata.account.account_id.as_deref(), Some("acc"));
        assert_eq!(metadata.account.email.as_deref(), Some("a@b.example"));
        assert_eq!(metadata.scopes, ["openid", "email"]);
    }

    #[test]
    fn a_pasted_session_token_expires_with_its_jwt_and_a_key_never() {
        let metadata =
            |method, text: String| pasted_metadata(ProviderType::Suno, method, &AccessToken::new(text), false, NOW);
        let token = jwt(&json!({"exp": 1_000_500, "https://suno.example/email": "a@b.example"}));
        let session = metadata(AuthMethod::SessionToken, token).unwrap();
        assert_eq!(session.expires_at, Some(Timestamp::from_unix_seconds(1_000_500)));
        assert_eq!(session.account.email.as_deref(), Some("a@b.example"));
        assert_eq!(metadata(AuthMethod::SessionToken, "opaque".into()).unwrap().expires_at, None);
        assert_eq!(metadata(AuthMethod::SessionToken, jwt(&json!({"exp": -5}))).unwrap().expires_at, None);
        assert_eq!(metadata(AuthMethod::SessionToken, jwt(&json!({"exp": 999_999}))), Err(AlreadyExpired));
        assert_eq!(metadata(AuthMethod::ApiKey, jwt(&json!({"exp": 1_000_500}))).unwrap().expires_at, None);
    }
}

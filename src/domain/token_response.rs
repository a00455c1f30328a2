//! The response of a token endpoint (RFC 6749 section 5.1), and the expiry of its tokens.

use std::time::Duration;

use super::{
    claims::UnverifiedClaims,
    provider::{AuthMethod, ProviderType},
    provider_settings::TokenMetadata,
    secret::{AccessToken, AuthorizationCode, IdToken, PkceVerifier, RefreshToken},
    time::Timestamp,
};

/// The assumed lifetime of an OAuth access token if neither the token nor the response states one.
pub const DEFAULT_LIFETIME: Duration = Duration::from_secs(60 * 60);

/// Longer lifetimes are ignored as implausible. They may be milliseconds instead of seconds.
pub const LONGEST_LIFETIME: Duration = Duration::from_secs(10 * 366 * 24 * 60 * 60);

/// The secrets that a code exchange sends (RFC 6749 section 4.1.3). Not `Clone`: sending the code spends it.
#[derive(Debug)]
pub struct CodeGrant {
    pub code: AuthorizationCode,
    pub verifier: PkceVerifier,
}

/// A successful token response. The caller decides which members are required.
#[derive(Debug)]
pub struct TokenResponse {
    /// None if a refresh returned only other tokens.
    pub access_token: Option<AccessToken>,
    pub refresh_token: Option<RefreshToken>,
    pub id_token: Option<IdToken>,
    /// In seconds, not validated.
    pub expires_in: Option<i64>,
    /// Separated by spaces. None means the requested scopes (RFC 6749 section 5.1).
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
            cookie_rotates: auth_method == AuthMethod::SessionToken && self.refresh_token.is_some(),
        }
    }
}

/// Returns when an access token expires. For a JWT, this is `exp`, or the JWT's lifetime from now if that is earlier,
/// as on a machine whose clock is behind. Otherwise `expires_in` counts. Values that are implausible for a new token
/// are ignored.
fn stated_expiry(claims: Option<&UnverifiedClaims>, expires_in: Option<i64>, now: Timestamp) -> Option<Timestamp> {
    let from_claims = claims.and_then(UnverifiedClaims::expires_at);
    let from_lifetime = claims.and_then(UnverifiedClaims::lifetime).map(|lifetime| now.plus(lifetime));
    let from_response = expires_in
        .and_then(|seconds| u64::try_from(seconds).ok())
        .filter(|seconds| *seconds <= LONGEST_LIFETIME.as_secs())
        .map(|seconds| now.plus(Duration::from_secs(seconds)));
    let is_plausible = |at: &Timestamp| *at > now && *at <= now.plus(LONGEST_LIFETIME);
    let from_jwt = [from_claims, from_lifetime].into_iter().flatten().filter(is_plausible).min();
    from_jwt.or(from_response.filter(is_plausible))
}

/// Returns the expiry of tokens without a stated one. A session token is used until the provider refuses it.
fn default_expiry(auth_method: AuthMethod, now: Timestamp) -> Option<Timestamp> {
    match auth_method {
        AuthMethod::OAuth => Some(now.plus(DEFAULT_LIFETIME)),
        AuthMethod::SessionToken | AuthMethod::ApiKey => None,
    }
}

/// The pasted session token has already expired.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the session token has already expired")]
pub struct AlreadyExpired;

/// Returns the metadata of a pasted secret. The expiry of a session token comes from its JWT, and an API key has none.
/// A cookie without a token counts as expired, so that a refresh is due at once.
///
/// # Errors
///
/// The session token has expired and cannot be refreshed.
pub fn pasted_metadata(
    provider_type: ProviderType,
    auth_method: AuthMethod,
    token: Option<&AccessToken>,
    is_refreshable: bool,
    now: Timestamp,
) -> Result<TokenMetadata, AlreadyExpired> {
    let claims = match auth_method {
        AuthMethod::SessionToken => token.and_then(UnverifiedClaims::of),
        AuthMethod::ApiKey | AuthMethod::OAuth => None,
    };
    let stated = claims.as_ref().and_then(UnverifiedClaims::expires_at);
    let stated = stated.filter(|at| at.unix_seconds() > 0 && *at <= now.plus(LONGEST_LIFETIME));
    let expires_at = if token.is_some() { stated } else { Some(now) };
    if !is_refreshable && expires_at.is_some_and(|at| at <= now) {
        return Err(AlreadyExpired);
    }
    let account = claims.as_ref().map(provider_type.descriptor().labels).unwrap_or_default();
    Ok(TokenMetadata { auth_method, obtained_at: now, expires_at, scopes: Vec::new(), account, cookie_rotates: false })
}

//! Reads accounts of other programs for `goclaw import --from`: the Codex CLI, and the GoClaw service written in Go.
//!
//! The other program must not use the tokens afterwards: a refresh by one invalidates the refresh token of the other.

mod codex_cli;
mod go_service;

pub use codex_cli::read as read_codex_cli;
pub use go_service::{GoServiceKey, GoServiceRow, convert as convert_go_service_row};

use crate::{
    app::PlaintextAccount,
    domain::{
        claims::UnverifiedClaims,
        ids::AccountName,
        provider::{AuthMethod, ProviderType},
        secret::{AccessToken, IdToken, RefreshToken},
        time::Timestamp,
        token_response::TokenResponse,
    },
};

/// Why an account of another program cannot be read. The messages contain no part of a token.
#[derive(Debug, thiserror::Error)]
pub enum ForeignError {
    #[error("it is not the file of a sign-in with ChatGPT: {0}")]
    NotCodex(&'static str),
    #[error("a value does not open: {0}")]
    Sealed(&'static str),
    #[error("GOCLAW_ENCRYPTION_KEY must be 64 hex digits, 44 characters of base64, or 32 raw bytes")]
    InvalidKey,
}

/// Returns an account with the tokens of an OAuth login. The metadata comes from the claims of the tokens.
fn oauth_account(
    name: AccountName,
    access_token: AccessToken,
    refresh_token: Option<RefreshToken>,
    id_token: Option<IdToken>,
    now: Timestamp,
) -> PlaintextAccount {
    let expires_at = UnverifiedClaims::of(&access_token).and_then(|claims| claims.expires_at());
    let response = TokenResponse {
        access_token: Some(access_token.clone()),
        refresh_token: refresh_token.clone(),
        id_token,
        expires_in: None,
        scope: None,
    };
    let provider_type = ProviderType::OpenaiCodex;
    let mut metadata = response.metadata(AuthMethod::OAuth, provider_type, &[], now);
    // Let an expired token count as expiring now, so that it is refreshed before its first use.
    if expires_at.is_some_and(|at| at <= now) {
        metadata.expires_at = Some(now);
    }
    PlaintextAccount { name, provider_type, display_name: None, enabled: true, access_token, refresh_token, metadata }
}

//! Sign-ins of other programs: the file of the Codex CLI, and the rows of the GoClaw service that is written in Go.
//!
//! A refresh by either program invalidates the other's refresh token, so the other program must stop using them.

mod codex_cli;
mod go_service;

pub use codex_cli::read as read_codex_cli;
pub use go_service::{GoServiceKey, GoServiceRow, open as open_go_service};

use crate::{
    app::MovingAccount,
    domain::{
        claims::UnverifiedClaims,
        ids::AccountName,
        provider::{AuthMethod, ProviderType},
        secret::{AccessToken, IdToken, RefreshToken},
        time::Timestamp,
        token_response::TokenResponse,
    },
};

/// Why a sign-in of another program cannot be read. The text never has a part of a token.
#[derive(Debug, thiserror::Error)]
pub enum ForeignError {
    #[error("it is not the file of a sign-in with ChatGPT: {0}")]
    NotCodex(&'static str),
    #[error("a value does not open: {0}")]
    Sealed(&'static str),
    #[error("GOCLAW_ENCRYPTION_KEY is 32 bytes: 64 hex digits, 44 characters of base64, or as they are")]
    InvalidKey,
}

/// Returns an account with tokens of an OAuth login. Their metadata comes from the tokens' claims.
fn signed_in(
    name: AccountName,
    access_token: AccessToken,
    refresh_token: Option<RefreshToken>,
    id_token: Option<IdToken>,
    now: Timestamp,
) -> MovingAccount {
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
    // A token that has expired is refreshed before its first use.
    if expires_at.is_some_and(|at| at <= now) {
        metadata.expires_at = Some(now);
    }
    MovingAccount { name, provider_type, display_name: None, enabled: true, access_token, refresh_token, metadata }
}

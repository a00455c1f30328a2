//! Checks access tokens for the backend.

use super::{Provider, TokenStatus};
use crate::{journal::RevocationCause, settings::Account};

/// Why an access token is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AccessRefusal {
    /// Not issued here, signed with a key no longer published, or forgotten in a reset.
    Unknown,
    Expired,
    /// The client revoked it, alone or with its family.
    Revoked,
    /// The provider revoked its family.
    Invalidated,
}

/// Returns the account of an access token. Checks the signature of a JWT, then expiry and revocation.
pub(crate) fn check_access(provider: &Provider, token: &str) -> Result<Account, AccessRefusal> {
    let keys = provider.state().keys.clone();
    if token.contains('.') && !keys.verifies(token) {
        return Err(AccessRefusal::Unknown);
    }
    let state = provider.state();
    let account = state.families.account_of(token).ok_or(AccessRefusal::Unknown)?.clone();
    match state.families.status(token, state.now()) {
        TokenStatus::Live => Ok(account),
        TokenStatus::Expired => Err(AccessRefusal::Expired),
        TokenStatus::Revoked => Err(match state.families.revocation_of(token) {
            None | Some(RevocationCause::RevokedByClient) => AccessRefusal::Revoked,
            Some(
                RevocationCause::RefreshTokenReused | RevocationCause::CodeReused | RevocationCause::RevokedByProvider,
            ) => AccessRefusal::Invalidated,
        }),
        TokenStatus::Spent | TokenStatus::Unknown => Err(AccessRefusal::Unknown),
    }
}

//! What a resource server asks about a bearer: is it ours, is it still good, and whose is it?

use super::{Provider, TokenStatus};
use crate::{journal::RevocationCause, settings::Account};

/// Why a bearer is not good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AccessRefusal {
    /// Nothing this provider signed, or signed with a key that is published no more, or has forgotten in a reset.
    Unknown,
    Expired,
    /// Its owner ended the session.
    Revoked,
    /// The provider ended it, or it died for another one's fault.
    Invalidated,
}

/// Checks an access token, and returns the account it names: the signature if it is a JWT, then the time and what was revoked.
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

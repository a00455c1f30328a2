//! Refresh tokens that nobody is to use any more, on their way to the provider that is to forget them (RFC 7009).

use std::time::Duration;

use super::{
    ids::{LoginId, ProviderName},
    oauth_client::OAuthClient,
    provider::ProviderType,
    refresh::RevocationScope,
    sealed::SealedSecret,
    time::Timestamp,
};

/// How long a revocation is tried. A token that is older has probably ended by itself, and a sealed secret that is of no
/// use to anybody should not lie around.
pub const KEPT_FOR: Duration = Duration::from_secs(24 * 60 * 60);

random_id!(
    /// The id of one revocation.
    RevocationId
);

/// What to do with a refresh token that is about to go: queue it, in the same transaction.
#[derive(Debug, Clone, PartialEq)]
pub struct RevocationOrder {
    pub id: RevocationId,
    pub client: OAuthClient,
}

impl RevocationOrder {
    /// Returns the queue's entry for `token`, which was sealed for the login `login_id` of the account `name`.
    pub fn into_pending(
        self,
        name: ProviderName,
        provider_type: ProviderType,
        login_id: LoginId,
        token: SealedSecret,
        now: Timestamp,
    ) -> PendingRevocation {
        let Self { id, client } = self;
        PendingRevocation { id, name, provider_type, login_id, token, client, created_at: now }
    }
}

/// A refresh token in the queue.
#[derive(Debug, Clone, PartialEq)]
pub struct PendingRevocation {
    pub id: RevocationId,
    pub name: ProviderName,
    pub provider_type: ProviderType,
    /// The login that the token came from: it is sealed as that login's refresh token.
    pub login_id: LoginId,
    pub token: SealedSecret,
    pub client: OAuthClient,
    pub created_at: Timestamp,
}

impl RevocationScope {
    /// Whether a token that is left over may be revoked. Revoking the whole grant would end a newer login too.
    pub fn allows_revocation(self, account_is_connected: bool) -> bool {
        match self {
            Self::Family => true,
            Self::Grant => !account_is_connected,
        }
    }
}

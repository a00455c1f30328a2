//! Refresh tokens that are to be revoked at their provider (RFC 7009).

use std::time::Duration;

use super::{
    ids::{AccountName, LoginId},
    oauth_client::OAuthClient,
    provider::ProviderType,
    refresh::RevocationScope,
    sealed::SealedSecret,
    time::Timestamp,
};

/// How long a revocation is retried. After that the token has probably expired, and its sealed secret is deleted.
pub const KEPT_FOR: Duration = Duration::from_secs(24 * 60 * 60);

random_id!(
    /// The id of one revocation.
    RevocationId
);

/// An order to queue a refresh token for revocation, in the transaction that removes it.
#[derive(Debug, Clone, PartialEq)]
pub struct RevocationOrder {
    pub id: RevocationId,
    pub client: OAuthClient,
}

impl RevocationOrder {
    /// Returns the queue entry for `token`, which was sealed for the login `login_id` of the account `name`.
    pub fn into_pending(
        self,
        name: AccountName,
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
    pub name: AccountName,
    pub provider_type: ProviderType,
    /// The login of the token, which is part of its seal context.
    pub login_id: LoginId,
    pub token: SealedSecret,
    pub client: OAuthClient,
    pub created_at: Timestamp,
}

impl RevocationScope {
    /// Whether an unused token may be revoked. Revoking the whole grant would also end a newer login.
    pub fn allows_revocation(self, account_is_connected: bool) -> bool {
        match self {
            Self::Family => true,
            Self::Grant => !account_is_connected,
        }
    }
}

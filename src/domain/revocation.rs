//! Refresh tokens that the gateway has to revoke at their provider (RFC 7009).

use std::time::Duration;

use super::{
    ids::{AccountName, LoginId},
    oauth_client::OAuthClient,
    provider::ProviderType,
    refresh::TokenVersion,
    sealed_secret::SealedSecret,
    time::Timestamp,
};

/// How long a revocation is retried. After that, its sealed token is deleted, because it has probably expired.
pub const RETRIED_FOR: Duration = Duration::from_secs(24 * 60 * 60);

random_id!(
    /// The id of one revocation.
    RevocationId
);

/// Queues a refresh token for revocation, in the transaction that takes the token out of use.
#[derive(Debug, Clone, PartialEq)]
pub struct RevocationOrder {
    /// The version whose refresh token is revoked. If the account has another version by then, nothing is changed.
    pub version: TokenVersion,
    pub revocation: PendingRevocation,
}

/// A refresh token in the queue.
#[derive(Debug, Clone, PartialEq)]
pub struct PendingRevocation {
    pub id: RevocationId,
    pub name: AccountName,
    pub provider_type: ProviderType,
    pub login_id: LoginId,
    /// Sealed for the queue, and bound to all other fields except `created_at`.
    pub token: SealedSecret,
    /// The client that revokes the token.
    pub client: OAuthClient,
    /// The user who granted the token, if known.
    pub user_id: Option<String>,
    pub created_at: Timestamp,
}

impl PendingRevocation {
    /// Whether the token may belong to the grant of this client and user. An unknown user may be any user.
    pub fn may_share_grant(&self, client: &OAuthClient, user_id: Option<&str>) -> bool {
        let is_same_user = match (self.user_id.as_deref(), user_id) {
            (Some(one), Some(other)) => one == other,
            (None, _) | (_, None) => true,
        };
        is_same_user && self.client.is_registration_of(client)
    }
}

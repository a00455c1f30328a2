//! Refresh tokens that are to be revoked at their provider (RFC 7009).

use std::time::Duration;

use super::{
    ids::{AccountName, LoginId},
    oauth_client::OAuthClient,
    provider::ProviderType,
    refresh::TokenVersion,
    sealed_secret::SealedSecret,
    time::Timestamp,
};

/// How long a revocation is retried. After that the token has probably expired, and its sealed secret is deleted.
pub const KEPT_FOR: Duration = Duration::from_secs(24 * 60 * 60);

random_id!(
    /// The id of one revocation.
    RevocationId
);

/// An order to queue a refresh token for revocation, in the transaction that takes it out of use.
#[derive(Debug, Clone, PartialEq)]
pub struct RevocationOrder {
    /// The version whose refresh token is to be revoked. If the account has another one by then, nothing is changed.
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
    /// Sealed for the queue, and bound to all values above and to `client`.
    pub token: SealedSecret,
    /// Where the token is sent.
    pub client: OAuthClient,
    /// The user who granted it, if known.
    pub user_id: Option<String>,
    pub created_at: Timestamp,
}

impl PendingRevocation {
    /// Whether a client and user may have the same grant as the token: an unknown user may be any.
    pub fn may_share_grant(&self, client: &OAuthClient, user_id: Option<&str>) -> bool {
        let is_same_user = match (self.user_id.as_deref(), user_id) {
            (Some(one), Some(other)) => one == other,
            (None, _) | (_, None) => true,
        };
        is_same_user && self.client.is_registration_of(client)
    }
}

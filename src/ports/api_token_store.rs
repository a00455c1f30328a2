//! Storage of the API tokens that the gateway issued, as digests.

use async_trait::async_trait;

use super::{Author, StoreError};
use crate::domain::{
    api_token::{ApiTokenId, SealedApiToken},
    time::Timestamp,
};

/// The result of storing a new token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenStored {
    Stored,
    /// Another program's token has this name.
    NameTaken,
    /// The session that it comes from has ended.
    ParentGone,
}

#[async_trait]
pub trait ApiTokenStore: Send + Sync {
    /// Stores a new token, unless its parent is gone or another program's token has its name.
    ///
    /// Contract: MUST be one transaction, of which several replicas run one at a time. A second token of the same id or
    /// digest MUST be an error and change nothing.
    async fn put(&self, token: &SealedApiToken, author: &Author) -> Result<TokenStored, StoreError>;

    /// Returns all tokens, oldest first. An unreadable one MUST be skipped and logged.
    async fn list(&self) -> Result<Vec<SealedApiToken>, StoreError>;

    /// Gives a token the digest and mark of `new`, and stores `old` as a token that comes from it, in place of an
    /// earlier old one. Returns false if the token no longer has the digest of `old`.
    ///
    /// Contract: MUST be one transaction; of concurrent calls, exactly one returns true.
    async fn rotate(&self, new: &SealedApiToken, old: &SealedApiToken, author: &Author) -> Result<bool, StoreError>;

    /// Changes a token's expiry, and the mark that covers it. Returns whether the token exists.
    async fn extend(&self, token: &SealedApiToken) -> Result<bool, StoreError>;

    /// Deletes a token and everything that comes from it, in one transaction. Returns whether it existed; of concurrent
    /// calls for one token, exactly one returns true.
    async fn remove(&self, id: &ApiTokenId, author: &Author) -> Result<bool, StoreError>;

    /// Deletes all sessions and links of the page, and with `programs` all other tokens too, in one transaction.
    /// Returns their number.
    async fn remove_all(&self, programs: bool, author: &Author) -> Result<usize, StoreError>;

    /// Notes when a token was last used. An unknown token is no error.
    async fn note_use(&self, id: &ApiTokenId, at: Timestamp) -> Result<(), StoreError>;

    /// Deletes the tokens that have expired.
    async fn remove_expired(&self, now: Timestamp) -> Result<(), StoreError>;
}

//! Storage of the API tokens that the gateway issued: their digests, not their secrets.

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
    /// The session in the token's `parent` has ended, or the session or program that creates the token.
    ParentGone,
}

#[async_trait]
pub trait ApiTokenStore: Send + Sync {
    /// Stores a new token, unless its parent or its author's token is gone, or another program's token has its name.
    ///
    /// Contract: MUST be one transaction, and replicas MUST run it one at a time. A second token with the same id or
    /// digest MUST be an error and change nothing.
    async fn put(&self, token: &SealedApiToken, author: &Author) -> Result<TokenStored, StoreError>;

    /// Returns all tokens, oldest first. An unreadable token MUST be skipped and logged.
    async fn list(&self) -> Result<Vec<SealedApiToken>, StoreError>;

    /// Replaces a token's digest, mark and last use with those of `new`. Adds `old`, a child token with the previous
    /// digest, which expires when the overlap ends, and deletes the child of an earlier rotation. Returns false if the
    /// token does not have the digest of `old`.
    ///
    /// Contract: MUST be one transaction. Exactly one of any number of concurrent calls MUST return true.
    async fn rotate(&self, new: &SealedApiToken, old: &SealedApiToken, author: &Author) -> Result<bool, StoreError>;

    /// Changes a token's expiry and mark. Returns whether the token exists.
    async fn extend(&self, token: &SealedApiToken) -> Result<bool, StoreError>;

    /// Deletes a token and its descendants, and cancels the logins under way of its program, in one transaction. Returns
    /// whether the token existed. Exactly one of any number of concurrent calls for one token MUST return true.
    async fn remove(&self, id: &ApiTokenId, author: &Author) -> Result<bool, StoreError>;

    /// Deletes all page sessions and links in one transaction, and the tokens of programs too if `programs` is true.
    /// Cancels the logins under way of the owner, which a session may have started, and of these programs. Returns the
    /// number of deleted tokens.
    async fn remove_all(&self, programs: bool, author: &Author) -> Result<usize, StoreError>;

    /// Records when a token was last used. An unknown token MUST NOT be an error.
    async fn note_use(&self, id: &ApiTokenId, at: Timestamp) -> Result<(), StoreError>;

    /// Deletes expired tokens and their descendants in one transaction.
    async fn remove_expired(&self, now: Timestamp) -> Result<(), StoreError>;
}

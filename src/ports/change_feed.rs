//! Reports which subjects have changed, so that a replica reads only those.

use async_trait::async_trait;

use super::StoreError;

/// A random text, which every change of a subject replaces. An equal mark means that the subject is as it was when the
/// mark was read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChangeMark(pub String);

/// The mark of each subject.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChangeMarks {
    /// The events of accounts ([`super::CredentialHistory`]).
    pub accounts: ChangeMark,
    /// Pending and ended logins ([`super::LoginStore`]).
    pub logins: ChangeMark,
    /// API tokens, links and sessions ([`super::ApiTokenStore`]).
    pub api_tokens: ChangeMark,
    /// Key checks ([`super::KeyStore`]).
    pub keys: ChangeMark,
    /// The feedback of providers ([`super::TokenStore::feedback`]).
    pub feedback: ChangeMark,
}

#[async_trait]
pub trait ChangeFeed: Send + Sync {
    /// Returns the current marks. This must be cheap, because each replica calls it twice a second.
    ///
    /// Contract: a change by any writer MUST replace the mark of its subject, and no other mark, in the same
    /// transaction. A reader that reads a mark and then its subject MUST see at least the changes that led to the mark.
    async fn marks(&self) -> Result<ChangeMarks, StoreError>;
}

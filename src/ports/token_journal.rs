//! Durable storage of new tokens on the local disk, beside the database.
//!
//! Until the commit, a provider's response has the only valid tokens. They are written to the journal first, so that
//! neither a database outage nor a crash loses them. After the commit the newest tokens stay, so that an older copy of
//! the database, restored later, does not bring a spent refresh token back.

use std::collections::{BTreeMap, HashMap};

use async_trait::async_trait;

use crate::domain::{
    ids::{AccountName, KeyId, LoginId},
    refresh::{Rotation, TokenVersion},
    sealed_secret::SealedSecret,
};

/// The minimum number of ended logins that a journal keeps.
pub const MIN_ENDED_LOGINS: usize = 10_000;

/// The journal cannot be used. Logins and refreshes continue without it.
#[derive(Debug, thiserror::Error)]
#[error("cannot {doing} the token journal")]
pub struct JournalError {
    pub doing: &'static str,
    #[source]
    pub source: Box<dyn std::error::Error + Send + Sync>,
}

/// Whether the database has the tokens of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordState {
    /// The database has not confirmed them.
    Unsaved,
    /// The database has confirmed them. At most one record of an account has this state.
    Committed,
}

/// New tokens of an account.
#[derive(Debug, Clone, PartialEq)]
pub struct JournalRecord {
    pub name: AccountName,
    pub rotation: Rotation,
    pub state: RecordState,
}

impl JournalRecord {
    /// Returns the record of tokens that no database has yet.
    pub fn unsaved(name: AccountName, rotation: Rotation) -> Self {
        Self { name, rotation, state: RecordState::Unsaved }
    }
}

/// A refresh token that this gateway has presented or is about to present, and for which it has no new tokens yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PresentedToken {
    pub name: AccountName,
    pub version: TokenVersion,
    /// How often the token was presented, as in the account's row.
    pub attempt: u32,
}

/// A login that has ended. An older copy of the database may bring it back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndedLogin {
    pub name: AccountName,
    pub login_id: LoginId,
    /// The login that replaced it; None if the owner logged out.
    pub successor: Option<LoginId>,
}

/// The tokens of a login that the database does not have yet.
#[derive(Debug, Clone, PartialEq)]
pub struct LoginRecord {
    pub name: AccountName,
    pub login_id: LoginId,
    /// All tokens in one text, sealed for the login.
    pub tokens: SealedSecret,
}

/// Contract: several processes may share one journal. A record is identified by its account and the version of its
/// tokens. It may be replayed while its writer still runs, because committing one version twice stores it once.
#[async_trait]
pub trait TokenJournal: Send + Sync {
    /// Returns the host and folder of the journal, for messages. They are unique to the journal.
    fn place(&self) -> String;

    /// Writes a record with its state.
    ///
    /// Contract: `Ok` MUST mean that the whole record is on disk and survives a power cut; a short write MUST be an
    /// error. A partially written record MUST NOT count as a record. A record of another process MUST NOT be
    /// overwritten before this one is complete.
    async fn put(&self, record: &JournalRecord) -> Result<(), JournalError>;

    /// Returns the records of all processes.
    ///
    /// Contract: MUST return each completely written record once, even if its process was killed before `put` returned.
    /// An incomplete or unreadable record MUST NOT be an error: it MUST be skipped, logged and not deleted, because
    /// another process may still be writing it.
    async fn list(&self) -> Result<Vec<JournalRecord>, JournalError>;

    /// Returns the records of [`TokenJournal::list`] without the committed ones of these versions. With many accounts,
    /// the database already has most versions, and their records need not be read.
    async fn list_without(
        &self,
        known: HashMap<AccountName, TokenVersion>,
    ) -> Result<Vec<JournalRecord>, JournalError> {
        let is_known = |record: &JournalRecord| {
            record.state == RecordState::Committed && known.get(&record.name) == Some(&record.rotation.version)
        };
        Ok(self.list().await?.into_iter().filter(|record| !is_known(record)).collect())
    }

    /// Returns the number of records and logins that each encryption key has sealed.
    async fn count_by_key(&self) -> Result<BTreeMap<KeyId, usize>, JournalError> {
        let mut counts = BTreeMap::new();
        for key_id in self.list().await?.iter().flat_map(|record| record.rotation.key_ids()) {
            *counts.entry(key_id).or_default() += 1;
        }
        for key_id in self.logins().await?.iter().filter_map(|login| login.tokens.key_id()) {
            *counts.entry(key_id).or_default() += 1;
        }
        Ok(counts)
    }

    /// Stores a record as the account's committed one, whether or not `put` succeeded before. Deletes the account's
    /// earlier committed record, mark and presentations. If one of these belongs to a later generation of the login, it
    /// MUST be kept instead of the record.
    async fn confirm(&self, record: &JournalRecord) -> Result<(), JournalError>;

    /// Marks a version that another gateway has committed and whose tokens only that gateway's journal has. MUST
    /// replace the account's earlier committed record, mark and presentations, but nothing of this or a later version
    /// of the login. Returns false if the journal has something of a later version: an older database was restored.
    async fn mark(&self, name: &AccountName, version: &TokenVersion) -> Result<bool, JournalError>;

    /// Marks many versions as [`TokenJournal::mark`] does, but skips those for which the journal has something of the
    /// same or a later version. MAY skip logins that have ended.
    async fn mark_all(&self, versions: HashMap<AccountName, TokenVersion>) -> Result<(), JournalError> {
        for (name, version) in &versions {
            self.mark(name, version).await?;
        }
        Ok(())
    }

    /// Returns the marks of all processes.
    async fn marks(&self) -> Result<Vec<(AccountName, TokenVersion)>, JournalError>;

    /// Stores how often a token was presented, in place of an earlier number; 0 deletes the number.
    ///
    /// Contract: `Ok` MUST mean that the number survives a power cut.
    async fn note_presented(&self, token: &PresentedToken) -> Result<(), JournalError>;

    /// Returns the presented tokens of all processes. Once [`TokenJournal::note_presented`] has stored a token, the
    /// earlier ones of its login are not returned.
    async fn presented(&self) -> Result<Vec<PresentedToken>, JournalError>;

    /// Stores an ended login, and deletes the login's records except unsaved ones. Idempotent. Of several calls for one
    /// login, the last one counts. A journal MAY delete the oldest ended logins beyond [`MIN_ENDED_LOGINS`].
    async fn end(&self, ended: &EndedLogin) -> Result<(), JournalError>;

    /// Returns the ended logins of all processes.
    async fn ended(&self) -> Result<Vec<EndedLogin>, JournalError>;

    /// Writes the tokens of a login. The contract of [`TokenJournal::put`] applies.
    async fn put_login(&self, record: &LoginRecord) -> Result<(), JournalError>;

    /// Returns the unsaved logins of all processes. The contract of [`TokenJournal::list`] applies.
    async fn logins(&self) -> Result<Vec<LoginRecord>, JournalError>;

    /// Deletes the tokens of a login. Idempotent.
    async fn remove_login(&self, name: &AccountName, login_id: &LoginId) -> Result<(), JournalError>;

    /// Deletes a record. Idempotent.
    ///
    /// Contract: MUST delete every copy that `list` would return, and no other version.
    async fn remove(&self, name: &AccountName, version: &TokenVersion) -> Result<(), JournalError>;
}

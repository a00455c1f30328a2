//! Compares the accounts of a backup with this machine's token journal, before the backup is restored.
//!
//! A refresh token may have been spent since the backup. A starting gateway repairs the accounts that are in its
//! journal. All others may keep spent tokens, so `goclaw restore` reports them.

use std::collections::{HashMap, HashSet};

use crate::{
    domain::{
        credential::SealedCredential,
        ids::{AccountName, LoginId},
        refresh::TokenVersion,
    },
    ports::{JournalError, TokenJournal},
};

/// What the journal says about an account of a backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BackupCoverage {
    /// The account has no refresh token, or one that can be presented again.
    Reusable,
    /// The journal's newest version of the login is the one in the backup.
    Newest,
    /// The journal has newer tokens of the login. The next start writes them to the database.
    NewerTokens,
    /// The journal names a newer version of the login, but lacks its tokens. The next start puts the account in doubt.
    NewerElsewhere,
    /// The journal records that the login has ended. The next start ends it again.
    Ended,
    /// The journal has no version of the login, or only older ones.
    Unknown,
}

/// The logins that a token journal records.
pub struct BackupCheck {
    /// The versions of each account, and whether the journal has their tokens.
    known: HashMap<AccountName, Vec<(TokenVersion, bool)>>,
    ended: HashSet<LoginId>,
}

impl BackupCheck {
    /// Reads the journal.
    ///
    /// # Errors
    /// [`JournalError`] if the journal cannot be read. The caller should then not restore.
    pub async fn of(journal: &dyn TokenJournal) -> Result<Self, JournalError> {
        let records = journal.list().await?.into_iter().map(|record| (record.name, record.rotation.version, true));
        let marks = journal.marks().await?.into_iter().map(|(name, version)| (name, version, false));
        let presented = journal.presented().await?.into_iter().map(|token| (token.name, token.version, false));
        let mut known: HashMap<AccountName, Vec<(TokenVersion, bool)>> = HashMap::new();
        for (name, version, has_tokens) in records.chain(marks).chain(presented) {
            known.entry(name).or_default().push((version, has_tokens));
        }
        let ended = journal.ended().await?.into_iter().map(|ended| ended.login_id).collect();
        Ok(Self { known, ended })
    }

    pub fn coverage(&self, account: &SealedCredential) -> BackupCoverage {
        let own = &account.refresh.version;
        if self.ended.contains(&own.login_id) {
            return BackupCoverage::Ended;
        }
        if account.refresh_token.is_none() || account.is_reusable() {
            return BackupCoverage::Reusable;
        }
        let known = self.known.get(&account.name).into_iter().flatten();
        let of_login = known.filter(|(version, _)| version.login_id == own.login_id);
        match of_login.max_by_key(|(version, has_tokens)| (version.generation, *has_tokens)) {
            None => BackupCoverage::Unknown,
            Some((newest, _)) if newest.generation < own.generation => BackupCoverage::Unknown,
            Some((newest, _)) if newest.generation == own.generation => BackupCoverage::Newest,
            Some((_, true)) => BackupCoverage::NewerTokens,
            Some((_, false)) => BackupCoverage::NewerElsewhere,
        }
    }
}

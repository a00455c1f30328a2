//! Compares accounts with this machine's token journal, before a backup is restored or an account is moved.
//!
//! A refresh token may have been spent since the backup. A starting gateway repairs the accounts that are in its
//! journal. All others may keep spent tokens, so `goclaw restore` reports them.

use std::collections::{HashMap, HashSet};

use crate::{
    domain::{
        credential::SealedCredential,
        ids::{AccountName, Generation, LoginId},
        refresh::TokenVersion,
    },
    ports::{JournalError, TokenJournal},
};

/// What the journal says about an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JournalCoverage {
    /// The account has no refresh token, or one that can be presented again.
    Reusable,
    /// The journal's newest version of the login is the one of the account.
    Newest,
    /// The journal has newer tokens of the login. The next start writes them to the database.
    NewerTokens,
    /// The journal knows a newer version without its tokens, or a later presentation. The next start puts the account
    /// in doubt.
    InDoubt,
    /// The journal records that the login has ended. The next start ends it again.
    Ended,
    /// The journal has no version of the login, or only older ones.
    Unknown,
}

/// A version of an account's tokens in the journal.
struct KnownVersion {
    version: TokenVersion,
    /// How often the token was presented.
    attempt: u32,
    has_tokens: bool,
}

/// The logins that a token journal records.
pub struct JournalCheck {
    known: HashMap<AccountName, Vec<KnownVersion>>,
    ended: HashSet<LoginId>,
}

impl JournalCheck {
    /// Reads the journal.
    ///
    /// # Errors
    /// [`JournalError`] if the journal cannot be read. The caller should then not restore.
    pub async fn of(journal: &dyn TokenJournal) -> Result<Self, JournalError> {
        let with_tokens = |version| KnownVersion { version, attempt: 0, has_tokens: true };
        let without = |version, attempt| KnownVersion { version, attempt, has_tokens: false };
        let mut known: HashMap<AccountName, Vec<KnownVersion>> = HashMap::new();
        for record in journal.list().await? {
            known.entry(record.name).or_default().push(with_tokens(record.rotation.version));
        }
        for (name, version) in journal.marks().await? {
            known.entry(name).or_default().push(without(version, 0));
        }
        for token in journal.presented().await? {
            known.entry(token.name).or_default().push(without(token.version, token.attempt));
        }
        let ended = journal.ended().await?.into_iter().map(|ended| ended.login_id).collect();
        Ok(Self { known, ended })
    }

    /// Whether a login has ended, or its first tokens were presented or replaced.
    pub fn has_used(&self, name: &AccountName, login_id: &LoginId) -> bool {
        let is_used = |known: &KnownVersion| {
            known.version.login_id == *login_id && (known.attempt > 0 || known.version.generation > Generation::FIRST)
        };
        self.ended.contains(login_id) || self.known.get(name).into_iter().flatten().any(is_used)
    }

    pub fn coverage(&self, account: &SealedCredential) -> JournalCoverage {
        let own = &account.refresh.version;
        if self.ended.contains(&own.login_id) {
            return JournalCoverage::Ended;
        }
        if account.refresh_token.is_none() || account.is_reusable() {
            return JournalCoverage::Reusable;
        }
        let known = self.known.get(&account.name).into_iter().flatten();
        let of_login = known.filter(|known| known.version.login_id == own.login_id);
        let position = |known: &KnownVersion| (known.version.generation, known.attempt);
        let Some(newest) = of_login.max_by_key(|known| (position(known), known.has_tokens)) else {
            return JournalCoverage::Unknown;
        };
        if newest.version.generation < own.generation {
            JournalCoverage::Unknown
        } else if position(newest) <= (own.generation, account.refresh.attempt) {
            JournalCoverage::Newest
        } else if newest.has_tokens {
            JournalCoverage::NewerTokens
        } else {
            JournalCoverage::InDoubt
        }
    }
}

//! Lists the events of one account, or of all accounts and failed logins, newest first.

use std::cmp::Reverse;

use super::Accounts;
use crate::{
    app::AppError,
    domain::{
        history::CredentialEvent,
        ids::{AccountName, LoginId},
        login_outcome::{LoginEnd, LoginOutcome, LoginProgress},
        time::Timestamp,
    },
};

/// Maximum number of ended logins that are read. Ended logins are deleted after a week.
const MAX_LOGINS: usize = 10_000;

/// One entry of the activity list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ActivityEntry {
    Account(CredentialEvent),
    /// A login that ended without tokens.
    Login {
        name: AccountName,
        login_id: LoginId,
        end: LoginEnd,
        at: Timestamp,
    },
}

impl ActivityEntry {
    fn at(&self) -> Timestamp {
        match self {
            Self::Account(event) => event.at,
            Self::Login { at, .. } => *at,
        }
    }
}

impl Accounts {
    /// Returns the newest `limit` events of an account, even if the account was removed.
    ///
    /// # Errors
    /// [`AppError::UnknownProvider`], [`AppError::Store`].
    #[tracing::instrument(name = "accounts.events", skip_all, fields(provider.name = %name))]
    pub async fn events(&self, name: &AccountName, limit: usize) -> Result<Vec<CredentialEvent>, AppError> {
        let events = self.history.of(name, limit).await?;
        if events.is_empty() {
            self.directory.check_known(name).await?;
        }
        Ok(events)
    }

    /// Returns the newest `limit` events of all accounts, and the ended logins without tokens. A completed login is an
    /// event of its account.
    #[tracing::instrument(name = "accounts.activity", skip_all)]
    pub async fn activity(&self, limit: usize) -> Result<Vec<ActivityEntry>, AppError> {
        let events = self.history.newest(limit).await?.into_iter().map(ActivityEntry::Account);
        let logins = self.login_store.ended(MAX_LOGINS).await?.into_iter().filter_map(|login| match login.progress {
            LoginProgress::Ended(outcome) if outcome != LoginOutcome::Completed => Some(ActivityEntry::Login {
                end: LoginEnd::explained(outcome, login.detail.as_ref(), &login.session.name),
                name: login.session.name,
                login_id: login.session.id,
                at: login.progress_since,
            }),
            LoginProgress::Ended(_)
            | LoginProgress::Pending
            | LoginProgress::Exchanging
            | LoginProgress::Unconfirmed => None,
        });
        let mut all: Vec<ActivityEntry> = events.chain(logins).collect();
        // The stable sort keeps the order of events that have the same time.
        all.sort_by_key(|entry| Reverse(entry.at()));
        Ok(all)
    }
}

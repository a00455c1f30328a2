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

/// More logins than end in a week, which is how long ended logins are kept.
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
    /// Returns the `newest` events of one account, also of one that was removed.
    ///
    /// # Errors
    /// [`AppError::UnknownProvider`], [`AppError::Store`].
    #[tracing::instrument(name = "accounts.events", skip_all, fields(provider.name = %name))]
    pub async fn events(&self, name: &AccountName, newest: usize) -> Result<Vec<CredentialEvent>, AppError> {
        let events = self.history.of(name, newest).await?;
        if events.is_empty() {
            // An unknown account is reported as such.
            self.directory.check_known(name).await?;
        }
        Ok(events)
    }

    /// Returns the `newest` events of all accounts, and the logins that ended without tokens. A completed login shows
    /// as its account's event.
    #[tracing::instrument(name = "accounts.activity", skip_all)]
    pub async fn activity(&self, newest: usize) -> Result<Vec<ActivityEntry>, AppError> {
        let events = self.history.newest(newest).await?.into_iter().map(ActivityEntry::Account);
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
        // The sort is stable: entries with the same time keep their order.
        all.sort_by_key(|entry| Reverse(entry.at()));
        Ok(all)
    }
}

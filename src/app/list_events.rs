//! List what happened, newest first: to one account, or to all, also to those that are no longer there.

use std::cmp::Reverse;

use super::{AppError, Gateway, canonical_name};
use crate::domain::{
    history::CredentialEvent,
    ids::{LoginId, ProviderName},
    login_outcome::{LoginOutcome, LoginProgress},
    time::Timestamp,
};

/// More logins than end within the week for which they are kept.
const LOGINS: usize = 10_000;

/// Something that happened to an account, or to a login that came to nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ActivityEntry {
    ToAccount(CredentialEvent),
    ToLogin { name: ProviderName, login_id: LoginId, outcome: LoginOutcome, at: Timestamp },
}

impl ActivityEntry {
    fn at(&self) -> Timestamp {
        match self {
            Self::ToAccount(event) => event.at,
            Self::ToLogin { at, .. } => *at,
        }
    }
}

impl Gateway {
    /// Lists the `newest` events of an account.
    pub async fn list_events(&self, name: &str, newest: usize) -> Result<Vec<CredentialEvent>, AppError> {
        let unknown = || AppError::UnknownProvider(name.to_owned());
        let parsed = ProviderName::parse(canonical_name(name)).map_err(|_| unknown())?;
        let events = self.history.of(&parsed, newest).await?;
        if events.is_empty() {
            // Says "unknown provider" if that is what it is.
            self.resolve(name, None).await?;
        }
        Ok(events)
    }

    /// Lists the `newest` events of all accounts, and the logins that saved nothing. A completed login shows as the event that
    /// it caused.
    pub async fn list_activity(&self, newest: usize) -> Result<Vec<ActivityEntry>, AppError> {
        let events = self.history.newest(newest).await?.into_iter().map(ActivityEntry::ToAccount);
        let logins = self.logins.ended(LOGINS).await?.into_iter().filter_map(|login| match login.progress {
            LoginProgress::Ended(outcome) if outcome != LoginOutcome::Completed => Some(ActivityEntry::ToLogin {
                name: login.session.name,
                login_id: login.session.id,
                outcome,
                at: login.progress_since,
            }),
            LoginProgress::Ended(_) | LoginProgress::Pending | LoginProgress::Exchanging => None,
        });
        let mut all: Vec<ActivityEntry> = events.chain(logins).collect();
        // Stable: what happened in the same moment stays in the order in which it did.
        all.sort_by_key(|happened| Reverse(happened.at()));
        Ok(all)
    }
}

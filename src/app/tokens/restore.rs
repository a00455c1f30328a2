//! Handles an older copy of the database that was restored while this gateway runs.
//!
//! The refresh tokens in it are spent where this gateway has seen a later generation. Their successors are written back
//! from the journal; without them the account is in doubt, and only its owner may risk the old token.

use std::{collections::HashSet, sync::Arc};

use super::{Tokens, ended::Remembered, readable};
use crate::{
    app::{AppError, directory::StoredAccount},
    domain::{
        credential::SealedCredential,
        refresh::{RefreshEvent, TokenVersion},
        unreadable::UnreadableAccount,
    },
};

impl Tokens {
    /// Compares every account with what this gateway knows, and registers what the database has afterwards.
    pub(in crate::app) async fn meet_restored_database(self: &Arc<Self>) -> Result<(), AppError> {
        tracing::warn!("an older copy of the database was restored; its accounts are compared with what is known");
        let remembered = self.remembered_now().await;
        let stored = self.directory.all().await?;
        self.followed.reset(readable(&stored));
        let names: HashSet<_> = stored.iter().map(|account| account.name().clone()).collect();
        for name in self.registry.names() {
            if !names.contains(&name) {
                self.registry.reset(&name, None);
            }
        }
        for account in stored {
            match account {
                StoredAccount::Readable(account) => self.meet_restored_account(*account, &remembered).await?,
                StoredAccount::Unreadable(account) => self.quarantine(account),
            }
        }
        // Forgotten last, so that a failed comparison is repeated.
        self.registry.forget_revisions();
        Ok(())
    }

    /// Compares one account with what this gateway knows, and registers what the database has afterwards.
    pub(super) async fn meet_restored_account(
        self: &Arc<Self>,
        account: SealedCredential,
        remembered: &Remembered,
    ) -> Result<(), AppError> {
        let name = account.name.clone();
        let Some(account) = self.end_again(account, remembered).await? else {
            self.registry.reset(&name, None);
            return Ok(());
        };
        let healed = self.heal(account, remembered).await?;
        match self.registration_of(&healed) {
            Ok(registration) => {
                if let Some(account) = &registration {
                    self.schedule_refresh(&account.definition, &healed);
                }
                self.registry.reset(&name, registration);
            }
            Err(row) => self.quarantine(UnreadableAccount { name, row }),
        }
        Ok(())
    }

    /// Returns an account with the newest tokens that are known, or in doubt if they are not.
    async fn heal(&self, account: SealedCredential, remembered: &Remembered) -> Result<SealedCredential, AppError> {
        let (name, own) = (account.name.clone(), account.refresh.version.clone());
        let Some(definition) = self.directory.definition_of(&name, account.provider_type) else { return Ok(account) };
        let is_of_login = |version: &TokenVersion| version.login_id == own.login_id;
        let registered = self.registry.get(&name).map(|known| (known.refresh.version.clone(), known.refresh.attempt));
        let registered = registered.filter(|(version, _)| is_of_login(version));
        let in_journal = remembered.version_of(&name).filter(is_of_login).map(|version| (version, 0));
        let presented = remembered.presented_of(&name, &own.login_id);
        let known = registered.into_iter().chain(in_journal).chain(presented);
        let known = known.max_by_key(|(version, attempt)| (version.generation, *attempt));
        let Some((known, attempt)) = known else { return Ok(account) };
        let newest = remembered.committed_of(&name).filter(|rotation| rotation.version == known);
        let own_call = u32::from(self.single_flight.is_running(&name, &known));
        let written_back = newest.map(|rotation| RefreshEvent::Succeeded(rotation.clone()));
        let compared = RefreshEvent::Restored { known, attempt: attempt + own_call };
        let mut account = account;
        for event in written_back.into_iter().chain([compared]) {
            account = self.advance(&definition, &event).await?.credential.unwrap_or(account);
        }
        Ok(account)
    }
}

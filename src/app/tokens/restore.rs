//! Meets an older copy of the database that was restored while this gateway runs.
//!
//! The refresh tokens in it are spent where this gateway has seen a later generation. Their successors are written back
//! from the journal; without them the account is in doubt, and only its owner may risk the old token.

use std::{collections::HashSet, sync::Arc};

use super::{Tokens, ended::Remembered};
use crate::{
    app::AppError,
    domain::{credential::SealedCredential, refresh::RefreshEvent},
};

impl Tokens {
    /// Compares every account with what this gateway knows, and registers what the database has afterwards.
    pub(in crate::app) async fn meet_restored_database(self: &Arc<Self>) -> Result<(), AppError> {
        tracing::warn!("an older copy of the database was restored; its accounts are compared with what is known");
        let records = self.journal.list().await.unwrap_or_else(|error| {
            tracing::error!(error = %error, "the token journal cannot be read");
            Vec::new()
        });
        let remembered = self.remembered(&records).await;
        let stored = self.store.list().await?;
        let names: HashSet<_> = stored.iter().map(|account| account.name.clone()).collect();
        for name in self.registry.names() {
            if !names.contains(&name) {
                self.registry.reset(&name, None);
            }
        }
        for account in stored {
            let name = account.name.clone();
            let Some(account) = self.end_again(account, &remembered).await? else {
                self.registry.reset(&name, None);
                continue;
            };
            let healed = self.heal(account, &remembered).await?;
            match self.registration_of(&healed) {
                Ok(registration) => {
                    if let Some(account) = &registration {
                        self.schedule_refresh(&account.definition, &healed);
                    }
                    self.registry.reset(&healed.name, registration);
                }
                Err(error) => {
                    tracing::error!(provider.name = %healed.name, error = %error, "a restored account does not open");
                }
            }
        }
        // Last, so that a comparison that failed is repeated.
        self.registry.forget_revisions();
        Ok(())
    }

    /// Returns an account with the newest tokens that are known, or in doubt if they are not.
    async fn heal(&self, account: SealedCredential, remembered: &Remembered) -> Result<SealedCredential, AppError> {
        let definition = self.directory.definition_of(&account.name, account.provider_type);
        let known = self.registry.get(&account.name);
        let (Some(definition), Some(known)) = (definition, known) else { return Ok(account) };
        let known = &known.refresh;
        let newest = remembered.committed_of(&account.name).filter(|rotation| rotation.seen.next() == known.version);
        let own_call = u32::from(self.single_flight.is_running(&account.name, &known.version));
        let written_back = newest.map(|rotation| RefreshEvent::Succeeded(rotation.clone()));
        let compared = RefreshEvent::Restored { known: known.version.clone(), attempt: known.attempt + own_call };
        let mut account = account;
        for event in written_back.into_iter().chain([compared]) {
            account = self.advance(&definition, &event).await?.credential.unwrap_or(account);
        }
        Ok(account)
    }
}

//! Repairs accounts whose rows come from an older copy of the database, while this gateway runs.
//!
//! If this gateway knows a later generation or presentation of an account, the restored refresh token may be spent. The
//! newest tokens are written back from the journal. If the journal lacks them, the account is in doubt, and the old
//! token is presented only with the owner's consent.

use std::{collections::HashSet, sync::Arc};

use super::{Tokens, ended::JournalContents, readable};
use crate::{
    app::{AppError, directory::StoredAccount},
    domain::{
        credential::SealedCredential,
        refresh::{RefreshEvent, TokenVersion},
        unreadable::UnreadableAccount,
    },
};

impl Tokens {
    /// Compares every account with the registry and the journal, repairs it, and registers the result.
    pub(in crate::app) async fn repair_after_restore(self: &Arc<Self>) -> Result<(), AppError> {
        tracing::warn!("an older copy of the database was restored; its accounts are compared with what is known");
        let contents = self.read_journal().await;
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
                StoredAccount::Readable(account) => self.repair_restored_account(*account, &contents).await?,
                StoredAccount::Unreadable(account) => self.quarantine(account),
            }
        }
        // Do this last, so that the follower repeats a failed comparison.
        self.registry.forget_revisions();
        Ok(())
    }

    /// Compares one account with the registry and the journal, repairs it, and registers the result.
    pub(super) async fn repair_restored_account(
        self: &Arc<Self>,
        account: SealedCredential,
        contents: &JournalContents,
    ) -> Result<(), AppError> {
        let name = account.name.clone();
        let Some(account) = self.end_returned_login(account, contents).await? else {
            self.registry.reset(&name, None);
            return Ok(());
        };
        let repaired = self.repair(account, contents).await?;
        match self.registration_of(&repaired) {
            Ok(registration) => {
                if let Some(account) = &registration {
                    self.schedule_refresh(&account.definition, &repaired);
                }
                self.registry.reset(&name, registration);
            }
            Err(row) => self.quarantine(UnreadableAccount { name, row }),
        }
        Ok(())
    }

    /// Writes back the newest tokens of an account, or puts it in doubt if they are unknown. Returns the account.
    async fn repair(
        &self,
        account: SealedCredential,
        contents: &JournalContents,
    ) -> Result<SealedCredential, AppError> {
        let (name, restored) = (account.name.clone(), account.refresh.version.clone());
        let Some(definition) = self.directory.definition_of(&name, account.provider_type) else { return Ok(account) };
        let is_of_login = |version: &TokenVersion| version.login_id == restored.login_id;
        let registered = self.registry.get(&name).map(|known| (known.refresh.version.clone(), known.refresh.attempt));
        let registered = registered.filter(|(version, _)| is_of_login(version));
        let in_journal = contents.version_of(&name).filter(is_of_login).map(|version| (version, 0));
        let presented = contents.presented_of(&name, &restored.login_id);
        let known = registered.into_iter().chain(in_journal).chain(presented);
        let known = known.max_by_key(|(version, attempt)| (version.generation, *attempt));
        let Some((known, attempt)) = known else { return Ok(account) };
        let newest = contents.committed_of(&name).filter(|rotation| rotation.version == known);
        // Count a presentation that this process is making now. The registry does not count it yet.
        let in_flight = u32::from(self.single_flight.is_running(&name, &known));
        let written_back = newest.map(|rotation| RefreshEvent::Succeeded(rotation.clone()));
        let compared = RefreshEvent::Restored { known, attempt: attempt + in_flight };
        let mut account = account;
        for event in written_back.into_iter().chain([compared]) {
            account = self.advance(&definition, &event).await?.credential.unwrap_or(account);
        }
        Ok(account)
    }
}

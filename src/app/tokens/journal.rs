//! Replays the token journal at the start, and keeps the journal up to date.
//!
//! The replay commits tokens that an earlier process received but could not store. It also writes committed tokens back
//! to a restored database that lacks them.

use std::{collections::HashSet, sync::Arc, time::Duration};

use futures_util::{StreamExt, stream};

use super::Tokens;
use crate::{
    app::AppError,
    domain::{credential::SealedCredential, ids::AccountName, provider::ProviderDefinition, refresh::RefreshEvent},
    ports::{JournalRecord, PresentedToken, RecordState, StoreError},
};

/// How long the start waits for the replay. After that, the replay continues in the background.
const MAX_WAIT: Duration = Duration::from_secs(5);
/// Maximum number of records that are committed concurrently.
const MAX_CONCURRENT: usize = 8;

impl Tokens {
    /// Counts the unsaved refreshes and logins in the journal; None if it cannot be read.
    pub(in crate::app) async fn count_unsaved(&self) -> Option<usize> {
        // The committed records of registered versions are not read: there is one for each account.
        let records = self.journal.list_without(self.registry.versions()).await.ok()?;
        let unsaved = records.iter().filter(|record| record.state == RecordState::Unsaved).count();
        Some(unsaved + self.journal.logins().await.ok()?.len())
    }

    /// Commits the records of the journal that the database lacks. If the journal cannot be read, the gateway logs this
    /// and starts without it.
    pub(in crate::app) async fn replay_journal(self: &Arc<Self>) -> Result<(), AppError> {
        // Do not open committed records of registered versions. Their file names suffice.
        let registered = self.registry.versions();
        let records = match self.journal.list_without(registered.clone()).await {
            Ok(records) => records,
            Err(error) => {
                tracing::error!(error = %error, "the token journal cannot be read; the tokens in it are not lost");
                return Ok(());
            }
        };
        let contents = self.read_rest_of_journal(&records).await;
        if contents.has_ends() {
            self.end_returned_logins(&contents).await?;
        }
        let mut due = Vec::new();
        for record in records {
            let account = match self.store.load(&record.name).await {
                Err(StoreError::Unreadable(row)) => {
                    tracing::warn!(provider.name = %record.name, "a journal record has tokens of an account that cannot be read: {row}");
                    let definition =
                        row.provider_type.and_then(|stored| self.directory.definition_of(&record.name, stored));
                    let unsaved = definition.filter(|_| record.state == RecordState::Unsaved);
                    due.extend(unsaved.map(|definition| (definition, record)));
                    continue;
                }
                account => account?,
            };
            if let Some(definition) = self.replay_definition(&record, account.as_ref()) {
                due.push((definition, record));
            } else if let Some(account) = account.filter(|account| account.refresh.version != record.rotation.version) {
                // Another replica has stored another version.
                self.note_seen(&account).await;
            }
        }
        let mut known = self.known_versions().await;
        known.retain(|known| known.attempt > 0 || registered.get(&known.name) != Some(&known.version));
        let (tokens, (done, all_done)) = (Arc::clone(self), tokio::sync::oneshot::channel());
        self.tasks.start(async move {
            let replay = |(definition, record)| tokens.replay(definition, record);
            stream::iter(due).for_each_concurrent(MAX_CONCURRENT, replay).await;
            for known in known {
                let name = &known.name;
                if let Err(error) = tokens.compare_with(&known).await {
                    tracing::error!(provider.name = %name, error = %error, "an account cannot be compared with the token journal");
                }
            }
            tokens.mark_registered().await;
            // The receiver is gone if the start has stopped waiting.
            let _ = done.send(());
        });
        tokio::select! {
            _ = all_done => {}
            () = self.clock.sleep(MAX_WAIT) => tracing::warn!("the replay of the token journal continues in the background"),
        }
        Ok(())
    }

    /// Commits the unsaved records of accounts whose rows could not be read when their new tokens arrived. Waits for at
    /// most [`MAX_WAIT`]; the replay then continues in the background.
    pub(super) async fn replay_records_of(self: &Arc<Self>, names: HashSet<AccountName>) {
        let tokens = Arc::clone(self);
        let (done, all_done) = tokio::sync::oneshot::channel();
        self.tasks.start(async move {
            let records = tokens.journal.list_without(tokens.registry.versions()).await.unwrap_or_default();
            let unsaved = records
                .into_iter()
                .filter(|record| record.state == RecordState::Unsaved && names.contains(&record.name));
            for record in unsaved {
                let Ok(account) = tokens.store.load(&record.name).await else { continue };
                if let Some(definition) = tokens.replay_definition(&record, account.as_ref()) {
                    tokens.replay(definition, record).await;
                }
            }
            let _ = done.send(());
        });
        tokio::select! {
            _ = all_done => {}
            () = self.clock.sleep(MAX_WAIT) => {}
        }
    }

    /// Returns the account's definition if the record must be replayed.
    fn replay_definition(
        &self,
        record: &JournalRecord,
        account: Option<&SealedCredential>,
    ) -> Option<ProviderDefinition> {
        let version = &record.rotation.version;
        match (record.state, account) {
            // The account was removed. The replay revokes the tokens at the provider that is configured for the name.
            (RecordState::Unsaved, None) => self.directory.catalog.get(&record.name).cloned(),
            // The account was removed after its tokens were committed. Do not bring it back.
            (RecordState::Committed, None) => None,
            (RecordState::Committed, Some(account))
                if *account.login_id() != version.login_id || account.generation() >= version.generation =>
            {
                None
            }
            (_, Some(account)) => self.directory.definition_of(&record.name, account.provider_type),
        }
    }

    async fn replay(&self, definition: ProviderDefinition, mut record: JournalRecord) {
        let (name, version) = (&record.name, record.rotation.version.clone());
        match record.state {
            RecordState::Unsaved => tracing::info!(provider.name = %name, "tokens found in the journal"),
            RecordState::Committed => tracing::warn!(provider.name = %name, version = %version,
                "the database is older than the token journal, so a backup was restored; the newest tokens are written back"),
        }
        match self.vault.reseal_rotation(name, definition.provider_type, &record.rotation) {
            Ok(Some(rotation)) => record.rotation = rotation,
            Ok(None) => {}
            Err(error) => {
                tracing::error!(provider.name = %name, error = %error, "a journal record does not open; it stays");
                return;
            }
        }
        self.commit(&definition, record, true).await;
    }

    /// Marks a record as committed if the store has its tokens (`is_stored`). Otherwise deletes it if it is unsaved.
    pub(super) async fn settle_record(&self, record: &JournalRecord, is_stored: bool) {
        let settled = match record.state {
            _ if is_stored => self.journal.confirm(record).await,
            RecordState::Unsaved => self.journal.remove(&record.name, &record.rotation.version).await,
            // The account has newer tokens, whose record replaces this one.
            RecordState::Committed => Ok(()),
        };
        if let Err(error) = settled {
            tracing::warn!(provider.name = %record.name, error = %error, "the token journal is out of date");
        }
    }

    /// Returns the versions that the journal names without their tokens, and how often each was presented.
    async fn known_versions(&self) -> Vec<PresentedToken> {
        let marks = self.journal.marks().await.unwrap_or_default();
        let marks = marks.into_iter().map(|(name, version)| PresentedToken { name, version, attempt: 0 });
        marks.chain(self.journal.presented().await.unwrap_or_default()).collect()
    }

    /// Puts an account in doubt if the journal has a later generation, or more presentations, than the database.
    async fn compare_with(&self, known: &PresentedToken) -> Result<(), AppError> {
        let PresentedToken { name, version, attempt } = known;
        let Some(account) = self.store.load(name).await? else { return Ok(()) };
        let (row, is_same_login) = (&account.refresh, *account.login_id() == version.login_id);
        let is_older = is_same_login
            && (row.version.generation, row.attempt) < (version.generation, *attempt)
            && !row.is_restored();
        let definition = self.directory.definition_of(name, account.provider_type);
        if let Some(definition) = definition.filter(|_| is_older) {
            tracing::warn!(provider.name = %name, version = %version,
                "the database is older than the token journal, so a backup was restored; the newest tokens are unknown");
            let restored = RefreshEvent::Restored { known: version.clone(), attempt: *attempt };
            let compared = self.advance(&definition, &restored).await?;
            self.register_or_unregister(name, account.login_id(), compared.credential);
        }
        Ok(())
    }

    /// Records a presentation in the journal, unless the token is reusable. Only logs a failure.
    pub(super) async fn note_presentation(&self, account: &SealedCredential) {
        self.note_attempts(account, account.refresh.attempt).await;
    }

    /// Removes the last presentation from the journal, because the token was not consumed. Must run before the row
    /// drops the presentation, so that only a restored row has fewer presentations than the journal.
    pub(super) async fn take_back_presentation(&self, account: &SealedCredential) {
        self.note_attempts(account, account.refresh.attempt.saturating_sub(1)).await;
    }

    async fn note_attempts(&self, account: &SealedCredential, attempt: u32) {
        if account.is_reusable() {
            return;
        }
        let (name, version) = (account.name.clone(), account.refresh.version.clone());
        let noted = self.journal.note_presented(&PresentedToken { name, version, attempt }).await;
        if let Err(error) = noted {
            tracing::warn!(provider.name = %account.name, error = %error, "the token journal is out of date");
        }
    }

    /// Writes the tokens of a saved login to the journal, as committed.
    pub(super) async fn keep_login(&self, account: &SealedCredential) {
        let (name, rotation) = (account.name.clone(), account.rotation());
        let record = JournalRecord { name, rotation, state: RecordState::Committed };
        self.settle_record(&record, true).await;
    }

    /// Whether this gateway has presented an account's token more often than its row says. Then a replica that does not
    /// know of the presentation has written the token back, after an older copy of the database was restored.
    pub(super) async fn has_presented_more(&self, account: &SealedCredential) -> bool {
        let presented = self.journal.presented().await.unwrap_or_default();
        let refresh = &account.refresh;
        presented.iter().any(|token| {
            token.name == account.name && token.version == refresh.version && token.attempt > refresh.attempt
        })
    }

    /// Records in the journal the registered versions, which other replicas may have stored while this one read no
    /// events.
    pub(in crate::app) async fn mark_registered(&self) {
        if let Err(error) = self.journal.mark_all(self.registry.versions()).await {
            tracing::warn!(error = %error, "the token journal is out of date");
        }
    }

    /// Records in the journal the version that another replica has stored. Returns false if the journal has a later
    /// version of the login, because an older copy of the database was restored.
    pub(super) async fn note_seen(&self, account: &SealedCredential) -> bool {
        let noted = self.journal.mark(&account.name, &account.refresh.version).await;
        noted.unwrap_or_else(|error| {
            tracing::warn!(provider.name = %account.name, error = %error, "the token journal is out of date");
            true
        })
    }
}

//! Hands out access tokens from memory. Without a fault, presents a single-use refresh token at most once across all
//! replicas; no other service presents one. Writes received tokens to the token journal before it calls the store.
//!
//! `schedule`, `source`, `refused` or the owner starts a refresh. `run` joins concurrent callers and takes a slot.
//! `refresh` presents the token under a lease and commits the response. The rules are in [`crate::domain::refresh`].

mod breaker;
mod ended;
mod feedback;
mod followed;
mod journal;
mod late;
mod login_tokens;
mod lookup;
mod present;
mod refresh;
mod refused;
mod registry;
mod restore;
mod revoke;
mod run;
mod save;
mod schedule;
mod session;
mod single_flight;
mod slots;
mod source;
mod vault;

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

pub use registry::{ProviderRegistration, ProviderRegistry};
pub use revoke::Revocation;
pub use save::Connected;
pub use vault::{Vault, VaultError};

use super::{
    AppError, AppSettings, Ports, Tasks,
    directory::{Directory, StoredAccount},
    events::Events,
    random_bytes,
};
use crate::{
    domain::{
        credential::SealedCredential,
        history::Revision,
        ids::{AccountName, LoginId},
        provider::ProviderDefinition,
        refresh::TokenVersion,
        secret::AccessToken,
        time::Timestamp,
        unreadable::{UnreadableAccount, UnreadableRow},
    },
    ports::{
        Clock, LoginStore, OAuthEndpoint, Random, RandomError, RevocationQueue, SessionEndpoint, StoreTrouble,
        TokenJournal, TokenStore,
    },
};
use breaker::Breakers;
use feedback::Feedback;
use followed::FollowedLogins;
use late::LateCalls;
use lookup::Lookups;
use refused::RefusedTokens;
pub(super) use refused::Unauthorized;
use schedule::RefreshSchedule;
pub(super) use session::CookieOutcome;
pub(super) use single_flight::RefreshOutcome;
use single_flight::SingleFlight;
use slots::RefreshSlots;

/// How long a failure of the store counts after the last refresh that met it. The schedule repeats a failed refresh more
/// often, but nothing repeats one that its owner requested.
const STORE_TROUBLE_LASTS: Duration = Duration::from_secs(60);

pub struct Tokens {
    store: Arc<dyn TokenStore>,
    logins: Arc<dyn LoginStore>,
    journal: Arc<dyn TokenJournal>,
    revocations: Arc<dyn RevocationQueue>,
    oauth: Arc<dyn OAuthEndpoint>,
    sessions: Arc<dyn SessionEndpoint>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    vault: Vault,
    directory: Directory,
    events: Events,
    registry: ProviderRegistry,
    single_flight: SingleFlight,
    late_calls: LateCalls,
    lookups: Lookups,
    breakers: Breakers,
    refused: RefusedTokens,
    feedback: Feedback,
    /// Why the store failed during the last refresh, and when, since boot; None if it did not.
    store_trouble: Mutex<Option<(StoreTrouble, Duration)>>,
    followed: FollowedLogins,
    schedule: RefreshSchedule,
    slots: RefreshSlots,
    proactive: bool,
    /// Number of accounts whose access tokens stay in memory after the start has checked them.
    tokens_in_memory: usize,
    tasks: Tasks,
}

impl Tokens {
    pub(super) fn new(ports: &Ports, settings: &AppSettings, directory: &Directory, tasks: &Tasks) -> Self {
        Self {
            store: Arc::clone(&ports.credentials),
            logins: Arc::clone(&ports.logins),
            journal: Arc::clone(&ports.journal),
            revocations: Arc::clone(&ports.revocations),
            oauth: Arc::clone(&ports.oauth),
            sessions: Arc::clone(&ports.sessions),
            clock: Arc::clone(&ports.clock),
            random: Arc::clone(&ports.random),
            vault: Vault::new(Arc::clone(&ports.cipher)),
            directory: directory.clone(),
            events: Events::new(ports, tasks),
            registry: ProviderRegistry::default(),
            single_flight: SingleFlight::default(),
            late_calls: LateCalls::default(),
            lookups: Lookups::default(),
            breakers: Breakers::default(),
            refused: RefusedTokens::default(),
            feedback: Feedback::default(),
            store_trouble: Mutex::default(),
            followed: FollowedLogins::default(),
            schedule: RefreshSchedule::default(),
            slots: RefreshSlots::default(),
            proactive: settings.proactive,
            tokens_in_memory: settings.tokens_in_memory,
            tasks: tasks.clone(),
        }
    }

    pub fn registry(&self) -> &ProviderRegistry {
        &self.registry
    }

    /// Registers every stored account, and quarantines those that are unreadable.
    pub(super) async fn register_all(&self) -> Result<(), AppError> {
        let mut after = None;
        self.followed.reset(std::iter::empty());
        let mut count = 0;
        loop {
            let (stored, last) = self.directory.page_after(after.as_deref()).await?;
            self.followed.add(readable(&stored));
            for account in stored {
                count += 1;
                match account {
                    StoredAccount::Readable(account) if count > self.tokens_in_memory => {
                        self.register_unloaded(&account)
                    }
                    account @ (StoredAccount::Readable(_) | StoredAccount::Unreadable(_)) => {
                        self.register_or_quarantine(account)
                    }
                }
            }
            if last.is_none() {
                return Ok(());
            }
            after = last;
        }
    }

    /// Registers or quarantines an account that was read from the store.
    pub(super) fn register_or_quarantine(&self, account: StoredAccount) {
        match account {
            StoredAccount::Readable(credential) => self.register(&credential),
            StoredAccount::Unreadable(account) => self.quarantine(account),
        }
    }

    /// Registers an account as stored, and schedules its next refresh.
    pub(super) fn register(&self, credential: &SealedCredential) {
        self.cancel_late_call_for_other_replica(credential);
        match self.registration_of(credential) {
            Ok(Some(account)) => self.register_as(credential, account),
            Ok(None) => {}
            Err(row) => self.quarantine(UnreadableAccount { name: credential.name.clone(), row }),
        }
    }

    /// Registers an account without its access token, which is opened again on the first use. The tokens of very many
    /// accounts, most of them unused, would fill the memory.
    fn register_unloaded(&self, credential: &SealedCredential) {
        if let Some(account) = self.registration_with(credential, AccessToken::new("")) {
            self.register_as(credential, ProviderRegistration { is_unloaded: true, ..account });
        }
    }

    fn register_as(&self, credential: &SealedCredential, account: ProviderRegistration) {
        let name = &credential.name;
        // Schedule only newer snapshots; older ones are already scheduled or in flight.
        let is_newer = self.registry.get(name).is_none_or(|known| known.revision < account.revision);
        let definition = Arc::clone(&account.definition);
        self.registry.register(name, account);
        if is_newer {
            self.schedule_refresh(&definition, credential);
        }
    }

    /// Takes an account out of use until its row is readable. No other account is affected.
    pub(in crate::app) fn quarantine(&self, account: UnreadableAccount) {
        let (name, row) = (account.name.clone(), account.row.clone());
        if self.registry.quarantine(account) {
            tracing::error!(provider.name = %name, table = row.table, row = row.row,
                "an account cannot be read and cannot be used: {row}; to use it again, {}", row.remedy());
        }
    }

    /// Reads an account again if it is quarantined, because its row may have been repaired or restored. Returns whether
    /// it was quarantined.
    ///
    /// # Errors
    /// [`AppError::Store`].
    pub(in crate::app) async fn end_quarantine(self: &Arc<Self>, name: &AccountName) -> Result<bool, AppError> {
        let is_quarantined = self.registry.unreadable(name).is_some();
        if is_quarantined {
            self.read(name).await?;
        }
        Ok(is_quarantined)
    }

    fn schedule_refresh(&self, definition: &ProviderDefinition, credential: &SealedCredential) {
        if !self.proactive {
            return;
        }
        if let Some(at) = self.next_attempt(definition, &credential.refresh, self.now()) {
            self.schedule.put(at, &credential.name);
        }
    }

    /// Opens an account's access token and returns the registration; None if the account has no provider definition.
    fn registration_of(&self, credential: &SealedCredential) -> Result<Option<ProviderRegistration>, UnreadableRow> {
        Ok(self.registration_with(credential, self.vault.check(credential)?))
    }

    fn registration_with(
        &self,
        credential: &SealedCredential,
        access_token: AccessToken,
    ) -> Option<ProviderRegistration> {
        let definition = Arc::new(self.directory.definition_of(&credential.name, credential.provider_type)?);
        Some(ProviderRegistration {
            enabled: credential.enabled,
            auth_method: credential.metadata.auth_method,
            refresh: credential.refresh.clone(),
            revision: credential.revision,
            access_token,
            is_unloaded: false,
            account: credential.metadata.account.clone(),
            served_until: credential.refresh.served_until(&definition.refresh),
            definition,
        })
    }

    /// Reloads an account from the store. If nothing is stored, unregisters the login `login_id`, and an earlier one
    /// with a revision of at most `last`.
    pub(super) async fn reload(
        self: &Arc<Self>,
        name: &AccountName,
        login_id: &LoginId,
        last: Revision,
    ) -> Result<(), AppError> {
        if !self.read(name).await? {
            self.registry.unregister(name, login_id, last);
        }
        Ok(())
    }

    /// Reads an account, and registers or quarantines it. Returns whether it is stored.
    async fn read(self: &Arc<Self>, name: &AccountName) -> Result<bool, AppError> {
        if self.registry.unreadable(name).is_some() {
            // New tokens may have arrived while the row could not be read.
            self.replay_records_of(HashSet::from([name.clone()])).await;
        }
        self.read_stored(name).await
    }

    /// Does the work of [`Tokens::read`], without the unsaved tokens in the journal.
    async fn read_stored(self: &Arc<Self>, name: &AccountName) -> Result<bool, AppError> {
        let stored = self.directory.find(name).await?;
        if let Some(StoredAccount::Readable(account)) = &stored {
            let known = self.registry.get(name);
            let known = known.map(|known| known.refresh.version.clone());
            let is_new = known.as_ref() != Some(&account.refresh.version);
            let is_other_login = known.as_ref().is_none_or(|known| known.login_id != *account.login_id());
            let is_older = known.is_some_and(|known| known.is_later_than(&account.refresh.version));
            // Another replica that has not seen the end may have written an ended login back.
            let has_returned = is_other_login && self.has_ended(account.login_id()).await;
            let is_restored = is_older || has_returned || self.has_presented_more(account).await;
            if is_new && (is_restored || !self.note_seen(account).await) {
                self.repair_restored_account((**account).clone(), &self.read_journal().await).await?;
                return Ok(true);
            }
        }
        Ok(stored.map(|account| self.register_or_quarantine(account)).is_some())
    }

    /// Reads an account again if its row has an earlier generation than this gateway knows, because an older copy of the
    /// database was restored a moment ago. Returns whether it did.
    ///
    /// # Errors
    /// [`AppError::Store`].
    pub(in crate::app) async fn repair_if_older(self: &Arc<Self>, row: &SealedCredential) -> Result<bool, AppError> {
        let known = self.registry.get(&row.name);
        let is_older = known.is_some_and(|known| known.refresh.version.is_later_than(&row.refresh.version));
        Ok(is_older && self.read(&row.name).await?)
    }

    /// Reads the quarantined accounts again, because their key may have been added or their rows restored.
    pub(in crate::app) async fn retry_unreadable(self: &Arc<Self>) -> Result<(), AppError> {
        let names = self.registry.unreadable_names();
        if names.is_empty() {
            return Ok(());
        }
        self.replay_records_of(names.iter().cloned().collect()).await;
        for name in names {
            if !self.read_stored(&name).await? {
                self.registry.reset(&name, None);
            }
        }
        Ok(())
    }

    /// Registers all stored accounts, and unregisters those that are no longer stored.
    pub(in crate::app) async fn compare_all(&self) -> Result<(), AppError> {
        let before: Vec<_> = self.registry.names().into_iter().filter_map(|name| self.registry.get(&name)).collect();
        let stored = self.directory.all().await?;
        let names: HashSet<_> = stored.iter().map(|account| account.name().clone()).collect();
        for gone in before.iter().filter(|known| !names.contains(&known.definition.name)) {
            self.registry.unregister(&gone.definition.name, &gone.refresh.version.login_id, gone.revision);
        }
        self.followed.reset(readable(&stored));
        stored.into_iter().for_each(|account| self.register_or_quarantine(account));
        Ok(())
    }

    /// Registers an account as a step has stored it, or unregisters the login if the step has removed it.
    fn register_or_unregister(&self, name: &AccountName, login_id: &LoginId, stored: Option<SealedCredential>) {
        match stored {
            Some(credential) => self.register(&credential),
            // This gateway has yet to read the event of the removal, which ends an earlier login too.
            None => self.registry.unregister(name, login_id, Revision::default()),
        }
    }

    /// Whether the provider named the access token of this version as expired, invalidated or revoked.
    pub(super) fn is_access_dead(&self, name: &AccountName, version: &TokenVersion) -> bool {
        self.refused.is_dead(name, version)
    }

    /// Whether the provider refused the account, or ended its access token before the expiry.
    pub(super) fn is_refused(&self, name: &AccountName, version: &TokenVersion) -> bool {
        self.is_access_dead(name, version) || self.feedback(name, &version.login_id).refusal().is_some()
    }

    /// Returns why the store failed during the last refresh; None if it did not, or if that is too long ago.
    pub(super) fn store_trouble(&self) -> Option<StoreTrouble> {
        let noted = *self.store_trouble.lock().unwrap_or_else(PoisonError::into_inner);
        let (trouble, at) = noted?;
        (self.clock.since_boot().saturating_sub(at) < STORE_TROUBLE_LASTS).then_some(trouble)
    }

    /// Whether the access token of any registered account is usable without the database.
    pub(super) fn has_usable(&self) -> bool {
        let now = self.now();
        self.registry.any(|account| !account.is_unloaded && account.is_usable(now))
    }

    fn note_store_trouble(&self, trouble: Option<StoreTrouble>) {
        let noted = trouble.map(|trouble| (trouble, self.clock.since_boot()));
        *self.store_trouble.lock().unwrap_or_else(PoisonError::into_inner) = noted;
    }

    fn random_bytes<const N: usize>(&self) -> Result<[u8; N], RandomError> {
        random_bytes(self.random.as_ref())
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

fn readable(stored: &[StoredAccount]) -> impl Iterator<Item = &SealedCredential> {
    stored.iter().filter_map(|account| match account {
        StoredAccount::Readable(account) => Some(account.as_ref()),
        StoredAccount::Unreadable(_) => None,
    })
}

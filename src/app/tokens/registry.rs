//! The provider registry: the connected accounts with their access tokens, in memory, for every request to a provider.
//!
//! A lookup takes no lock and copies nothing. A change copies the map of one shard, which is small even with very many
//! accounts. Registrations may arrive in any order. One that is older than the registered one, or that belongs to
//! the login that was unregistered last, is ignored.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use arc_swap::ArcSwap;
use tokio::sync::watch;

use crate::domain::{
    account::AccountLabels,
    history::Revision,
    ids::{AccountName, LoginId},
    provider::{AuthMethod, ProviderDefinition},
    refresh::{RefreshState, TokenVersion},
    secret::AccessToken,
    time::Timestamp,
    unreadable::UnreadableAccount,
};

/// A snapshot of a connected account.
#[derive(Debug, Clone)]
pub struct ProviderRegistration {
    /// The account's provider, as configured.
    pub definition: Arc<ProviderDefinition>,
    pub enabled: bool,
    /// How the account was connected, which decides how it is refreshed.
    pub auth_method: AuthMethod,
    pub refresh: RefreshState,
    pub revision: Revision,
    pub access_token: AccessToken,
    /// Whether `access_token` is still empty. It is then opened on the account's first use.
    pub is_unloaded: bool,
    /// The account's user and workspace. ChatGPT's backend requires the workspace id beside the token.
    pub account: AccountLabels,
    /// Until when requests may use the access token; None if there is no limit.
    pub served_until: Option<Timestamp>,
}

impl ProviderRegistration {
    /// Whether a request may use the access token at `now`.
    pub fn is_usable(&self, now: Timestamp) -> bool {
        self.enabled && self.definition.enabled && self.served_until.is_none_or(|until| now < until)
    }
}

#[derive(Debug, Clone, Default)]
struct Entry {
    registration: Option<Arc<ProviderRegistration>>,
    /// Set, with no `registration`, if the account's row is unreadable.
    unreadable: Option<Arc<UnreadableAccount>>,
    /// The login that was unregistered last. It is not registered again.
    ended: Option<LoginId>,
}

/// Number of shards. With 100,000 accounts, each has about a hundred.
const SHARDS: usize = 1_024;

type Shard = ArcSwap<HashMap<AccountName, Entry>>;

#[derive(Debug)]
pub struct ProviderRegistry {
    /// The accounts, by the hash of their names.
    shards: Box<[Shard]>,
    /// The newest revision that was registered.
    newest: AtomicI64,
    changes: watch::Sender<()>,
}

impl Default for ProviderRegistry {
    fn default() -> Self {
        let shards = (0..SHARDS).map(|_| Shard::default()).collect();
        Self { shards, newest: AtomicI64::default(), changes: watch::Sender::new(()) }
    }
}

impl ProviderRegistry {
    pub fn get(&self, name: &AccountName) -> Option<Arc<ProviderRegistration>> {
        self.shard(name)?.load().get(name)?.registration.clone()
    }

    pub fn names(&self) -> Vec<AccountName> {
        self.names_where(|entry| entry.registration.is_some())
    }

    /// Returns the version of each account.
    pub(super) fn versions(&self) -> HashMap<AccountName, TokenVersion> {
        let mut versions = HashMap::new();
        for shard in &self.shards {
            let shard = shard.load();
            let accounts = shard.iter().filter_map(|(name, entry)| Some((name, entry.registration.as_ref()?)));
            versions.extend(accounts.map(|(name, known)| (name.clone(), known.refresh.version.clone())));
        }
        versions
    }

    /// Whether the condition holds for any connected account.
    pub(super) fn any(&self, holds: impl Fn(&ProviderRegistration) -> bool) -> bool {
        let holds_for = |entry: &Entry| entry.registration.as_deref().is_some_and(&holds);
        self.shards.iter().any(|shard| shard.load().values().any(holds_for))
    }

    fn names_where(&self, holds: impl Fn(&Entry) -> bool) -> Vec<AccountName> {
        let mut names = Vec::new();
        for shard in &self.shards {
            names.extend(shard.load().iter().filter(|(_, entry)| holds(entry)).map(|(name, _)| name.clone()));
        }
        names
    }

    /// Returns the shard of a name, by its FNV-1a hash. The owner chooses the names, so the hash needs no secret seed.
    fn shard(&self, name: &AccountName) -> Option<&Shard> {
        let mix = |hash: u32, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
        let hash = name.as_str().bytes().fold(0x811c_9dc5, mix);
        self.shards.get(hash as usize % SHARDS)
    }

    /// Returns why an account is quarantined, if it is.
    pub fn unreadable(&self, name: &AccountName) -> Option<Arc<UnreadableAccount>> {
        self.shard(name)?.load().get(name)?.unreadable.clone()
    }

    /// Returns the names of the quarantined accounts.
    pub fn unreadable_names(&self) -> Vec<AccountName> {
        self.names_where(|entry| entry.unreadable.is_some())
    }

    /// Unregisters an account whose row is unreadable, until its row is readable again. Returns false if the account
    /// was already quarantined for the same reason.
    pub(super) fn quarantine(&self, account: UnreadableAccount) -> bool {
        let account = Arc::new(account);
        if self.unreadable(&account.name).is_some_and(|known| known == account) {
            return false;
        }
        self.change(&account.name, |entry| {
            (entry.registration, entry.unreadable) = (None, Some(Arc::clone(&account)));
        });
        true
    }

    /// Returns the names of other accounts with the same user and workspace.
    pub fn other_names(&self, name: &AccountName) -> Vec<AccountName> {
        let Some(known) = self.get(name) else { return Vec::new() };
        let is_same = |other: &ProviderRegistration| {
            other.definition.provider_type == known.definition.provider_type && other.account.is_same_as(&known.account)
        };
        let mut names = self.names_where(|entry| entry.registration.as_deref().is_some_and(is_same));
        names.retain(|other| other != name);
        names.sort_by(|one, other| one.as_str().cmp(other.as_str()));
        names
    }

    /// Returns the [`ProviderRegistry::other_names`] of all accounts that have some, in one search. A search for each
    /// account would take minutes with 100,000 accounts.
    pub fn all_other_names(&self) -> HashMap<AccountName, Vec<AccountName>> {
        let accounts: Vec<_> = self.names().into_iter().filter_map(|name| Some((self.get(&name)?, name))).collect();
        let mut by_identity: HashMap<_, Vec<&AccountName>> = HashMap::new();
        for (account, name) in &accounts {
            if let Some(identity) = account.account.identity() {
                by_identity.entry((account.definition.provider_type, identity)).or_default().push(name);
            }
        }
        let mut others = HashMap::new();
        for names in by_identity.into_values().filter(|names| names.len() > 1) {
            for name in &names {
                let mut rest: Vec<_> = names.iter().filter(|other| *other != name).copied().cloned().collect();
                rest.sort_by(|one, other| one.as_str().cmp(other.as_str()));
                others.insert((*name).clone(), rest);
            }
        }
        others
    }

    /// Registers an account, unless `registration` is out of date.
    pub fn register(&self, name: &AccountName, registration: ProviderRegistration) {
        let registration = Arc::new(registration);
        self.newest.fetch_max(registration.revision.0, Ordering::Relaxed);
        self.change(name, |entry| {
            let is_outdated = entry.ended.as_ref() == Some(&registration.refresh.version.login_id)
                || entry.registration.as_ref().is_some_and(|known| known.revision > registration.revision);
            if !is_outdated {
                (entry.registration, entry.unreadable) = (Some(Arc::clone(&registration)), None);
            }
        });
    }

    /// Returns the newest revision that was registered. If the history lacks it, an older copy of the database was
    /// restored.
    pub(in crate::app) fn newest_revision(&self) -> Revision {
        Revision(self.newest.load(Ordering::Relaxed))
    }

    /// Resets the newest revision, after an older copy of the database was restored.
    pub(super) fn forget_revisions(&self) {
        self.newest.store(0, Ordering::Relaxed);
    }

    /// Registers an account as a restored database has it, even if that is older. None removes the account.
    pub(super) fn reset(&self, name: &AccountName, registration: Option<ProviderRegistration>) {
        let registration = registration.map(Arc::new);
        self.change(name, |entry| *entry = Entry { registration: registration.clone(), ..Entry::default() });
    }

    /// Unregisters a login. It is not registered again. Also unregisters an earlier login, with a revision of at most
    /// `last`: another replica may have replaced it since the last poll.
    pub fn unregister(&self, name: &AccountName, login_id: &LoginId, last: Revision) {
        self.change(name, |entry| {
            entry.registration = entry
                .registration
                .take()
                .filter(|known| known.refresh.version.login_id != *login_id && known.revision > last);
            (entry.unreadable, entry.ended) = (None, Some(login_id.clone()));
        });
    }

    /// Notifies subscribers of a change outside of the registry.
    pub(in crate::app) fn notify_changed(&self) {
        self.changes.send_replace(());
    }

    /// Returns a channel that is notified of every change.
    pub fn changes(&self) -> watch::Receiver<()> {
        self.changes.subscribe()
    }

    fn change(&self, name: &AccountName, change: impl Fn(&mut Entry)) {
        let Some(shard) = self.shard(name) else { return };
        shard.rcu(|entries| {
            let mut entries = HashMap::clone(entries);
            change(entries.entry(name.clone()).or_default());
            entries
        });
        self.notify_changed();
    }
}

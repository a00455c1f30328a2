//! An in-memory implementation of all store ports, under one lock, with injectable failures.

mod api_tokens;
mod audit;
mod changes;
mod credentials;
mod history;
mod keys;
mod logins;
mod requests;
mod responses;
mod revocations;

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard},
};

use goclaw::{
    domain::{
        api_token::SealedApiToken,
        audit::AuditEntry,
        credential::SealedCredential,
        history::{CredentialEvent, Revision},
        ids::AccountName,
        keys::{JournalUse, KeyCheck},
        login::SealedLogin,
        provider_settings::ProviderSettings,
        request_record::{UsageKey, UsageSums},
        response_memory::RememberedResponse,
        revocation::PendingRevocation,
        time::Timestamp,
        unreadable::UnreadableRow,
    },
    ports::{NumberedRecord, StoreError, StoreTrouble, StoredFeedback},
};
use serde_json::Value;
use tokio::sync::watch;

/// A copy of a store's contents.
#[derive(Clone)]
pub(crate) struct StoreCopy(Tables);

pub(crate) struct MemoryStore {
    tables: Mutex<Tables>,
    /// While true, `save_login` waits.
    saves_blocked: watch::Sender<bool>,
}

#[derive(Default, Clone)]
struct Tables {
    credentials: BTreeMap<AccountName, SealedCredential>,
    /// The accounts whose rows are damaged.
    unreadable: BTreeMap<AccountName, UnreadableRow>,
    /// Those among them whose version is damaged.
    without_version: BTreeMap<AccountName, SealedCredential>,
    logins: Vec<SealedLogin>,
    events: Vec<CredentialEvent>,
    /// The revisions of the events whose rows are damaged.
    unreadable_events: Vec<Revision>,
    /// Each with the time of its next attempt.
    revocations: Vec<(PendingRevocation, Timestamp)>,
    api_tokens: Vec<SealedApiToken>,
    responses: Vec<RememberedResponse>,
    requests: Vec<NumberedRecord>,
    usage: BTreeMap<UsageKey, UsageSums>,
    key_checks: Vec<KeyCheck>,
    journals: Vec<JournalUse>,
    audit: Vec<AuditEntry>,
    feedback: BTreeMap<AccountName, StoredFeedback>,
    last_revision: i64,
    failing: Failing,
}

#[derive(Default, Clone)]
enum Failing {
    #[default]
    Nothing,
    Next(usize),
    /// Every call of this operation.
    Only(&'static str),
    /// Every call after the next one of this operation.
    After(&'static str),
    Everything,
}

impl MemoryStore {
    pub(crate) fn new() -> Self {
        Self { tables: Mutex::default(), saves_blocked: watch::Sender::new(false) }
    }

    pub(crate) fn fail_next(&self, calls: usize) {
        self.tables().failing = Failing::Next(calls);
    }

    /// Makes all calls of one operation fail until [`MemoryStore::repair`].
    pub(crate) fn fail_to(&self, doing: &'static str) {
        self.tables().failing = Failing::Only(doing);
    }

    /// Makes all calls after the next one of this operation fail until [`MemoryStore::repair`].
    pub(crate) fn fail_after(&self, doing: &'static str) {
        self.tables().failing = Failing::After(doing);
    }

    /// Makes all calls fail until [`MemoryStore::repair`].
    pub(crate) fn fail_all(&self) {
        self.tables().failing = Failing::Everything;
    }

    pub(crate) fn repair(&self) {
        self.tables().failing = Failing::Nothing;
    }

    pub(crate) fn block_saves(&self) {
        self.saves_blocked.send_replace(true);
    }

    pub(crate) fn unblock_saves(&self) {
        self.saves_blocked.send_replace(false);
    }

    pub(crate) fn contents(&self) -> (Vec<SealedCredential>, Vec<SealedLogin>) {
        let tables = self.tables();
        (tables.credentials.values().cloned().collect(), tables.logins.clone())
    }

    /// Counts the queued revocations.
    pub(crate) fn revocations(&self) -> usize {
        self.tables().revocations.len()
    }

    pub(crate) fn copy(&self) -> StoreCopy {
        StoreCopy(self.tables().clone())
    }

    /// Replaces the contents, as an operator does who restores a backup.
    pub(crate) fn restore(&self, StoreCopy(copy): StoreCopy) {
        *self.tables() = copy;
    }

    /// Stores an account without an event, as a restored backup does.
    pub(crate) fn put(&self, account: SealedCredential) {
        self.tables().credentials.insert(account.name.clone(), account);
    }

    /// Deletes all key checks, as a person with write access to the database can.
    pub(crate) fn delete_key_checks(&self) {
        self.tables().key_checks.clear();
    }

    /// Deletes the audit log, as a person with write access to the database can.
    pub(crate) fn delete_audit_log(&self) {
        self.tables().audit.clear();
    }

    /// Deletes the marks of all API tokens.
    pub(crate) fn delete_marks(&self) {
        self.tables().api_tokens.iter_mut().for_each(|stored| stored.mark = None);
    }

    /// Makes an account's row unreadable.
    pub(crate) fn damage(&self, name: &AccountName) {
        let mut tables = self.tables();
        let provider_type = tables.credentials.get(name).map(|account| account.provider_type);
        let (row, reason) = (name.to_string(), "it is damaged".to_owned());
        let (table, column, lacks_key) = ("llm_providers", "state", false);
        let row = UnreadableRow { table, column, row, reason, lacks_key, provider_type };
        tables.unreadable.insert(name.clone(), row);
    }

    /// Makes an account's row unreadable, with the version of its tokens. So new tokens do not repair it.
    pub(crate) fn damage_version(&self, name: &AccountName) {
        self.damage(name);
        let mut tables = self.tables();
        let hidden = tables.credentials.remove(name);
        tables.without_version.extend(hidden.map(|account| (name.clone(), account)));
    }

    /// Undoes [`MemoryStore::damage`] and [`MemoryStore::damage_version`].
    pub(crate) fn undo_damage(&self, name: &AccountName) {
        let mut tables = self.tables();
        tables.unreadable.remove(name);
        let hidden = tables.without_version.remove(name);
        tables.credentials.extend(hidden.map(|account| (name.clone(), account)));
    }

    /// Makes the rows of an account's events unreadable.
    pub(crate) fn damage_events(&self, name: &AccountName) {
        let mut tables = self.tables();
        let damaged: Vec<_> =
            tables.events.iter().filter(|event| event.name == *name).map(|event| event.revision).collect();
        tables.unreadable_events.extend(damaged);
    }

    /// Adds a member that the gateway does not use to an account's settings.
    pub(crate) fn plant_setting(&self, name: &AccountName, member: &str, value: Value) {
        let mut tables = self.tables();
        let account = tables.credentials.get_mut(name).expect("an account");
        let mut settings = account.settings.clone().into_json();
        settings[member] = value;
        account.settings = ProviderSettings::from_json(settings).expect("an object");
    }

    /// Returns the tables, or the injected failure. Yields first so that concurrent calls interleave.
    async fn tables_to(&self, doing: &'static str) -> Result<MutexGuard<'_, Tables>, StoreError> {
        tokio::task::yield_now().await;
        let mut tables = self.tables();
        let fails = match &mut tables.failing {
            Failing::Nothing | Failing::Next(0) => false,
            Failing::Next(calls) => {
                *calls -= 1;
                true
            }
            Failing::Only(what) => *what == doing,
            Failing::After(what) => {
                if *what == doing {
                    tables.failing = Failing::Everything;
                }
                false
            }
            Failing::Everything => true,
        };
        if fails {
            return Err(StoreError::Unavailable {
                doing,
                trouble: StoreTrouble::Unavailable,
                source: "injected failure".into(),
            });
        }
        Ok(tables)
    }

    fn tables(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().expect("no test panics while it holds the tables")
    }
}

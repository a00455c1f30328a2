//! A token journal in memory. A test can pass it to a restarted gateway.

use std::sync::{Mutex, MutexGuard};

use async_trait::async_trait;
use goclaw::{
    domain::{
        ids::{AccountName, LoginId},
        refresh::TokenVersion,
    },
    ports::{EndedLogin, JournalError, JournalRecord, LoginRecord, PresentedToken, RecordState, TokenJournal},
};

#[derive(Default)]
pub(crate) struct MemoryJournal {
    contents: Mutex<Contents>,
}

#[derive(Default)]
struct Contents {
    records: Vec<JournalRecord>,
    marks: Vec<(AccountName, TokenVersion)>,
    presented: Vec<PresentedToken>,
    ended: Vec<EndedLogin>,
    logins: Vec<LoginRecord>,
    /// Whether every write of a login fails, as on a full disk.
    is_full: bool,
}

impl MemoryJournal {
    pub(crate) fn contents(&self) -> Vec<JournalRecord> {
        self.lock().records.clone()
    }

    pub(crate) fn unsaved(&self) -> Vec<JournalRecord> {
        self.contents().into_iter().filter(|record| record.state == RecordState::Unsaved).collect()
    }

    pub(crate) fn unsaved_logins(&self) -> Vec<LoginRecord> {
        self.lock().logins.clone()
    }

    pub(crate) fn set_full(&self, is_full: bool) {
        self.lock().is_full = is_full;
    }

    fn lock(&self) -> MutexGuard<'_, Contents> {
        self.contents.lock().expect("no test panics while it holds the contents")
    }
}

impl Contents {
    /// Removes what a newly committed `version` replaces, and returns true. If a later generation of its login is
    /// stored, removes nothing and returns false.
    fn replace_older(&mut self, name: &AccountName, version: &TokenVersion) -> bool {
        let is_later =
            |stored: &TokenVersion| stored.login_id == version.login_id && stored.generation > version.generation;
        let is_committed = |record: &JournalRecord| record.name == *name && record.state == RecordState::Committed;
        let mut records = self.records.iter();
        if records.any(|record| is_committed(record) && is_later(&record.rotation.version))
            || self.marks.iter().any(|(account, mark)| account == name && is_later(mark))
        {
            return false;
        }
        self.records.retain(|record| !is_committed(record));
        self.forget_presented_before(name, version);
        self.marks.retain(|(account, _)| account != name);
        true
    }

    fn forget_presented_before(&mut self, name: &AccountName, version: &TokenVersion) {
        self.presented.retain(|token| {
            token.name != *name
                || token.version.login_id != version.login_id
                || token.version.generation >= version.generation
        });
    }
}

#[async_trait]
impl TokenJournal for MemoryJournal {
    fn place(&self) -> String {
        format!("memory:{:p}", std::ptr::from_ref(self))
    }

    async fn put(&self, record: &JournalRecord) -> Result<(), JournalError> {
        tokio::task::yield_now().await;
        // Readers see either the old or the new record, because the lock is held across both steps.
        let mut contents = self.lock();
        contents.records.retain(|other| other.name != record.name || other.rotation.version != record.rotation.version);
        contents.records.push(record.clone());
        Ok(())
    }

    async fn confirm(&self, record: &JournalRecord) -> Result<(), JournalError> {
        tokio::task::yield_now().await;
        let mut contents = self.lock();
        contents.records.retain(|other| {
            let is_same = other.name == record.name && other.rotation.version == record.rotation.version;
            !is_same || other.state == RecordState::Committed
        });
        if contents.replace_older(&record.name, &record.rotation.version) {
            contents.records.push(JournalRecord { state: RecordState::Committed, ..record.clone() });
        }
        Ok(())
    }

    async fn mark(&self, name: &AccountName, version: &TokenVersion) -> Result<bool, JournalError> {
        tokio::task::yield_now().await;
        let mut contents = self.lock();
        let is_stored = |record: &JournalRecord| {
            record.state == RecordState::Committed && record.name == *name && record.rotation.version == *version
        };
        if contents.records.iter().any(is_stored) {
            contents.forget_presented_before(name, version);
            return Ok(true);
        }
        if !contents.replace_older(name, version) {
            return Ok(false);
        }
        contents.marks.push((name.clone(), version.clone()));
        Ok(true)
    }

    async fn marks(&self) -> Result<Vec<(AccountName, TokenVersion)>, JournalError> {
        tokio::task::yield_now().await;
        Ok(self.lock().marks.clone())
    }

    async fn note_presented(&self, token: &PresentedToken) -> Result<(), JournalError> {
        tokio::task::yield_now().await;
        let PresentedToken { name, version, attempt } = token;
        let mut contents = self.lock();
        contents.forget_presented_before(name, &version.next());
        if *attempt > 0 {
            contents.presented.push(token.clone());
        }
        Ok(())
    }

    async fn presented(&self) -> Result<Vec<PresentedToken>, JournalError> {
        tokio::task::yield_now().await;
        Ok(self.lock().presented.clone())
    }

    async fn end(&self, ended: &EndedLogin) -> Result<(), JournalError> {
        tokio::task::yield_now().await;
        let EndedLogin { name, login_id, .. } = ended;
        let mut contents = self.lock();
        contents.records.retain(|record| {
            record.name != *name
                || record.rotation.version.login_id != *login_id
                || record.state == RecordState::Unsaved
        });
        contents.marks.retain(|(account, mark)| account != name || mark.login_id != *login_id);
        contents.presented.retain(|token| token.version.login_id != *login_id);
        contents.ended.retain(|other| other.login_id != *login_id);
        contents.ended.push(ended.clone());
        Ok(())
    }

    async fn ended(&self) -> Result<Vec<EndedLogin>, JournalError> {
        tokio::task::yield_now().await;
        Ok(self.lock().ended.clone())
    }

    async fn put_login(&self, record: &LoginRecord) -> Result<(), JournalError> {
        tokio::task::yield_now().await;
        let mut contents = self.lock();
        if contents.is_full {
            return Err(JournalError { doing: "write to", source: "the disk is full".into() });
        }
        contents.logins.retain(|other| other.login_id != record.login_id);
        contents.logins.push(record.clone());
        Ok(())
    }

    async fn logins(&self) -> Result<Vec<LoginRecord>, JournalError> {
        tokio::task::yield_now().await;
        Ok(self.unsaved_logins())
    }

    async fn remove_login(&self, name: &AccountName, login_id: &LoginId) -> Result<(), JournalError> {
        tokio::task::yield_now().await;
        self.lock().logins.retain(|other| other.name != *name || other.login_id != *login_id);
        Ok(())
    }

    async fn list(&self) -> Result<Vec<JournalRecord>, JournalError> {
        tokio::task::yield_now().await;
        Ok(self.contents())
    }

    async fn remove(&self, name: &AccountName, version: &TokenVersion) -> Result<(), JournalError> {
        tokio::task::yield_now().await;
        self.lock().records.retain(|record| record.name != *name || record.rotation.version != *version);
        Ok(())
    }
}

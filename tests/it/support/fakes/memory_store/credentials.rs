//! Accounts in memory.

use async_trait::async_trait;
use goclaw::{
    domain::{
        audit::{AuditAction, AuditEvent},
        credential::{NewSealedCredential, SealedCredential},
        history::{CredentialEvent, EventKind},
        ids::AccountName,
        provider_feedback::ANNOUNCEMENT_INTERVAL,
        refresh::{RefreshEvent, RefreshPolicy, Rotation, StepEvent, TokenVersion, step},
        revocation::RevocationOrder,
        time::Timestamp,
        unreadable::UnreadableAccount,
    },
    ports::{
        Advanced, Author, MoveRequest, ProfileChange, Removal, SaveOutcome, StoreError, StoredAccounts, StoredFeedback,
        TokenStore,
    },
};

use super::{MemoryStore, Tables};

#[async_trait]
impl TokenStore for MemoryStore {
    async fn load(&self, name: &AccountName) -> Result<Option<SealedCredential>, StoreError> {
        self.tables_to("load an account").await?.find(name)
    }

    async fn list(&self) -> Result<StoredAccounts, StoreError> {
        let tables = self.tables_to("list the accounts").await?;
        let unreadable = tables.unreadable.iter();
        let unreadable = unreadable.map(|(name, row)| UnreadableAccount { name: name.clone(), row: row.clone() });
        let readable = tables.credentials.values().filter(|account| !tables.unreadable.contains_key(&account.name));
        Ok(StoredAccounts { readable: readable.cloned().collect(), unreadable: unreadable.collect() })
    }

    async fn save_login(&self, new: &NewSealedCredential, author: &Author) -> Result<SaveOutcome, StoreError> {
        let now = author.at;
        let _ = self.saves_blocked.subscribe().wait_for(|is_blocked| !is_blocked).await;
        let mut tables = self.tables_to("save a login").await?;
        let is_unreadable = tables.unreadable.contains_key(&new.name);
        let before = tables.credentials.get(&new.name).filter(|_| !is_unreadable);
        if let Some(other) = before.filter(|account| account.provider_type != new.provider_type) {
            return Ok(SaveOutcome::TypeConflict(other.provider_type));
        }
        if before.is_some_and(|account| account.contradicts(new.superseded.as_ref())) {
            return Ok(SaveOutcome::Changed);
        }
        if !new.replaces.allows(before.map(SealedCredential::login_id)) {
            return Ok(SaveOutcome::OtherLogin);
        }
        if let Some(outcome) = tables.complete(&new.login_id, &new.replaces, author) {
            return Ok(SaveOutcome::LoginEnded(outcome));
        }
        if tables.unreadable.remove(&new.name).is_some() {
            tables.credentials.remove(&new.name);
        }
        let before = tables.credentials.get(&new.name).cloned();
        if let (Some(_), Some(order)) = (&before, &new.superseded) {
            tables.queue(order.revocation.clone());
        }
        let account = SealedCredential::after_login(new, before.as_ref(), now);
        let saved = tables.put(account, EventKind::SignedIn, now);
        tables.append(AuditEvent::signed_in(&new.name, &new.login_id), author);
        Ok(SaveOutcome::Saved(Box::new(saved)))
    }

    async fn change_profile(
        &self,
        name: &AccountName,
        change: &ProfileChange,
        author: &Author,
    ) -> Result<Option<SealedCredential>, StoreError> {
        let now = author.at;
        let mut tables = self.tables_to("change an account").await?;
        let Some(mut account) = tables.find(name)? else { return Ok(None) };
        account.display_name = change.display_name.clone().or(account.display_name);
        account.enabled = change.enabled.unwrap_or(account.enabled);
        account.updated_at = now;
        tables.append(AuditEvent::account_changed(name, change.display_name.as_deref(), change.enabled), author);
        Ok(Some(tables.put(account, EventKind::Changed, now)))
    }

    async fn advance(
        &self,
        name: &AccountName,
        event: &RefreshEvent,
        policy: &RefreshPolicy,
        now: Timestamp,
    ) -> Result<Advanced, StoreError> {
        let mut tables = self.tables_to("refresh an account").await?;
        let repairs_row = |rotation: &Rotation| {
            let stored = tables.credentials.get(name).map(|account| &account.refresh.version);
            let is_newer = |stored: &TokenVersion| {
                stored.login_id == rotation.version.login_id && stored.generation < rotation.version.generation
            };
            rotation.same_account && stored.is_some_and(is_newer)
        };
        if matches!(event, RefreshEvent::Succeeded(rotation) if repairs_row(rotation)) {
            tables.unreadable.remove(name);
        }
        let account = tables.find(name)?;
        let stepped = step(account.as_ref().map(|account| &account.refresh), event, policy, now);
        let record = |event: StepEvent| tables.record(name, event.kind, &event.state, now);
        let events: Vec<_> = stepped.events.into_iter().map(record).collect();
        let (Some(account), Some(refresh)) = (account, stepped.row) else {
            tables.delete(name);
            return Ok(Advanced { effect: stepped.effect, credential: None, events });
        };
        let mut account = account.after_step(event, stepped.effect, refresh);
        if let Some(last) = events.last() {
            (account.revision, account.updated_at) = (last.revision, now);
            tables.credentials.insert(name.clone(), account.clone());
        }
        let credential = tables.credentials.get(name).cloned();
        Ok(Advanced { effect: stepped.effect, credential, events })
    }

    async fn remove<'a>(
        &self,
        name: &AccountName,
        revocation: Option<&'a RevocationOrder>,
        author: &Author,
    ) -> Result<Removal, StoreError> {
        let mut tables = self.tables_to("remove an account").await?;
        let Some(account) = tables.credentials.get(name).cloned() else { return Ok(Removal::Absent) };
        if tables.unreadable.remove(name).is_some() {
            tables.credentials.remove(name);
            tables.record(name, EventKind::SignedOut, &account.refresh, author.at);
            tables.append(AuditEvent::done(AuditAction::SignedOut, name.as_str(), None), author);
            return Ok(Removal::RemovedUnreadable);
        }
        if account.contradicts(revocation) {
            return Ok(Removal::Changed);
        }
        tables.delete(name);
        if let Some(order) = revocation {
            tables.queue(order.revocation.clone());
        }
        tables.record(name, EventKind::SignedOut, &account.refresh, author.at);
        tables.append(AuditEvent::done(AuditAction::SignedOut, name.as_str(), None), author);
        Ok(Removal::Removed(Box::new(account)))
    }

    async fn move_away(&self, order: &MoveRequest, author: &Author) -> Result<bool, StoreError> {
        let mut tables = self.tables_to("move accounts away").await?;
        let leaving: Vec<_> = order.accounts.iter().map(|(name, version)| (tables.find(name), version)).collect();
        let may_move = |(found, version): &(Result<Option<SealedCredential>, StoreError>, &TokenVersion)| match found {
            Ok(Some(account)) => account.refresh.version == **version && account.refresh.is_at_rest(),
            Ok(None) | Err(_) => false,
        };
        if !leaving.iter().all(may_move) {
            return Ok(false);
        }
        for account in leaving.into_iter().filter_map(|(found, _)| found.ok().flatten()) {
            tables.delete(&account.name);
            tables.record(&account.name, EventKind::MovedAway, &account.refresh, author.at);
            let (name, archive) = (account.name.as_str(), Some(order.archive.clone()));
            tables.append(AuditEvent::done(AuditAction::Exported, name, archive), author);
        }
        order.revocations.iter().for_each(|id| tables.unqueue(id));
        Ok(true)
    }

    async fn feedback(&self) -> Result<Vec<StoredFeedback>, StoreError> {
        Ok(self.tables_to("read the feedback of providers").await?.feedback.values().cloned().collect())
    }

    async fn put_feedback(&self, new: &StoredFeedback, now: Timestamp) -> Result<Option<CredentialEvent>, StoreError> {
        let mut tables = self.tables_to("store the feedback of a provider").await?;
        let account = tables.find(&new.name)?.filter(|account| *account.login_id() == new.login_id);
        let Some(refresh) = account.map(|account| account.refresh.clone()) else { return Ok(None) };
        let before = tables.feedback.insert(new.name.clone(), new.clone());
        let before = before.filter(|before| before.login_id == new.login_id).map(|before| before.feedback);
        let refusal = new.feedback.new_refusal(&before.unwrap_or_default());
        let Some(code) = refusal.map(|refusal| refusal.code.clone()) else { return Ok(None) };
        let is_same = |event: &&CredentialEvent| event.login_id == new.login_id && event.code.as_ref() == Some(&code);
        let newest = tables.events.iter().rev().find(is_same).map(|event| event.at);
        let is_recent = newest > Some(now.minus(ANNOUNCEMENT_INTERVAL));
        let event = CredentialEvent::refused(&new.name, &code, &refresh, now);
        Ok((!is_recent).then(|| tables.append_event(event)))
    }
}

impl Tables {
    fn find(&self, name: &AccountName) -> Result<Option<SealedCredential>, StoreError> {
        match self.unreadable.get(name) {
            Some(row) => Err(row.clone().into()),
            None => Ok(self.credentials.get(name).cloned()),
        }
    }
}

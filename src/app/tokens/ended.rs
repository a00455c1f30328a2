//! Ends again the logins that a restored database has brought back. An account that was logged out is removed. Any
//! other gets the tokens of its newer login, or is put in doubt if the journal does not have them.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use super::{Tokens, followed::ends_among};
use crate::{
    app::AppError,
    domain::{
        credential::SealedCredential,
        history::CredentialEvent,
        ids::{AccountName, LoginId},
        provider::ProviderDefinition,
        refresh::{Ending, RefreshEvent, Rotation, TokenVersion},
        revocation::RevocationId,
    },
    ports::{Advanced, EndedLogin, JournalRecord, PresentedToken, RecordState, StoreError},
};

/// Maximum number of successors that are followed, in case the journal has a cycle.
const MAX_SUCCESSORS: usize = 100;

/// The contents of the token journal, which may be newer than a restored database.
pub(super) struct JournalContents {
    committed: HashMap<AccountName, Rotation>,
    /// The newest version of each account whose tokens are in the journal of another gateway.
    marks: HashMap<AccountName, TokenVersion>,
    presented: Vec<PresentedToken>,
    /// The successor of each ended login; None if the owner logged out.
    ended: HashMap<LoginId, Option<LoginId>>,
}

/// The accounts for which the journal has a login that is not the registered one and has not ended.
pub(in crate::app) struct OtherLogins {
    pub(in crate::app) names: HashSet<AccountName>,
    journal: JournalContents,
}

impl JournalContents {
    pub(super) fn committed_of(&self, name: &AccountName) -> Option<&Rotation> {
        self.committed.get(name)
    }

    /// Returns the newest version of an account in the journal, with or without its tokens.
    pub(super) fn version_of(&self, name: &AccountName) -> Option<TokenVersion> {
        self.committed_of(name).map(|rotation| rotation.version.clone()).or_else(|| self.marks.get(name).cloned())
    }

    /// Returns the newest version of a login that this gateway has presented, and how often.
    pub(super) fn presented_of(&self, name: &AccountName, login_id: &LoginId) -> Option<(TokenVersion, u32)> {
        let of_login = self.presented.iter().filter(|token| token.name == *name && token.version.login_id == *login_id);
        let newest = of_login.max_by_key(|token| (token.version.generation, token.attempt))?;
        Some((newest.version.clone(), newest.attempt))
    }

    pub(super) fn has_ends(&self) -> bool {
        !self.ended.is_empty()
    }

    fn has_ended(&self, login_id: &LoginId) -> bool {
        self.ended.contains_key(login_id)
    }

    /// Returns how an account's login ended; None if it has not.
    fn ending(&self, account: &SealedCredential) -> Option<Ending> {
        let Some(successor) = self.successor(account.login_id())? else { return Some(Ending::LoggedOut) };
        let newest = self.committed_of(&account.name).filter(|newest| newest.version.login_id == *successor);
        Some(newest.map_or(Ending::ReplacedByUnknown, |newest| Ending::ReplacedBy(Box::new(newest.clone()))))
    }

    /// Whether an end that the events of `name` show is news. If the journal names another successor, and this gateway
    /// does not have that one's tokens, another gateway has repaired a restored database, and its repair counts.
    fn is_news(&self, name: &AccountName, login_id: &LoginId, successor: Option<&LoginId>) -> bool {
        let Some(known) = self.ended.get(login_id) else { return true };
        let has_tokens = self.committed_of(name).is_some_and(|newest| Some(&newest.version.login_id) == known.as_ref());
        let is_live = successor.is_some_and(|successor| !self.has_ended(successor));
        is_live && !has_tokens && known.as_ref() != successor
    }

    /// Follows the successors of an ended login and returns the last one, or `Some(None)` if the owner logged out.
    /// Returns None if the login has not ended.
    fn successor(&self, login_id: &LoginId) -> Option<Option<&LoginId>> {
        let mut successor = self.ended.get(login_id)?.as_ref();
        for _ in 0..MAX_SUCCESSORS {
            match successor.and_then(|login_id| self.ended.get(login_id)) {
                Some(next) => successor = next.as_ref(),
                None => break,
            }
        }
        Some(successor)
    }
}

impl Tokens {
    /// Reads the whole journal. Parts that cannot be read count as empty.
    pub(super) async fn read_journal(&self) -> JournalContents {
        let records = self.journal.list().await.unwrap_or_else(|error| {
            tracing::error!(error = %error, "the token journal cannot be read");
            Vec::new()
        });
        self.read_rest_of_journal(&records).await
    }

    /// Reads the rest of the journal and combines it with `records`.
    pub(super) async fn read_rest_of_journal(&self, records: &[JournalRecord]) -> JournalContents {
        let committed = records.iter().filter(|record| record.state == RecordState::Committed);
        let ended = self.journal.ended().await.unwrap_or_else(|error| {
            tracing::error!(error = %error, "the ended logins in the token journal cannot be read");
            Vec::new()
        });
        JournalContents {
            committed: committed.map(|record| (record.name.clone(), record.rotation.clone())).collect(),
            marks: self.journal.marks().await.unwrap_or_default().into_iter().collect(),
            presented: self.journal.presented().await.unwrap_or_default(),
            ended: ended.into_iter().map(|ended| (ended.login_id, ended.successor)).collect(),
        }
    }

    /// Ends again every login that has ended according to the journal.
    pub(super) async fn end_returned_logins(self: &Arc<Self>, contents: &JournalContents) -> Result<(), AppError> {
        let names = self.registry.versions().into_iter().filter(|(_, version)| contents.has_ended(&version.login_id));
        for name in names.map(|(name, _)| name).chain(self.registry.unreadable_names()) {
            let account = match self.store.load(&name).await {
                Ok(Some(account)) => account,
                // Its row cannot be compared. Other unreadable accounts load, and only their secrets do not open.
                Ok(None) | Err(StoreError::Unreadable(_)) => continue,
                Err(error) => return Err(error.into()),
            };
            let (name, login_id) = (account.name.clone(), account.login_id().clone());
            match self.end_returned_login(account, contents).await {
                Ok(account) => self.register_or_unregister(&name, &login_id, account),
                Err(error) => {
                    tracing::error!(provider.name = %name, error = %error, "an account cannot be compared with the token journal");
                }
            }
        }
        Ok(())
    }

    /// Ends an account's login again if it has ended. Returns the account afterwards; None if it was removed.
    pub(super) async fn end_returned_login(
        self: &Arc<Self>,
        account: SealedCredential,
        contents: &JournalContents,
    ) -> Result<Option<SealedCredential>, AppError> {
        let definition = self.directory.definition_of(&account.name, account.provider_type);
        let (Some(definition), Some(ending)) = (definition, contents.ending(&account)) else {
            return Ok(Some(account));
        };
        let queued =
            if ending == Ending::LoggedOut { self.queue_revocation(&definition, &account).await? } else { None };
        let consequence = match &ending {
            Ending::LoggedOut => "it is removed again",
            Ending::ReplacedBy(_) => "the login that replaced it is stored again",
            Ending::ReplacedByUnknown => "it is in doubt",
        };
        tracing::warn!(provider.name = %account.name, login.id = %account.login_id(), consequence,
            "an older copy of the database brought back an ended login");
        let returned = RefreshEvent::Returned { ended: account.login_id().clone(), ending };
        let ended = self.advance(&definition, &returned).await?.credential;
        if let Some(id) = queued {
            self.start_revoking(id);
        }
        Ok(ended)
    }

    /// Queues the restored refresh token for revocation after a logout, because it may still be valid.
    async fn queue_revocation(
        &self,
        definition: &ProviderDefinition,
        account: &SealedCredential,
    ) -> Result<Option<RevocationId>, AppError> {
        let Some(order) = self.revocation_order(definition, account)? else { return Ok(None) };
        self.revocations.put(&order.revocation).await?;
        Ok(Some(order.revocation.id))
    }

    /// Replaces `account` with the login of `rotation`, if a restored database has brought back that login's
    /// predecessor. Returns None if `account` is not the predecessor.
    pub(super) async fn replace_returned_login(
        &self,
        definition: &ProviderDefinition,
        account: &SealedCredential,
        rotation: &Rotation,
    ) -> Result<Option<Advanced>, AppError> {
        let contents = self.read_rest_of_journal(&[]).await;
        if contents.successor(account.login_id()) != Some(Some(&rotation.version.login_id)) {
            return Ok(None);
        }
        let ending = Ending::ReplacedBy(Box::new(rotation.clone()));
        let returned = RefreshEvent::Returned { ended: account.login_id().clone(), ending };
        Ok(Some(self.advance(definition, &returned).await?))
    }

    /// Compares the journal with the registered accounts.
    pub(in crate::app) async fn other_logins(&self) -> OtherLogins {
        let registered = self.registry.versions();
        let records = self.journal.list_without(registered.clone()).await.unwrap_or_default();
        let journal = self.read_rest_of_journal(&records).await;
        let with_tokens = records.iter().map(|record| (&record.name, &record.rotation.version));
        let without = journal.marks.iter();
        let presented = journal.presented.iter().map(|token| (&token.name, &token.version));
        let known = with_tokens.chain(without).chain(presented);
        let is_other = |(name, version): &(&AccountName, &TokenVersion)| {
            registered.get(*name).is_none_or(|own| own.login_id != version.login_id)
                && !journal.has_ended(&version.login_id)
        };
        let names = known.filter(is_other).map(|(name, _)| name.clone()).collect();
        OtherLogins { names, journal }
    }

    /// Records in the journal which logins of an account have ended while this gateway was down. `events` is the
    /// account's history, oldest first.
    pub(in crate::app) async fn note_missed_ends(
        &self,
        name: &AccountName,
        events: &[CredentialEvent],
        others: &OtherLogins,
    ) {
        for (login_id, successor) in ends_among(events) {
            if others.journal.is_news(name, &login_id, successor.as_ref()) {
                self.note_end(name, login_id, successor).await;
            }
        }
    }

    /// Whether a login has ended according to the journal.
    pub(super) async fn has_ended(&self, login_id: &LoginId) -> bool {
        let ended = self.journal.ended().await.unwrap_or_default();
        ended.iter().any(|ended| ended.login_id == *login_id)
    }

    /// Records in the journal which logins ended with an account's `events`, which are ordered oldest first.
    pub(in crate::app) async fn note_ends(&self, name: &AccountName, events: &[&CredentialEvent]) {
        for (login_id, successor) in self.followed.ends(name, events) {
            self.note_end(name, login_id, successor).await;
        }
    }

    /// Records in the journal that a login has ended. The journal deletes the login's tokens.
    pub(super) async fn note_end(&self, name: &AccountName, login_id: LoginId, successor: Option<LoginId>) {
        let ended = EndedLogin { name: name.clone(), login_id, successor };
        if let Err(error) = self.journal.end(&ended).await {
            tracing::warn!(provider.name = %name, error = %error, "the tokens of an ended login stay in the journal");
        }
    }
}

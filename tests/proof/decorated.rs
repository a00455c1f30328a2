//! The decorators around a composed gateway's ports. They stop at a named point of a refresh, so that the process can
//! be killed there, or break a promise on purpose, to check that a scenario can fail.

use std::{collections::HashMap, future::pending, sync::Arc, time::Duration};

use async_trait::async_trait;
use goclaw::{
    app::Ports,
    domain::{
        credential::{NewSealedCredential, SealedCredential},
        history::CredentialEvent,
        ids::{AccountName, Generation, LoginId},
        oauth_client::OAuthClient,
        refresh::{Effect, RefreshEvent, RefreshPolicy, RefreshTrigger, TokenVersion},
        revocation::RevocationOrder,
        secret::RefreshToken,
        time::Timestamp,
        token_response::{CodeGrant, TokenResponse},
    },
    ports::{
        Advanced, Author, EndedLogin, JournalError, JournalRecord, LoginRecord, MoveRequest, OAuthEndpoint,
        PresentedToken, ProfileChange, Removal, SaveOutcome, StoreError, StoredAccounts, StoredFeedback,
        TokenEndpointError, TokenJournal, TokenStore,
    },
};
use serde::{Deserialize, Serialize};

use crate::composed::announcement;

/// The points of a gateway's refresh, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum GatewayPoint {
    /// Before requesting the lease.
    BeforeLease,
    /// The lease is durable, but the gateway has not received it yet.
    LeaseTaken,
    /// Before sending the token.
    BeforeSend,
    /// The complete response is read and parsed.
    Parsed,
    /// The new tokens are in the journal.
    InJournal,
    /// The commit is in flight, so that it may or may not be done when the gateway is killed.
    Committing,
    /// The commit is done, but the gateway has not received the result yet.
    Committed,
    /// The gateway has received the result, and the journal record is not settled yet.
    BeforeCleanup,
}

/// A promise that the gateway breaks on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Sabotage {
    /// Every gateway gets the lease, even if another one holds it.
    Leaseless,
    /// New tokens are not written to the journal before the commit.
    Journalless,
    /// A token in doubt is presented again immediately.
    Impatient,
}

/// The differences from the shipped gateway.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Changes {
    pub(crate) stop_at: Option<GatewayPoint>,
    pub(crate) sabotage: Option<Sabotage>,
    /// Whether the gateway waits for the provider's response without a timeout, which a slow machine might cause.
    pub(crate) patient: bool,
}

/// Longer than any test.
const UNTIL_KILLED: Duration = Duration::from_secs(300);

impl Changes {
    pub(crate) fn decorate(self, ports: Ports) -> Ports {
        Ports {
            credentials: Arc::new(Store { inner: ports.credentials, changes: self }),
            oauth: Arc::new(Endpoint { inner: ports.oauth, changes: self }),
            journal: Arc::new(Journal { inner: ports.journal, changes: self }),
            ..ports
        }
    }

    /// Returns at once, or announces `point` and never returns if the gateway stops there.
    async fn pass(self, point: GatewayPoint) {
        if self.stop_at == Some(point) {
            println!("{}", announcement(point));
            pending::<()>().await;
        }
    }
}

struct Store {
    inner: Arc<dyn TokenStore>,
    changes: Changes,
}

#[async_trait]
impl TokenStore for Store {
    async fn load(&self, name: &AccountName) -> Result<Option<SealedCredential>, StoreError> {
        self.inner.load(name).await
    }

    async fn list(&self) -> Result<StoredAccounts, StoreError> {
        self.inner.list().await
    }

    async fn save_login(&self, credential: &NewSealedCredential, author: &Author) -> Result<SaveOutcome, StoreError> {
        self.inner.save_login(credential, author).await
    }

    async fn change_profile(
        &self,
        name: &AccountName,
        change: &ProfileChange,
        author: &Author,
    ) -> Result<Option<SealedCredential>, StoreError> {
        self.inner.change_profile(name, change, author).await
    }

    async fn advance(
        &self,
        name: &AccountName,
        event: &RefreshEvent,
        policy: &RefreshPolicy,
        now: Timestamp,
    ) -> Result<Advanced, StoreError> {
        let Changes { stop_at, sabotage, .. } = self.changes;
        match event {
            RefreshEvent::Begin { seen, lease, .. } => {
                self.changes.pass(GatewayPoint::BeforeLease).await;
                let begun = match sabotage {
                    // A dead access token permits a retry, and without a timeout the retry is due at once.
                    Some(Sabotage::Impatient) => {
                        let begin = RefreshEvent::Begin {
                            seen: seen.clone(),
                            lease: lease.clone(),
                            trigger: RefreshTrigger::AccessDead,
                        };
                        let policy = RefreshPolicy { http_timeout: Duration::ZERO, ..policy.clone() };
                        self.inner.advance(name, &begin, &policy, now).await?
                    }
                    _ => self.inner.advance(name, event, policy, now).await?,
                };
                if begun.effect == Effect::Present {
                    self.changes.pass(GatewayPoint::LeaseTaken).await;
                }
                let is_held = matches!(begun.effect, Effect::Wait(_));
                Ok(if is_held && sabotage == Some(Sabotage::Leaseless) {
                    Advanced { effect: Effect::Present, ..begun }
                } else {
                    begun
                })
            }
            RefreshEvent::Succeeded(_) if stop_at == Some(GatewayPoint::Committing) => {
                println!("{}", announcement(GatewayPoint::Committing));
                let _ = self.inner.advance(name, event, policy, now).await;
                pending().await
            }
            RefreshEvent::Succeeded(_) => {
                let stored = self.inner.advance(name, event, policy, now).await?;
                self.changes.pass(GatewayPoint::Committed).await;
                Ok(stored)
            }
            RefreshEvent::Failed { .. } | RefreshEvent::Restored { .. } | RefreshEvent::Returned { .. } => {
                self.inner.advance(name, event, policy, now).await
            }
        }
    }

    async fn remove<'a>(
        &self,
        name: &AccountName,
        revocation: Option<&'a RevocationOrder>,
        author: &Author,
    ) -> Result<Removal, StoreError> {
        self.inner.remove(name, revocation, author).await
    }

    async fn move_away(&self, order: &MoveRequest, author: &Author) -> Result<bool, StoreError> {
        self.inner.move_away(order, author).await
    }

    async fn feedback(&self) -> Result<Vec<StoredFeedback>, StoreError> {
        self.inner.feedback().await
    }

    async fn put_feedback(&self, new: &StoredFeedback, now: Timestamp) -> Result<Option<CredentialEvent>, StoreError> {
        self.inner.put_feedback(new, now).await
    }
}

struct Endpoint {
    inner: Arc<dyn OAuthEndpoint>,
    changes: Changes,
}

#[async_trait]
impl OAuthEndpoint for Endpoint {
    async fn exchange_code(
        &self,
        account: &AccountName,
        client: &OAuthClient,
        grant: CodeGrant,
    ) -> Result<TokenResponse, TokenEndpointError> {
        self.inner.exchange_code(account, client, grant).await
    }

    async fn refresh(
        &self,
        account: &AccountName,
        client: &OAuthClient,
        token: &RefreshToken,
        limit: Duration,
    ) -> Result<TokenResponse, TokenEndpointError> {
        self.changes.pass(GatewayPoint::BeforeSend).await;
        let limit = if self.changes.patient { UNTIL_KILLED } else { limit };
        let response = self.inner.refresh(account, client, token, limit).await?;
        self.changes.pass(GatewayPoint::Parsed).await;
        Ok(response)
    }

    async fn revoke(
        &self,
        account: &AccountName,
        client: &OAuthClient,
        token: &RefreshToken,
    ) -> Result<(), TokenEndpointError> {
        self.inner.revoke(account, client, token).await
    }
}

struct Journal {
    inner: Arc<dyn TokenJournal>,
    changes: Changes,
}

#[async_trait]
impl TokenJournal for Journal {
    fn place(&self) -> String {
        self.inner.place()
    }

    async fn put(&self, record: &JournalRecord) -> Result<(), JournalError> {
        if self.changes.sabotage != Some(Sabotage::Journalless) {
            self.inner.put(record).await?;
        }
        self.changes.pass(GatewayPoint::InJournal).await;
        Ok(())
    }

    async fn confirm(&self, record: &JournalRecord) -> Result<(), JournalError> {
        // A login also confirms its tokens, which is not a point of a refresh.
        if record.rotation.version.generation > Generation::FIRST {
            self.changes.pass(GatewayPoint::BeforeCleanup).await;
        }
        if self.changes.sabotage == Some(Sabotage::Journalless) { Ok(()) } else { self.inner.confirm(record).await }
    }

    async fn mark(&self, name: &AccountName, version: &TokenVersion) -> Result<bool, JournalError> {
        self.inner.mark(name, version).await
    }

    async fn mark_all(&self, versions: HashMap<AccountName, TokenVersion>) -> Result<(), JournalError> {
        self.inner.mark_all(versions).await
    }

    async fn marks(&self) -> Result<Vec<(AccountName, TokenVersion)>, JournalError> {
        self.inner.marks().await
    }

    async fn note_presented(&self, token: &PresentedToken) -> Result<(), JournalError> {
        self.inner.note_presented(token).await
    }

    async fn presented(&self) -> Result<Vec<PresentedToken>, JournalError> {
        self.inner.presented().await
    }

    async fn end(&self, ended: &EndedLogin) -> Result<(), JournalError> {
        self.inner.end(ended).await
    }

    async fn ended(&self) -> Result<Vec<EndedLogin>, JournalError> {
        self.inner.ended().await
    }

    async fn put_login(&self, record: &LoginRecord) -> Result<(), JournalError> {
        self.inner.put_login(record).await
    }

    async fn logins(&self) -> Result<Vec<LoginRecord>, JournalError> {
        self.inner.logins().await
    }

    async fn remove_login(&self, name: &AccountName, login_id: &LoginId) -> Result<(), JournalError> {
        self.inner.remove_login(name, login_id).await
    }

    async fn list(&self) -> Result<Vec<JournalRecord>, JournalError> {
        self.inner.list().await
    }

    async fn remove(&self, name: &AccountName, version: &TokenVersion) -> Result<(), JournalError> {
        self.changes.pass(GatewayPoint::BeforeCleanup).await;
        self.inner.remove(name, version).await
    }
}

//! Logins in memory.

use std::{cmp::Reverse, time::Duration};

use async_trait::async_trait;
use goclaw::{
    domain::{
        audit::AuditEvent,
        confirmation::Replaces,
        ids::{AccountName, LoginId, Principal, StateDigest},
        login::SealedLogin,
        login_outcome::{LoginDetail, LoginOutcome, LoginProgress},
        revocation::PendingRevocation,
        sealed_secret::SealedSecret,
        time::Timestamp,
    },
    ports::{Author, BeginOutcome, ClaimOutcome, LoginStore, StoreError},
};

use super::{MemoryStore, Tables};

#[async_trait]
impl LoginStore for MemoryStore {
    async fn begin(&self, login: &SealedLogin, author: &Author) -> Result<BeginOutcome, StoreError> {
        let now = author.at;
        let mut tables = self.tables_to("begin a login").await?;
        let session = &login.session;
        let is_stored = |id: &str| tables.api_tokens.iter().any(|stored| stored.token.id.as_str() == id);
        let caller = session.principal.program_token().or_else(|| author.actor.token_id());
        if !caller.is_none_or(is_stored) {
            return Ok(BeginOutcome::CallerGone);
        }
        tables.expire(&author.gateway());
        let open = tables
            .logins
            .iter()
            .find(|earlier| earlier.is_open(now) && is_of(earlier, &session.name, &session.principal));
        if let Some(earlier) = open {
            return Ok(BeginOutcome::AlreadyPending(Box::new(earlier.clone())));
        }
        tables.append(AuditEvent::login_started(session), author);
        tables.logins.push(login.clone());
        Ok(BeginOutcome::Begun)
    }

    async fn find(&self, state: &StateDigest) -> Result<Option<SealedLogin>, StoreError> {
        let tables = self.tables_to("find a login").await?;
        Ok(tables.logins.iter().find(|login| login.state_digest == *state).cloned())
    }

    async fn by_id(&self, id: &LoginId) -> Result<Option<SealedLogin>, StoreError> {
        let tables = self.tables_to("read a login").await?;
        Ok(tables.logins.iter().find(|login| login.session.id == *id).cloned())
    }

    async fn latest(&self, name: &AccountName, principal: &Principal) -> Result<Option<SealedLogin>, StoreError> {
        let tables = self.tables_to("find the latest login").await?;
        let candidates = tables.logins.iter().filter(|login| is_of(login, name, principal));
        Ok(candidates.max_by_key(|login| (login.session.started_at, login.session.id.as_str())).cloned())
    }

    async fn open_logins(&self, now: Timestamp) -> Result<Vec<SealedLogin>, StoreError> {
        let tables = self.tables_to("list the pending logins").await?;
        Ok(tables.logins.iter().filter(|login| login.is_open(now)).cloned().collect())
    }

    async fn unsettled(&self) -> Result<Vec<SealedLogin>, StoreError> {
        let tables = self.tables_to("list the unsettled logins").await?;
        let unsettled = [LoginProgress::Exchanging, LoginProgress::Unconfirmed];
        Ok(tables.logins.iter().filter(|login| unsettled.contains(&login.progress)).cloned().collect())
    }

    async fn ended(&self, limit: usize) -> Result<Vec<SealedLogin>, StoreError> {
        let tables = self.tables_to("list the ended logins").await?;
        let mut ended: Vec<_> = tables.logins.iter().filter(|login| has_ended(login)).cloned().collect();
        ended.sort_by_key(|login| Reverse((login.progress_since, login.session.id.as_str().to_owned())));
        ended.truncate(limit);
        Ok(ended)
    }

    async fn claim(&self, id: &LoginId, now: Timestamp) -> Result<ClaimOutcome, StoreError> {
        let mut tables = self.tables_to("claim a login").await?;
        let is_pending = |login: &SealedLogin| login.session.id == *id && login.progress == LoginProgress::Pending;
        let claimed = tables.move_to(LoginProgress::Exchanging, now, is_pending);
        Ok(if claimed == 1 { ClaimOutcome::Claimed } else { ClaimOutcome::Taken })
    }

    async fn keep_unconfirmed(&self, id: &LoginId, tokens: &SealedSecret, now: Timestamp) -> Result<bool, StoreError> {
        let mut tables = self.tables_to("keep an unconfirmed login").await?;
        let is_exchanging_or_interrupted = |login: &SealedLogin| {
            login.session.id == *id && [LoginProgress::Exchanging, INTERRUPTED].contains(&login.progress)
        };
        let is_kept = tables.move_to(LoginProgress::Unconfirmed, now, is_exchanging_or_interrupted) == 1;
        if let Some(kept) = tables.logins.iter_mut().find(|login| is_kept && login.session.id == *id) {
            kept.tokens = Some(tokens.clone());
        }
        Ok(is_kept)
    }

    async fn decline(
        &self,
        id: &LoginId,
        outcome: LoginOutcome,
        revocation: Option<&PendingRevocation>,
        author: &Author,
    ) -> Result<bool, StoreError> {
        let mut tables = self.tables_to("decline a login").await?;
        let is_waiting = |login: &SealedLogin| login.session.id == *id && login.progress == LoginProgress::Unconfirmed;
        let is_ended = tables.end(outcome, author, is_waiting) == 1;
        if let (true, Some(revocation)) = (is_ended, revocation) {
            tables.queue(revocation.clone());
        }
        Ok(is_ended)
    }

    async fn end(
        &self,
        id: &LoginId,
        outcome: LoginOutcome,
        detail: Option<&LoginDetail>,
        author: &Author,
    ) -> Result<bool, StoreError> {
        let mut tables = self.tables_to("end a login").await?;
        let is_under_way = |login: &SealedLogin| login.session.id == *id && is_pending_or_exchanging(login);
        if let Some(login) = tables.logins.iter_mut().find(|login| is_under_way(login)) {
            login.detail = detail.cloned();
        }
        Ok(tables.end(outcome, author, is_under_way) == 1)
    }

    async fn cancel_all(&self, name: &AccountName, author: &Author) -> Result<usize, StoreError> {
        let mut tables = self.tables_to("cancel the logins under way").await?;
        Ok(tables.cancel(author, |login| login.session.name == *name))
    }

    async fn sweep(&self, stuck_after: Duration, keep: Duration, author: &Author) -> Result<usize, StoreError> {
        let now = author.at;
        let mut tables = self.tables_to("sweep the logins").await?;
        let expired = tables.expire(author);
        let is_stuck = |login: &SealedLogin| {
            login.progress == LoginProgress::Exchanging && login.progress_since.plus(stuck_after) < now
        };
        let interrupted = tables.end(LoginOutcome::Interrupted, author, is_stuck);
        tables.logins.retain(|login| !has_ended(login) || login.progress_since.plus(keep) >= now);
        Ok(expired + interrupted)
    }
}

impl Tables {
    /// Ends a login as completed, and cancels the account's code exchanges that began earlier. Returns the outcome that
    /// prevents this, if any. Does nothing for a pasted secret, whose login id belongs to no stored login.
    pub(super) fn complete(&mut self, id: &LoginId, replaces: &Replaces, author: &Author) -> Option<LoginOutcome> {
        let login = self.logins.iter().find(|login| login.session.id == *id)?;
        let (name, started_at) = (login.session.name.clone(), login.session.started_at);
        let required = replaces.required_progress();
        let claimed_at = match login.progress {
            progress if progress == required => login.progress_since,
            // The sweep has replaced the time of the claim, which came after the start.
            INTERRUPTED if required == LoginProgress::Exchanging => started_at,
            LoginProgress::Unconfirmed => return Some(LoginOutcome::ConfirmationNeeded),
            LoginProgress::Ended(outcome) => return Some(outcome),
            LoginProgress::Pending | LoginProgress::Exchanging => return Some(LoginOutcome::Interrupted),
        };
        self.move_to(LoginProgress::Ended(LoginOutcome::Completed), author.at, |login| login.session.id == *id);
        self.end(LoginOutcome::Cancelled, author, |login| {
            let is_earlier = login.progress_since <= claimed_at;
            login.session.name == name && login.progress == LoginProgress::Exchanging && is_earlier
        });
        self.move_to(LoginProgress::Ended(LoginOutcome::Cancelled), author.at, |login| {
            let is_earlier = login.session.started_at <= started_at;
            login.session.name == name && login.progress == INTERRUPTED && is_earlier
        });
        None
    }

    /// Cancels the logins whose tokens may still be saved. Returns how many of them were under way.
    pub(super) fn cancel(&mut self, author: &Author, which: impl Fn(&SealedLogin) -> bool) -> usize {
        let cancelled =
            self.end(LoginOutcome::Cancelled, author, |login| which(login) && is_pending_or_exchanging(login));
        let is_interrupted = |login: &SealedLogin| which(login) && login.progress == INTERRUPTED;
        self.move_to(LoginProgress::Ended(LoginOutcome::Cancelled), author.at, is_interrupted);
        cancelled
    }

    /// Ends expired logins at their expiry time.
    fn expire(&mut self, author: &Author) -> usize {
        let is_overdue =
            |login: &SealedLogin| login.progress == LoginProgress::Pending && login.session.expires_at <= author.at;
        self.append_ends(LoginOutcome::Expired, author, is_overdue);
        let overdue = self.logins.iter_mut().filter(|login| is_overdue(login));
        overdue.map(|login| enter(login, LoginProgress::Ended(LoginOutcome::Expired), login.session.expires_at)).count()
    }

    /// Ends logins, each with an audit entry.
    fn end(&mut self, outcome: LoginOutcome, author: &Author, which: impl Fn(&SealedLogin) -> bool) -> usize {
        self.append_ends(outcome, author, &which);
        self.move_to(LoginProgress::Ended(outcome), author.at, which)
    }

    fn append_ends(&mut self, outcome: LoginOutcome, author: &Author, which: impl Fn(&SealedLogin) -> bool) {
        let ended: Vec<_> =
            self.logins.iter().filter(|login| which(login)).map(|login| login.session.clone()).collect();
        for login in &ended {
            let event = AuditEvent::login_ended(login.name.as_str(), outcome, format!("login {}", login.id));
            self.append(event, author);
        }
    }

    fn move_to(&mut self, progress: LoginProgress, now: Timestamp, which: impl Fn(&SealedLogin) -> bool) -> usize {
        self.logins.iter_mut().filter(|login| which(login)).map(|login| enter(login, progress, now)).count()
    }
}

const INTERRUPTED: LoginProgress = LoginProgress::Ended(LoginOutcome::Interrupted);

fn enter(login: &mut SealedLogin, progress: LoginProgress, at: Timestamp) {
    (login.progress, login.progress_since, login.tokens) = (progress, at, None);
}

fn has_ended(login: &SealedLogin) -> bool {
    matches!(login.progress, LoginProgress::Ended(_))
}

fn is_pending_or_exchanging(login: &SealedLogin) -> bool {
    matches!(login.progress, LoginProgress::Pending | LoginProgress::Exchanging)
}

fn is_of(login: &SealedLogin, name: &AccountName, principal: &Principal) -> bool {
    login.session.name == *name && login.session.principal == *principal
}

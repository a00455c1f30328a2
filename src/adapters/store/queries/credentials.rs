//! Implements [`TokenStore`]: accounts are in `llm_providers`, their refresh tokens in `config_secrets`.

use async_trait::async_trait;
use diesel::{dsl::sql, expression::SqlLiteral, prelude::*, result::Error as DieselError, sql_types::Text};
use diesel_async::RunQueryDsl;

use super::{
    Backend, Connection, Store,
    audit::append,
    feedback,
    history::{record, was_refused},
    logins::complete,
    revocations::queue,
};
use crate::{
    adapters::store::{
        account_rows::{AccountRow, ProviderRow, account},
        error::TransactionError,
        rows::SkippedRows,
        schema::{config_secrets, llm_providers, revocations},
        stored_text::StoredText,
    },
    domain::{
        audit::{AuditAction, AuditEvent},
        credential::{NewSealedCredential, SealedCredential},
        history::{CredentialEvent, EventKind, Revision},
        ids::{AccountName, Generation, LoginId},
        provider_feedback::{ANNOUNCEMENT_INTERVAL, AccountRefusal},
        refresh::{RefreshEvent, RefreshPolicy, Step, StepEvent, step},
        revocation::RevocationOrder,
        sealed::refresh_token_key,
        time::Timestamp,
        unreadable::UnreadableAccount,
    },
    ports::{
        Advanced, Author, MoveRequest, ProfileChange, Removal, SaveOutcome, StoreError, StoredAccounts, StoredFeedback,
        TokenStore,
    },
};

#[derive(Insertable)]
#[diesel(table_name = config_secrets)]
struct SecretRow<'a> {
    key: String,
    value: &'a str,
    created_at: i64,
    updated_at: i64,
}

/// Returns the query of all accounts with their refresh tokens, ordered by name.
#[diesel::dsl::auto_type]
fn all_rows() -> _ {
    let select: diesel::dsl::AsSelect<ProviderRow, Backend> = ProviderRow::as_select();
    let key_of_row: SqlLiteral<Text> = sql::<Text>(KEY_OF_ROW);
    llm_providers::table
        .left_join(config_secrets::table.on(config_secrets::key.eq(key_of_row)))
        .select((select, config_secrets::value.nullable()))
        .order(llm_providers::name)
}

/// [`refresh_token_key`] in SQL. The store's contract tests fail if the two differ.
const KEY_OF_ROW: &str = "'oauth.' || llm_providers.name || '.refresh_token'";

#[async_trait]
impl TokenStore for Store {
    async fn load(&self, name: &AccountName) -> Result<Option<SealedCredential>, StoreError> {
        self.run("load an account", async |connection| find(connection, name).await).await
    }

    async fn list(&self) -> Result<StoredAccounts, StoreError> {
        let rows = self.run("list the accounts", async |connection| Ok(rows(connection, None).await?)).await?;
        Ok(accounts_of(rows, &self.skipped))
    }

    async fn list_after(
        &self,
        after: Option<&str>,
        limit: usize,
    ) -> Result<(StoredAccounts, Option<String>), StoreError> {
        let rows = self.run("list accounts", async |connection| {
            let most = limit.try_into().unwrap_or(i64::MAX);
            let is_after = llm_providers::name.gt(after.unwrap_or_default());
            Ok(all_rows().filter(is_after).limit(most).load::<AccountRow>(connection).await?)
        });
        let rows = rows.await?;
        let last = rows.last().filter(|_| rows.len() == limit).map(|(row, _)| row.name.clone());
        Ok((accounts_of(rows, &self.skipped), last))
    }

    async fn save_login(&self, new: &NewSealedCredential, author: &Author) -> Result<SaveOutcome, StoreError> {
        let now = author.at;
        self.write("save a login", async |connection| {
            let found = find(connection, &new.name).await;
            let is_unreadable = found.as_ref().is_err_and(TransactionError::is_unreadable_row);
            let before = if is_unreadable { None } else { found? };
            if let Some(other) = before.as_ref().filter(|account| account.provider_type != new.provider_type) {
                return Ok(SaveOutcome::TypeConflict(other.provider_type));
            }
            if before.as_ref().is_some_and(|account| account.contradicts(new.superseded.as_ref())) {
                return Ok(SaveOutcome::Changed);
            }
            if !new.replaces.allows(before.as_ref().map(SealedCredential::login_id)) {
                return Ok(SaveOutcome::OtherLogin);
            }
            if let Some(outcome) = complete(connection, &new.login_id, &new.replaces, author).await? {
                return Ok(SaveOutcome::LoginEnded(outcome));
            }
            if let (Some(_), Some(order)) = (&before, &new.superseded) {
                queue(connection, &order.revocation).await?;
            }
            if is_unreadable {
                // Any column may be damaged, so no part of the row is reused.
                delete(connection, &new.name, Vec::new()).await?;
            }
            let account = SealedCredential::after_login(new, before.as_ref(), now);
            let signed_in = CredentialEvent::unnumbered(&new.name, EventKind::SignedIn, &account.refresh, now);
            let (saved, _) = put(connection, account, vec![signed_in], before.as_ref()).await?;
            append(connection, AuditEvent::signed_in(&new.name, &new.login_id), author).await?;
            Ok(SaveOutcome::Saved(Box::new(saved)))
        })
        .await
    }

    async fn change_profile(
        &self,
        name: &AccountName,
        change: &ProfileChange,
        author: &Author,
    ) -> Result<Option<SealedCredential>, StoreError> {
        self.write("change an account", async |connection| {
            let Some(before) = find(connection, name).await? else { return Ok(None) };
            let mut account = before.clone();
            account.display_name = change.display_name.clone().or(account.display_name);
            account.enabled = change.enabled.unwrap_or(account.enabled);
            let changed = CredentialEvent::unnumbered(name, EventKind::Changed, &account.refresh, author.at);
            let (saved, _) = put(connection, account, vec![changed], Some(&before)).await?;
            let changed = AuditEvent::account_changed(name, change.display_name.as_deref(), change.enabled);
            append(connection, changed, author).await?;
            Ok(Some(saved))
        })
        .await
    }

    async fn advance(
        &self,
        name: &AccountName,
        event: &RefreshEvent,
        policy: &RefreshPolicy,
        now: Timestamp,
    ) -> Result<Advanced, StoreError> {
        self.write("refresh an account", async |connection| {
            let now = self.clock(connection, now).await?;
            advance(connection, name, event, policy, now).await
        })
        .await
    }

    async fn remove<'a>(
        &self,
        name: &AccountName,
        revocation: Option<&'a RevocationOrder>,
        author: &Author,
    ) -> Result<Removal, StoreError> {
        self.write("remove an account", async |connection| {
            let found = find(connection, name).await;
            if found.as_ref().is_err_and(TransactionError::is_unreadable_row) {
                let signed_out = removal_of_unreadable(connection, name, author.at).await?;
                delete(connection, name, vec![signed_out]).await?;
                append(connection, AuditEvent::done(AuditAction::SignedOut, name.as_str(), None), author).await?;
                return Ok(Removal::RemovedUnreadable);
            }
            let Some(account) = found? else { return Ok(Removal::Absent) };
            if account.contradicts(revocation) {
                return Ok(Removal::Changed);
            }
            if let Some(order) = revocation {
                queue(connection, &order.revocation).await?;
            }
            let signed_out = CredentialEvent::unnumbered(name, EventKind::SignedOut, &account.refresh, author.at);
            delete(connection, name, vec![signed_out]).await?;
            append(connection, AuditEvent::done(AuditAction::SignedOut, name.as_str(), None), author).await?;
            Ok(Removal::Removed(Box::new(account)))
        })
        .await
    }

    async fn move_away(&self, order: &MoveRequest, author: &Author) -> Result<bool, StoreError> {
        self.write("move accounts away", async |connection| {
            let mut leaving = Vec::new();
            for (name, version) in &order.accounts {
                let found = find(connection, name).await;
                if found.as_ref().is_err_and(TransactionError::is_unreadable_row) {
                    return Ok(false);
                }
                let account = found?.filter(|stored| stored.refresh.version == *version && stored.refresh.is_at_rest());
                let Some(account) = account else { return Ok(false) };
                leaving.push(account);
            }
            for account in leaving {
                let moved =
                    CredentialEvent::unnumbered(&account.name, EventKind::MovedAway, &account.refresh, author.at);
                delete(connection, &account.name, vec![moved]).await?;
                let exported =
                    AuditEvent::done(AuditAction::Exported, account.name.as_str(), Some(order.archive.clone()));
                append(connection, exported, author).await?;
            }
            let ids = order.revocations.iter().map(|id| id.as_str());
            diesel::delete(revocations::table.filter(revocations::id.eq_any(ids))).execute(connection).await?;
            Ok(true)
        })
        .await
    }

    async fn feedback(&self) -> Result<Vec<StoredFeedback>, StoreError> {
        self.run("read the feedback of providers", async |connection| {
            Ok(feedback::all(connection, &self.skipped).await?)
        })
        .await
    }

    async fn put_feedback(&self, said: &StoredFeedback, now: Timestamp) -> Result<Option<CredentialEvent>, StoreError> {
        self.write("store the feedback of a provider", async |connection| {
            let now = self.clock(connection, now).await?;
            let account = find(connection, &said.name).await?.filter(|account| *account.login_id() == said.login_id);
            let Some(account) = account else { return Ok(None) };
            let before = feedback::replace(connection, said).await?;
            let Some(AccountRefusal { code, .. }) = said.feedback.new_refusal(&before) else { return Ok(None) };
            if was_refused(connection, &said.login_id, code, now.minus(ANNOUNCEMENT_INTERVAL)).await? {
                return Ok(None);
            }
            let event = CredentialEvent::refused(&said.name, code, &account.refresh, now);
            Ok(Some(CredentialEvent { revision: record(connection, &event).await?, ..event }))
        })
        .await
    }
}

/// Applies one event of the refresh protocol, in the caller's transaction.
pub(super) async fn advance(
    connection: &mut Connection,
    name: &AccountName,
    event: &RefreshEvent,
    policy: &RefreshPolicy,
    now: Timestamp,
) -> Result<Advanced, TransactionError> {
    let before = match find(connection, name).await {
        Err(error) if error.is_unreadable_row() => Some(repair(connection, name, event).await?.ok_or(error)?),
        found => found?,
    };
    let stepped = step(before.as_ref().map(|account| &account.refresh), event, policy, now);
    let Step { row, effect, events } = stepped;
    let unnumbered = |event: StepEvent| CredentialEvent::unnumbered(name, event.kind, &event.state, now);
    let events: Vec<_> = events.into_iter().map(unnumbered).collect();
    let (credential, events) = match (before, row) {
        (Some(before), Some(refresh)) if !events.is_empty() => {
            let account = before.after_step(event, effect, refresh);
            let (saved, events) = put(connection, account, events, Some(&before)).await?;
            (Some(saved), events)
        }
        (Some(_), None) => (None, delete(connection, name, events).await?),
        (before, _) => (before, events),
    };
    Ok(Advanced { effect, credential, events })
}

async fn find(connection: &mut Connection, name: &AccountName) -> Result<Option<SealedCredential>, TransactionError> {
    Ok(rows(connection, Some(name)).await?.pop().map(account).transpose()?)
}

/// Returns an unreadable account as the new tokens of its login repair it; None if it stays unreadable. Stores nothing.
async fn repair(
    connection: &mut Connection,
    name: &AccountName,
    event: &RefreshEvent,
) -> QueryResult<Option<SealedCredential>> {
    let RefreshEvent::Succeeded(rotation) = event else { return Ok(None) };
    let damaged = rows(connection, Some(name)).await?.pop();
    let repaired = damaged.and_then(|(row, refresh_token)| Some((row.repaired_by(rotation)?, refresh_token)));
    Ok(repaired.and_then(|row| account(row).ok()))
}

/// Returns the event by which other replicas learn that an unreadable account was removed.
async fn removal_of_unreadable(
    connection: &mut Connection,
    name: &AccountName,
    now: Timestamp,
) -> QueryResult<CredentialEvent> {
    let row = llm_providers::table.filter(llm_providers::name.eq(name.as_str()));
    let row = row.select((llm_providers::login_id, llm_providers::generation));
    let (login_id, generation): (StoredText, i64) = row.first(connection).await?;
    Ok(CredentialEvent {
        revision: Revision::default(),
        name: name.clone(),
        login_id: LoginId::from_stored(login_id.into()),
        generation: Generation(generation.try_into().unwrap_or_default()),
        kind: EventKind::SignedOut,
        cause: None,
        code: None,
        at: now,
    })
}

/// Reads accounts with their refresh tokens, ordered by name. A single statement guarantees that both are of the same
/// login.
pub(super) async fn rows(connection: &mut Connection, name: Option<&AccountName>) -> QueryResult<Vec<AccountRow>> {
    match name {
        Some(name) => all_rows().filter(llm_providers::name.eq(name.as_str())).load(connection).await,
        None => all_rows().load(connection).await,
    }
}

fn accounts_of(rows: Vec<AccountRow>, skipped: &SkippedRows) -> StoredAccounts {
    let mut accounts = StoredAccounts::default();
    for row in rows {
        let name = AccountName::parse(&row.0.name);
        match (account(row), name) {
            (Ok(account), _) => accounts.readable.push(account),
            (Err(row), Ok(name)) => accounts.unreadable.push(UnreadableAccount { name, row }),
            (Err(row), Err(_)) => skipped.report(&row),
        }
    }
    accounts
}

/// Records the events and writes the account, and its refresh token if it differs from the one in `before`. Returns the
/// account and the events as stored.
async fn put(
    connection: &mut Connection,
    mut account: SealedCredential,
    mut events: Vec<CredentialEvent>,
    before: Option<&SealedCredential>,
) -> Result<(SealedCredential, Vec<CredentialEvent>), TransactionError> {
    for event in &mut events {
        event.revision = record(connection, event).await?;
        (account.revision, account.updated_at) = (event.revision, event.at);
    }
    let row = ProviderRow::from(&account);
    let insert = diesel::insert_into(llm_providers::table).values(&row);
    insert.on_conflict(llm_providers::id).do_update().set(&row).execute(connection).await?;
    let key = refresh_token_key(&account.name);
    match &account.refresh_token {
        token if before.is_some_and(|before| before.refresh_token == *token) => {}
        None => drop(diesel::delete(config_secrets::table.find(key)).execute(connection).await?),
        Some(token) => {
            let (value, now) = (token.as_str(), account.updated_at.unix_millis());
            diesel::insert_into(config_secrets::table)
                .values(SecretRow { key, value, created_at: now, updated_at: now })
                .on_conflict(config_secrets::key)
                .do_update()
                .set((config_secrets::value.eq(value), config_secrets::updated_at.eq(now)))
                .execute(connection)
                .await?;
        }
    }
    let saved = find(connection, &account.name).await?.ok_or(DieselError::NotFound)?;
    Ok((saved, events))
}

/// Records the events and deletes the account with both tokens. Returns the events as stored.
async fn delete(
    connection: &mut Connection,
    name: &AccountName,
    mut events: Vec<CredentialEvent>,
) -> Result<Vec<CredentialEvent>, TransactionError> {
    for event in &mut events {
        event.revision = record(connection, event).await?;
    }
    let row = llm_providers::table.filter(llm_providers::name.eq(name.as_str()));
    diesel::delete(row).execute(connection).await?;
    diesel::delete(config_secrets::table.find(refresh_token_key(name))).execute(connection).await?;
    feedback::delete(connection, name).await?;
    Ok(events)
}

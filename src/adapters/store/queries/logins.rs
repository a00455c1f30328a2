//! Implements [`LoginStore`] on the table `login_sessions`.

use std::time::Duration;

use async_trait::async_trait;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::{Connection, Store, audit::append, revocations::queue};
use crate::{
    adapters::store::{
        error::TransactionError,
        json_text::Document,
        rows::Place,
        schema::{api_tokens, login_sessions as table},
        stored_text::{NullableText, StoredText},
    },
    domain::{
        audit::AuditEvent,
        confirmation::Replaces,
        ids::{AccountName, LoginId, Principal, StateDigest},
        login::{LoginSession, SealedLogin},
        login_outcome::{LoginDetail, LoginOutcome, LoginProgress},
        provider::ProviderType,
        revocation::PendingRevocation,
        sealed_secret::SealedSecret,
        time::Timestamp,
        unreadable::UnreadableRow,
    },
    ports::{Author, BeginOutcome, ClaimOutcome, LoginStore, StoreError},
};

const TABLE: &str = "login_sessions";

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = table)]
struct LoginRow {
    #[diesel(deserialize_as = StoredText)]
    id: String,
    #[diesel(deserialize_as = StoredText)]
    state_digest: String,
    #[diesel(deserialize_as = StoredText)]
    state: String,
    #[diesel(deserialize_as = StoredText)]
    verifier: String,
    #[diesel(deserialize_as = StoredText)]
    provider: String,
    #[diesel(deserialize_as = StoredText)]
    provider_type: String,
    #[diesel(deserialize_as = NullableText)]
    display_name: Option<String>,
    #[diesel(deserialize_as = StoredText)]
    principal: String,
    client: Document,
    #[diesel(deserialize_as = StoredText)]
    outcome: String,
    outcome_at: i64,
    started_at: i64,
    expires_at: i64,
    #[diesel(deserialize_as = NullableText)]
    detail: Option<String>,
    replace_account: bool,
    #[diesel(deserialize_as = NullableText)]
    tokens: Option<String>,
}

/// The columns that change during a login. Only failed logins have a `detail`, and only unconfirmed ones `tokens`.
#[derive(AsChangeset)]
#[diesel(table_name = table, treat_none_as_null = true)]
struct ProgressRow {
    outcome: &'static str,
    outcome_at: i64,
    detail: Option<String>,
    tokens: Option<String>,
}

impl ProgressRow {
    fn new(progress: LoginProgress, since: Timestamp) -> Self {
        Self { outcome: progress.as_str(), outcome_at: since.unix_millis(), detail: None, tokens: None }
    }

    fn ended(outcome: LoginOutcome, at: Timestamp) -> Self {
        Self::new(LoginProgress::Ended(outcome), at)
    }
}

impl TryFrom<&SealedLogin> for LoginRow {
    type Error = UnreadableRow;

    fn try_from(login: &SealedLogin) -> Result<Self, UnreadableRow> {
        let session = &login.session;
        let id = session.id.as_str();
        Ok(Self {
            id: id.to_owned(),
            state_digest: login.state_digest.as_str().to_owned(),
            state: login.state.as_str().to_owned(),
            verifier: login.verifier.as_str().to_owned(),
            provider: session.name.as_str().to_owned(),
            provider_type: session.provider_type.as_str().to_owned(),
            display_name: session.display_name.clone(),
            principal: session.principal.as_str().to_owned(),
            client: Place { table: TABLE, row: id }.encode("client", &session.client)?,
            outcome: login.progress.as_str().to_owned(),
            outcome_at: login.progress_since.unix_millis(),
            started_at: session.started_at.unix_millis(),
            expires_at: session.expires_at.unix_millis(),
            detail: login.detail.as_ref().map(|detail| detail.as_str().to_owned()),
            replace_account: session.replace,
            tokens: login.tokens.as_ref().map(|tokens| tokens.as_str().to_owned()),
        })
    }
}

impl TryFrom<LoginRow> for SealedLogin {
    type Error = UnreadableRow;

    fn try_from(row: LoginRow) -> Result<Self, UnreadableRow> {
        let place = Place { table: TABLE, row: &row.id };
        Ok(Self {
            progress: LoginProgress::parse(&row.outcome).ok_or_else(|| place.invalid("outcome"))?,
            session: LoginSession {
                name: AccountName::parse(&row.provider).map_err(|_| place.invalid("provider"))?,
                provider_type: ProviderType::parse(&row.provider_type).ok_or_else(|| place.invalid("provider_type"))?,
                display_name: row.display_name,
                principal: Principal::named(row.principal),
                client: place.decode("client", &row.client)?,
                replace: row.replace_account,
                started_at: Timestamp::from_unix_millis(row.started_at),
                expires_at: Timestamp::from_unix_millis(row.expires_at),
                id: LoginId::from_stored(row.id),
            },
            state_digest: StateDigest::from_stored(row.state_digest),
            state: SealedSecret::from_stored(row.state),
            verifier: SealedSecret::from_stored(row.verifier),
            tokens: row.tokens.map(SealedSecret::from_stored),
            progress_since: Timestamp::from_unix_millis(row.outcome_at),
            detail: row.detail.as_deref().and_then(LoginDetail::new),
        })
    }
}

const PENDING: &str = LoginProgress::Pending.as_str();
/// How many logins are read to find the newest readable one.
const LATEST_CANDIDATES: i64 = 10;
const EXCHANGING: &str = LoginProgress::Exchanging.as_str();
const UNCONFIRMED: &str = LoginProgress::Unconfirmed.as_str();
/// Ended, but the replica that has redeemed the code may still save the tokens.
const INTERRUPTED: &str = LoginProgress::Ended(LoginOutcome::Interrupted).as_str();
const NOT_ENDED: [&str; 3] = [PENDING, EXCHANGING, UNCONFIRMED];
pub(super) const CANCELLABLE: [&str; 3] = [PENDING, EXCHANGING, INTERRUPTED];

#[async_trait]
impl LoginStore for Store {
    async fn begin(&self, login: &SealedLogin, author: &Author) -> Result<BeginOutcome, StoreError> {
        let row = LoginRow::try_from(login)?;
        let (name, principal) = (login.session.name.as_str(), login.session.principal.as_str());
        let of_principal = table::provider.eq(name).and(table::principal.eq(principal));
        let pending = table::table.filter(of_principal.and(table::outcome.eq(PENDING)));
        self.write("begin a login", async |connection| {
            if let Some(token) = login.session.principal.program_token().or_else(|| author.actor.token_id())
                && api_tokens::table.find(token).count().get_result::<i64>(connection).await? == 0
            {
                return Ok(BeginOutcome::CallerGone);
            }
            expire(connection, &author.gateway()).await?;
            if let Some(earlier) = pending.select(LoginRow::as_select()).first(connection).await.optional()? {
                let earlier: LoginRow = earlier;
                let ended = [(StoredText(earlier.id.clone()), StoredText(earlier.provider.clone()))];
                match earlier.try_into() {
                    Ok(earlier) => return Ok(BeginOutcome::AlreadyPending(Box::new(earlier))),
                    // An unreadable login cannot be completed, so it ends.
                    Err(unreadable) => self.skipped.report(&unreadable),
                }
                let end = ProgressRow::ended(LoginOutcome::Interrupted, author.at);
                diesel::update(pending).set(end).execute(connection).await?;
                append_ends(connection, &ended, LoginOutcome::Interrupted, &author.gateway()).await?;
            }
            diesel::insert_into(table::table).values(row).execute(connection).await?;
            append(connection, AuditEvent::login_started(&login.session), author).await?;
            Ok(BeginOutcome::Begun)
        })
        .await
    }

    async fn find(&self, state: &StateDigest) -> Result<Option<SealedLogin>, StoreError> {
        let login = table::table.filter(table::state_digest.eq(state.as_str())).select(LoginRow::as_select());
        let found = self.run("find a login", async |connection| Ok(login.load(connection).await?)).await?;
        Ok(self.skipped.readable::<LoginRow, _>(found).pop())
    }

    async fn by_id(&self, id: &LoginId) -> Result<Option<SealedLogin>, StoreError> {
        let login = table::table.find(id.as_str()).select(LoginRow::as_select());
        let found = self.run("read a login", async |connection| Ok(login.load(connection).await?)).await?;
        Ok(self.skipped.readable::<LoginRow, _>(found).pop())
    }

    async fn latest(&self, name: &AccountName, principal: &Principal) -> Result<Option<SealedLogin>, StoreError> {
        let latest = table::table
            .filter(table::provider.eq(name.as_str()).and(table::principal.eq(principal.as_str())))
            .order((table::started_at.desc(), table::id.desc()))
            .limit(LATEST_CANDIDATES)
            .select(LoginRow::as_select());
        let latest = self.run("find the latest login", async |connection| Ok(latest.load(connection).await?)).await?;
        Ok(self.skipped.readable::<LoginRow, _>(latest).into_iter().next())
    }

    async fn open_logins(&self, now: Timestamp) -> Result<Vec<SealedLogin>, StoreError> {
        let open = table::outcome.eq(PENDING).and(table::expires_at.gt(now.unix_millis()));
        let open = table::table.filter(open).select(LoginRow::as_select());
        let open = self.run("list the pending logins", async |connection| Ok(open.load(connection).await?)).await?;
        Ok(self.skipped.readable::<LoginRow, _>(open))
    }

    async fn unsettled(&self) -> Result<Vec<SealedLogin>, StoreError> {
        let unsettled =
            table::table.filter(table::outcome.eq_any([EXCHANGING, UNCONFIRMED])).select(LoginRow::as_select());
        let unsettled =
            self.run("list the unsettled logins", async |connection| Ok(unsettled.load(connection).await?)).await?;
        Ok(self.skipped.readable::<LoginRow, _>(unsettled))
    }

    async fn ended(&self, limit: usize) -> Result<Vec<SealedLogin>, StoreError> {
        let ended = table::table
            .filter(table::outcome.ne_all(NOT_ENDED))
            .order((table::outcome_at.desc(), table::id.desc()))
            .limit(limit.try_into().unwrap_or(i64::MAX))
            .select(LoginRow::as_select());
        let ended = self.run("list the ended logins", async |connection| Ok(ended.load(connection).await?)).await?;
        Ok(self.skipped.readable::<LoginRow, _>(ended))
    }

    async fn claim(&self, id: &LoginId, now: Timestamp) -> Result<ClaimOutcome, StoreError> {
        let pending = table::id.eq(id.as_str()).and(table::outcome.eq(PENDING));
        let claim = diesel::update(table::table.filter(pending)).set(ProgressRow::new(LoginProgress::Exchanging, now));
        let claimed = self.run("claim a login", async |connection| Ok(claim.execute(connection).await?)).await?;
        Ok(if claimed == 1 { ClaimOutcome::Claimed } else { ClaimOutcome::Taken })
    }

    async fn keep_unconfirmed(&self, id: &LoginId, tokens: &SealedSecret, now: Timestamp) -> Result<bool, StoreError> {
        let redeemed = table::outcome.eq_any([EXCHANGING, INTERRUPTED]);
        let login = table::table.filter(table::id.eq(id.as_str()).and(redeemed));
        let unconfirmed = ProgressRow {
            tokens: Some(tokens.as_str().to_owned()),
            ..ProgressRow::new(LoginProgress::Unconfirmed, now)
        };
        let keep = diesel::update(login).set(unconfirmed);
        self.run("keep an unconfirmed login", async |connection| Ok(keep.execute(connection).await? == 1)).await
    }

    async fn decline(
        &self,
        id: &LoginId,
        outcome: LoginOutcome,
        revocation: Option<&PendingRevocation>,
        author: &Author,
    ) -> Result<bool, StoreError> {
        let unconfirmed = table::table.filter(table::id.eq(id.as_str()).and(table::outcome.eq(UNCONFIRMED)));
        let end = diesel::update(unconfirmed).set(ProgressRow::ended(outcome, author.at));
        let end = end.returning((table::id, table::provider));
        self.write("decline a login", async |connection| {
            let ended: Vec<EndedLogin> = end.get_results(connection).await?;
            if let (false, Some(revocation)) = (ended.is_empty(), revocation) {
                queue(connection, revocation).await?;
            }
            append_ends(connection, &ended, outcome, author).await?;
            Ok(!ended.is_empty())
        })
        .await
    }

    async fn end(
        &self,
        id: &LoginId,
        outcome: LoginOutcome,
        detail: Option<&LoginDetail>,
        author: &Author,
    ) -> Result<bool, StoreError> {
        let under_way = table::id.eq(id.as_str()).and(table::outcome.eq_any([PENDING, EXCHANGING]));
        let detail = detail.map(|detail| detail.as_str().to_owned());
        let ended = ProgressRow { detail, ..ProgressRow::ended(outcome, author.at) };
        let end = diesel::update(table::table.filter(under_way)).set(ended);
        let end = end.returning((table::id, table::provider));
        self.write("end a login", async |connection| {
            let ended: Vec<EndedLogin> = end.get_results(connection).await?;
            append_ends(connection, &ended, outcome, author).await?;
            Ok(!ended.is_empty())
        })
        .await
    }

    async fn cancel_all(&self, name: &AccountName, author: &Author) -> Result<usize, StoreError> {
        let logins = table::table.filter(table::provider.eq(name.as_str()).and(table::outcome.eq_any(CANCELLABLE)));
        self.write("cancel the logins under way", async |connection| {
            let ids: Vec<StoredText> = logins.select(table::id).load(connection).await?;
            cancel(connection, ids, author).await
        })
        .await
    }

    async fn sweep(&self, stuck_after: Duration, keep: Duration, author: &Author) -> Result<usize, StoreError> {
        const STUCK_OUTCOME: LoginOutcome = LoginOutcome::Interrupted;
        let now = author.at;
        let stuck = table::outcome.eq(EXCHANGING).and(table::outcome_at.lt(now.minus(stuck_after).unix_millis()));
        let interrupt = diesel::update(table::table.filter(stuck)).set(ProgressRow::ended(STUCK_OUTCOME, now));
        let interrupt = interrupt.returning((table::id, table::provider));
        let ended = table::outcome.ne_all(NOT_ENDED);
        let old = table::table.filter(ended.and(table::outcome_at.lt(now.minus(keep).unix_millis())));
        self.write("sweep the logins", async |connection| {
            let expired = expire(connection, author).await?;
            let interrupted: Vec<EndedLogin> = interrupt.get_results(connection).await?;
            append_ends(connection, &interrupted, STUCK_OUTCOME, author).await?;
            diesel::delete(old).execute(connection).await?;
            Ok(expired + interrupted.len())
        })
        .await
    }
}

/// Ends overdue pending logins, with their expiry as the end time. Returns their number.
async fn expire(connection: &mut Connection, author: &Author) -> Result<usize, TransactionError> {
    const OUTCOME: LoginOutcome = LoginOutcome::Expired;
    let overdue = table::outcome.eq(PENDING).and(table::expires_at.le(author.at.unix_millis()));
    let expire = diesel::update(table::table.filter(overdue))
        .set((table::outcome.eq(OUTCOME.as_str()), table::outcome_at.eq(table::expires_at)))
        .returning((table::id, table::provider));
    let expired: Vec<EndedLogin> = expire.get_results(connection).await?;
    append_ends(connection, &expired, OUTCOME, author).await?;
    Ok(expired.len())
}

/// Cancels those of the logins whose tokens may still be saved without a confirmation. Returns how many were under way.
pub(super) async fn cancel(
    connection: &mut Connection,
    ids: Vec<StoredText>,
    author: &Author,
) -> Result<usize, TransactionError> {
    let ids: Vec<String> = ids.into_iter().map(String::from).collect();
    let end = || ProgressRow::ended(LoginOutcome::Cancelled, author.at);
    let under_way = table::id.eq_any(ids.clone()).and(table::outcome.eq_any([PENDING, EXCHANGING]));
    let cancelled = diesel::update(table::table.filter(under_way)).set(end()).returning((table::id, table::provider));
    let ended: Vec<EndedLogin> = cancelled.get_results(connection).await?;
    append_ends(connection, &ended, LoginOutcome::Cancelled, author).await?;
    let interrupted = table::id.eq_any(ids).and(table::outcome.eq(INTERRUPTED));
    diesel::update(table::table.filter(interrupted)).set(end()).execute(connection).await?;
    Ok(ended.len())
}

/// The id and the account of a login that has ended.
type EndedLogin = (StoredText, StoredText);

/// Appends the audit entry of each login that has ended.
async fn append_ends(
    connection: &mut Connection,
    ended: &[EndedLogin],
    outcome: LoginOutcome,
    author: &Author,
) -> Result<(), TransactionError> {
    for (StoredText(id), StoredText(account)) in ended {
        append(connection, AuditEvent::login_ended(account, outcome, format!("login {id}")), author).await?;
    }
    Ok(())
}

/// Ends the login as completed if it has the progress that `replaces` requires, or else returns why not. Does nothing
/// for a pasted secret, whose login id has no row.
pub(super) async fn complete(
    connection: &mut Connection,
    id: &LoginId,
    replaces: &Replaces,
    author: &Author,
) -> Result<Option<LoginOutcome>, TransactionError> {
    const EARLIER_OUTCOME: LoginOutcome = LoginOutcome::Cancelled;
    let now = author.at;
    let login = table::table.find(id.as_str());
    let columns = (table::outcome, table::outcome_at, table::started_at, table::provider);
    let found: Option<(StoredText, i64, i64, StoredText)> = login.select(columns).first(connection).await.optional()?;
    let Some((progress, since, started_at, provider)) = found else { return Ok(None) };
    let required = replaces.required_progress();
    let claimed_at = match LoginProgress::parse(&progress.0) {
        Some(progress) if progress == required => since,
        // The sweep of another replica has replaced the time of the claim, which came after the start.
        Some(LoginProgress::Ended(LoginOutcome::Interrupted)) if required == LoginProgress::Exchanging => started_at,
        Some(LoginProgress::Unconfirmed) => return Ok(Some(LoginOutcome::ConfirmationNeeded)),
        Some(LoginProgress::Ended(outcome)) => return Ok(Some(outcome)),
        // The login was not claimed, or the row is invalid: this caller must not complete it.
        Some(LoginProgress::Pending | LoginProgress::Exchanging) | None => return Ok(Some(LoginOutcome::Interrupted)),
    };
    diesel::update(login).set(ProgressRow::ended(LoginOutcome::Completed, now)).execute(connection).await?;
    // Cancel code exchanges that began earlier, so that none of them replaces this newer login.
    let exchanging = table::outcome.eq(EXCHANGING).and(table::outcome_at.le(claimed_at));
    let interrupted = table::outcome.eq(INTERRUPTED).and(table::started_at.le(started_at));
    let of_account = || table::table.filter(table::provider.eq(&provider.0));
    let cancel = diesel::update(of_account().filter(exchanging)).set(ProgressRow::ended(EARLIER_OUTCOME, now));
    let cancelled: Vec<EndedLogin> = cancel.returning((table::id, table::provider)).get_results(connection).await?;
    append_ends(connection, &cancelled, EARLIER_OUTCOME, author).await?;
    // The audit log already has an entry for the end of each of these.
    let cancel = diesel::update(of_account().filter(interrupted)).set(ProgressRow::ended(EARLIER_OUTCOME, now));
    cancel.execute(connection).await?;
    Ok(None)
}

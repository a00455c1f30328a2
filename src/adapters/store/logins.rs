//! The queries for logins under way: `login_sessions`.

use std::time::Duration;

use crate::domain::time::Timestamp;

/// How a login that waits for its callback is stored.
pub(super) const PENDING: &str = "pending";
/// How a login whose code is being redeemed is stored.
pub(super) const EXCHANGING: &str = "exchanging";

/// The time `duration` before `now`, as stored.
pub(super) fn before(now: Timestamp, duration: Duration) -> i64 {
    now.unix_millis().saturating_sub(duration.as_millis().try_into().unwrap_or(i64::MAX))
}

/// Implements [`crate::ports::LoginStore`] for a store.
///
/// `$begin` runs a write transaction; `$write_alone` is called first in it and returns once no other one is under way.
macro_rules! login_store {
    ($store:ty, $connection:ty, $begin:path, $write_alone:path) => {
        use std::time::Duration;

        use async_trait::async_trait;
        use diesel::{
            BoolExpressionMethods, ExpressionMethods, OptionalExtension, QueryDsl, QueryResult, SelectableHelper,
        };
        use diesel_async::RunQueryDsl;

        use crate::{
            adapters::store::{
                logins::{EXCHANGING, PENDING, before},
                rows::LoginRow,
                schema::login_sessions as table,
            },
            domain::{
                ids::{LoginId, Principal, ProviderName, StateDigest},
                login::SealedLogin,
                login_outcome::LoginOutcome,
                time::Timestamp,
            },
            ports::{BeginOutcome, ClaimOutcome, LoginStore, StoreError},
        };

        #[async_trait]
        impl LoginStore for $store {
            async fn begin(&self, login: &SealedLogin, now: Timestamp) -> Result<BeginOutcome, StoreError> {
                let row = LoginRow::of(login)?;
                let (name, principal) = (login.session.name.as_str(), login.session.principal.as_str());
                on_connection!(self, "begin a login", connection => {
                    $begin(&mut *connection, async |connection| {
                        $write_alone(connection).await?;
                        expire(connection, now).await?;
                        let of_both = table::provider.eq(name).and(table::principal.eq(principal));
                        let open = table::table.filter(of_both.and(table::outcome.eq(PENDING)));
                        let open = open.select(LoginRow::as_select()).first(connection).await.optional()?;
                        if let Some(earlier) = open {
                            return Ok(BeginOutcome::AlreadyPending(Box::new(earlier.into_login()?)));
                        }
                        diesel::insert_into(table::table).values(row).execute(connection).await?;
                        Ok(BeginOutcome::Begun)
                    })
                    .await
                })
            }

            async fn find(&self, state: &StateDigest) -> Result<Option<SealedLogin>, StoreError> {
                let login = table::table.filter(table::state_digest.eq(state.as_str())).select(LoginRow::as_select());
                on_connection!(self, "find a login", connection => {
                    let found = login.first(&mut connection).await.optional()?;
                    Ok(found.map(LoginRow::into_login).transpose()?)
                })
            }

            async fn latest(
                &self,
                name: &ProviderName,
                principal: &Principal,
            ) -> Result<Option<SealedLogin>, StoreError> {
                let latest = table::table
                    .filter(table::provider.eq(name.as_str()).and(table::principal.eq(principal.as_str())))
                    .order((table::started_at.desc(), table::id.desc()))
                    .select(LoginRow::as_select());
                on_connection!(self, "find the latest login", connection => {
                    let found = latest.first(&mut connection).await.optional()?;
                    Ok(found.map(LoginRow::into_login).transpose()?)
                })
            }

            async fn open_logins(&self, now: Timestamp) -> Result<Vec<SealedLogin>, StoreError> {
                let open = table::table.filter(table::outcome.eq(PENDING).and(table::expires_at.gt(now.unix_millis())));
                on_connection!(self, "list the pending logins", connection => {
                    let rows: Vec<LoginRow> = open.select(LoginRow::as_select()).load(&mut connection).await?;
                    Ok(rows.into_iter().map(LoginRow::into_login).collect::<Result<_, _>>()?)
                })
            }

            async fn ended(&self, limit: usize) -> Result<Vec<SealedLogin>, StoreError> {
                let ended = table::table
                    .filter(table::outcome.ne_all([PENDING, EXCHANGING]))
                    .order((table::outcome_at.desc(), table::id.desc()))
                    .limit(limit.try_into().unwrap_or(i64::MAX));
                on_connection!(self, "list the logins that have ended", connection => {
                    let rows: Vec<LoginRow> = ended.select(LoginRow::as_select()).load(&mut connection).await?;
                    Ok(rows.into_iter().map(LoginRow::into_login).collect::<Result<_, _>>()?)
                })
            }

            async fn claim(&self, id: &LoginId, now: Timestamp) -> Result<ClaimOutcome, StoreError> {
                let pending = table::table.filter(table::id.eq(id.as_str()).and(table::outcome.eq(PENDING)));
                let claim = diesel::update(pending)
                    .set((table::outcome.eq(EXCHANGING), table::outcome_at.eq(now.unix_millis())));
                on_connection!(self, "claim a login", connection => {
                    let claimed = claim.execute(&mut connection).await?;
                    Ok(if claimed == 1 { ClaimOutcome::Claimed } else { ClaimOutcome::Taken })
                })
            }

            async fn end(&self, id: &LoginId, outcome: LoginOutcome, now: Timestamp) -> Result<bool, StoreError> {
                let under_way = table::outcome.eq_any([PENDING, EXCHANGING]);
                let end = diesel::update(table::table.filter(table::id.eq(id.as_str()).and(under_way)))
                    .set((table::outcome.eq(outcome.as_str()), table::outcome_at.eq(now.unix_millis())));
                on_connection!(self, "end a login", connection => Ok(end.execute(&mut connection).await? == 1))
            }

            async fn cancel_all(&self, name: &ProviderName, now: Timestamp) -> Result<usize, StoreError> {
                let under_way = table::provider.eq(name.as_str()).and(table::outcome.eq_any([PENDING, EXCHANGING]));
                let cancel = diesel::update(table::table.filter(under_way)).set((
                    table::outcome.eq(LoginOutcome::Cancelled.as_str()),
                    table::outcome_at.eq(now.unix_millis()),
                ));
                on_connection!(self, "cancel the logins under way", connection => Ok(cancel.execute(&mut connection).await?))
            }

            async fn sweep(&self, now: Timestamp, stuck_after: Duration, keep: Duration) -> Result<usize, StoreError> {
                on_connection!(self, "sweep the logins", connection => {
                    $begin(&mut *connection, async |connection| {
                        $write_alone(connection).await?;
                        let expired = expire(connection, now).await?;
                        let stuck = table::outcome.eq(EXCHANGING).and(table::outcome_at.lt(before(now, stuck_after)));
                        let interrupted = diesel::update(table::table.filter(stuck))
                            .set((
                                table::outcome.eq(LoginOutcome::Interrupted.as_str()),
                                table::outcome_at.eq(now.unix_millis()),
                            ))
                            .execute(connection)
                            .await?;
                        let ended = table::outcome.ne_all([PENDING, EXCHANGING]);
                        let old = table::table.filter(ended.and(table::outcome_at.lt(before(now, keep))));
                        diesel::delete(old).execute(connection).await?;
                        Ok(expired + interrupted)
                    })
                    .await
                })
            }
        }

        /// Ends what is overdue, at the time it was due.
        async fn expire(connection: &mut $connection, now: Timestamp) -> QueryResult<usize> {
            let overdue = table::outcome.eq(PENDING).and(table::expires_at.le(now.unix_millis()));
            diesel::update(table::table.filter(overdue))
                .set((table::outcome.eq(LoginOutcome::Expired.as_str()), table::outcome_at.eq(table::expires_at)))
                .execute(connection)
                .await
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::login_outcome::LoginProgress;

    #[test]
    fn the_words_in_the_queries_are_the_domain_s() {
        assert_eq!((PENDING, EXCHANGING), (LoginProgress::Pending.as_str(), LoginProgress::Exchanging.as_str()));
    }
}

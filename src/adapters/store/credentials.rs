//! The queries for connected accounts: `llm_providers` and, beside it, `config_secrets`.

/// The key of a row's refresh token in SQL: what `refresh_token_key` says in Rust. The contract suite compares the two.
pub(super) const KEY_OF_ROW: &str = "'oauth.' || llm_providers.name || '.refresh_token'";

/// Implements [`crate::ports::TokenStore`] for a store.
///
/// `$begin` runs a write transaction; `$write_alone` is called first in it and returns once no other one is under way.
macro_rules! token_store {
    ($store:ty, $connection:ty, $begin:path, $write_alone:path) => {
        use async_trait::async_trait;
        use diesel::{
            BoolExpressionMethods, ExpressionMethods, JoinOnDsl, NullableExpressionMethods, OptionalExtension, QueryDsl, SelectableHelper,
            dsl::sql, sql_types::Text,
        };
        use diesel_async::RunQueryDsl;

        use crate::{
            adapters::store::{
                credentials::KEY_OF_ROW,
                error::TransactionError,
                logins::EXCHANGING,
                rows::{EventRow, NewEventRow, ProviderRow, RevocationRow, SecretRow},
                schema::{config_secrets, credential_events, llm_providers, login_sessions, revocations},
            },
            domain::{
                credential::{NewSealedCredential, SealedCredential},
                history::{CredentialEvent, EventKind},
                ids::{LoginId, ProviderName},
                login_outcome::{LoginOutcome, LoginProgress},
                refresh::{Effect, RefreshEvent, RefreshPolicy, RefreshState, step},
                revocation::{PendingRevocation, RevocationOrder},
                sealed::{SealedSecret, refresh_token_key},
                time::Timestamp,
            },
            ports::{Advanced, TokenStore, ProfileChange, SaveOutcome, StoreError},
        };

        #[async_trait]
        impl TokenStore for $store {
            async fn load(&self, name: &ProviderName) -> Result<Option<SealedCredential>, StoreError> {
                on_connection!(self, "load an account", connection => load(&mut connection, name).await)
            }

            async fn list(&self) -> Result<Vec<SealedCredential>, StoreError> {
                on_connection!(self, "list the accounts", connection => list(&mut connection).await)
            }

            async fn save_login(&self, new: &NewSealedCredential, now: Timestamp) -> Result<SaveOutcome, StoreError> {
                on_connection!(self, "save a login", connection => {
                    $begin(&mut *connection, async |connection| {
                        $write_alone(connection).await?;
                        save(connection, new, now).await
                    })
                    .await
                })
            }

            async fn change_profile(
                &self,
                name: &ProviderName,
                change: &ProfileChange,
                now: Timestamp,
            ) -> Result<Option<SealedCredential>, StoreError> {
                on_connection!(self, "change an account", connection => {
                    $begin(&mut *connection, async |connection| {
                        $write_alone(connection).await?;
                        let Some(account) = load(connection, name).await? else { return Ok(None) };
                        let row = diesel::update(llm_providers::table.filter(llm_providers::name.eq(name.as_str())));
                        let changed = record(connection, name, &account.refresh, EventKind::Changed, now).await?;
                        let changes = (
                            change.display_name.as_ref().map(|text| llm_providers::display_name.eq(text)),
                            change.enabled.map(|enabled| llm_providers::enabled.eq(enabled)),
                            llm_providers::updated_at.eq(now.unix_millis()),
                            llm_providers::revision.eq(changed.revision.0),
                        );
                        row.set(changes).execute(connection).await?;
                        load(connection, name).await
                    })
                    .await
                })
            }

            async fn advance(
                &self,
                name: &ProviderName,
                event: &RefreshEvent,
                policy: &RefreshPolicy,
                now: Timestamp,
            ) -> Result<Advanced, StoreError> {
                on_connection!(self, "refresh an account", connection => {
                    $begin(&mut *connection, async |connection| {
                        $write_alone(connection).await?;
                        let now = self.clock(connection, now).await?;
                        advance(connection, name, event, policy, now).await
                    })
                    .await
                })
            }

            async fn remove(
                &self,
                name: &ProviderName,
                revocation: Option<&RevocationOrder>,
                now: Timestamp,
            ) -> Result<Option<SealedCredential>, StoreError> {
                on_connection!(self, "remove an account", connection => {
                    $begin(&mut *connection, async |connection| {
                        $write_alone(connection).await?;
                        let was = load(connection, name).await?;
                        if let Some(account) = &was {
                            record(connection, name, &account.refresh, EventKind::SignedOut, now).await?;
                            queue(connection, revocation, account, now).await?;
                        }
                        let row = llm_providers::table.filter(llm_providers::name.eq(name.as_str()));
                        diesel::delete(row).execute(connection).await?;
                        delete_refresh_token(connection, name).await?;
                        Ok(was)
                    })
                    .await
                })
            }
        }

        async fn load(
            connection: &mut $connection,
            name: &ProviderName,
        ) -> Result<Option<SealedCredential>, TransactionError> {
            let found = find(connection, name).await?;
            Ok(found.map(|(row, refresh_token)| row.into_credential(refresh_token)).transpose()?)
        }

        /// A row and its refresh token, read by one statement: by two, they could be of two logins.
        async fn find(
            connection: &mut $connection,
            name: &ProviderName,
        ) -> Result<Option<(ProviderRow, Option<String>)>, TransactionError> {
            let found = llm_providers::table
                .left_join(config_secrets::table.on(config_secrets::key.eq(sql::<Text>(KEY_OF_ROW))))
                .filter(llm_providers::name.eq(name.as_str()))
                .select((ProviderRow::as_select(), config_secrets::value.nullable()))
                .first(connection)
                .await
                .optional()?;
            Ok(found)
        }

        async fn list(connection: &mut $connection) -> Result<Vec<SealedCredential>, TransactionError> {
            let rows: Vec<(ProviderRow, Option<String>)> = llm_providers::table
                .left_join(config_secrets::table.on(config_secrets::key.eq(sql::<Text>(KEY_OF_ROW))))
                .select((ProviderRow::as_select(), config_secrets::value.nullable()))
                .order(llm_providers::name)
                .load(connection)
                .await?;
            Ok(rows
                .into_iter()
                .map(|(row, refresh_token)| row.into_credential(refresh_token))
                .collect::<Result<_, _>>()?)
        }

        async fn save(
            connection: &mut $connection,
            new: &NewSealedCredential,
            now: Timestamp,
        ) -> Result<SaveOutcome, TransactionError> {
            let before = find(connection, &new.name).await?;
            if let Some((row, _)) = &before
                && row.provider_type()? != new.provider_type
            {
                return Ok(SaveOutcome::TypeConflict(row.provider_type()?));
            }
            if let Some(outcome) = complete(connection, &new.login_id, now).await? {
                return Ok(SaveOutcome::LoginOver(outcome));
            }
            if let Some((row, refresh_token)) = before.clone() {
                queue(connection, new.superseded.as_ref(), &row.into_credential(refresh_token)?, now).await?;
            }
            let before = before.map(|(row, _)| row);
            let mut row = ProviderRow::after_login(new, before, now)?;
            let state = RefreshState::signed_in(
                new.login_id.clone(),
                new.refresh_token.is_some(),
                new.metadata.obtained_at,
                new.metadata.expires_at,
            );
            row.revision = record(connection, &new.name, &state, EventKind::SignedIn, now).await?.revision.0;
            diesel::insert_into(llm_providers::table)
                .values(&row)
                .on_conflict(llm_providers::id)
                .do_update()
                .set(&row)
                .execute(connection)
                .await?;
            match &new.refresh_token {
                None => delete_refresh_token(connection, &new.name).await?,
                Some(token) => put_refresh_token(connection, &new.name, token, now).await?,
            }
            let saved = load(connection, &new.name).await?.ok_or(diesel::result::Error::NotFound)?;
            Ok(SaveOutcome::Saved(Box::new(saved)))
        }

        async fn advance(
            connection: &mut $connection,
            name: &ProviderName,
            event: &RefreshEvent,
            policy: &RefreshPolicy,
            now: Timestamp,
        ) -> Result<Advanced, TransactionError> {
            let found = find(connection, name).await?;
            let Some((row, refresh_token)) = found else {
                let effect = step(None, event, policy, now).effect;
                return Ok(Advanced { effect, credential: None, events: Vec::new() });
            };
            let account = row.clone().into_credential(refresh_token)?;
            let stepped = step(Some(&account.refresh), event, policy, now);
            let Some(after) = stepped.row.filter(|after| *after != account.refresh) else {
                return Ok(Advanced { effect: stepped.effect, credential: Some(account), events: Vec::new() });
            };
            let stored = match event {
                RefreshEvent::Answered(rotation) if stepped.effect == Effect::Stored => Some(rotation),
                _ => None,
            };
            let mut changed = row.after_step(&after, stored, now)?;
            // A lease that ran out is a kind of its own, however long ago.
            let before = account.refresh.clone().at(now);
            let mut events = Vec::new();
            for (from, to) in [(&account.refresh, &before), (&before, &after)] {
                if let Some(kind) = EventKind::between(from, to) {
                    let event = record(connection, name, to, kind, now).await?;
                    changed.revision = event.revision.0;
                    events.push(event);
                }
            }
            diesel::update(llm_providers::table.find(&changed.id)).set(&changed).execute(connection).await?;
            if let Some(token) = stored.and_then(|rotation| rotation.refresh_token.as_ref()) {
                put_refresh_token(connection, name, token, now).await?;
            }
            Ok(Advanced { effect: stepped.effect, credential: load(connection, name).await?, events })
        }

        /// Ends the login as completed if its code is being redeemed; Some if it is over. A secret that was handed in came
        /// from no login, and its id names none.
        async fn complete(
            connection: &mut $connection,
            id: &LoginId,
            now: Timestamp,
        ) -> Result<Option<LoginOutcome>, TransactionError> {
            let columns = (login_sessions::outcome, login_sessions::outcome_at, login_sessions::provider);
            let login = login_sessions::table.find(id.as_str());
            let found: Option<(String, i64, String)> = login.select(columns).first(connection).await.optional()?;
            let Some((progress, claimed_at, provider)) = found else { return Ok(None) };
            match LoginProgress::parse(&progress) {
                Some(LoginProgress::Exchanging) => {}
                Some(LoginProgress::Ended(outcome)) => return Ok(Some(outcome)),
                // Nobody has claimed it, or the row is damaged: it is not this caller's to complete.
                Some(LoginProgress::Pending) | None => return Ok(Some(LoginOutcome::Interrupted)),
            }
            let ended_as = |outcome: LoginOutcome| {
                (login_sessions::outcome.eq(outcome.as_str()), login_sessions::outcome_at.eq(now.unix_millis()))
            };
            diesel::update(login).set(ended_as(LoginOutcome::Completed)).execute(connection).await?;
            // A slow exchange that began earlier would put its older login in this one's place.
            let earlier = login_sessions::provider
                .eq(provider)
                .and(login_sessions::outcome.eq(EXCHANGING))
                .and(login_sessions::outcome_at.le(claimed_at));
            let earlier = diesel::update(login_sessions::table.filter(earlier));
            earlier.set(ended_as(LoginOutcome::Cancelled)).execute(connection).await?;
            Ok(None)
        }

        /// Puts an account's refresh token into the queue of revocations, if that was ordered.
        async fn queue(
            connection: &mut $connection,
            order: Option<&RevocationOrder>,
            account: &SealedCredential,
            now: Timestamp,
        ) -> Result<(), TransactionError> {
            let (Some(order), Some(token)) = (order, &account.refresh_token) else { return Ok(()) };
            let row = RevocationRow::of(&PendingRevocation {
                id: order.id.clone(),
                name: account.name.clone(),
                provider_type: account.provider_type,
                login_id: account.login_id().clone(),
                token: token.clone(),
                client: order.client.clone(),
                created_at: now,
            })?;
            diesel::insert_into(revocations::table).values(row).on_conflict_do_nothing().execute(connection).await?;
            Ok(())
        }

        /// Writes an event into the history, which numbers it.
        async fn record(
            connection: &mut $connection,
            name: &ProviderName,
            state: &RefreshState,
            kind: EventKind,
            now: Timestamp,
        ) -> Result<CredentialEvent, TransactionError> {
            let event = NewEventRow::new(name, state, kind, now);
            let numbered = diesel::insert_into(credential_events::table).values(&event);
            let row: EventRow = numbered.returning(EventRow::as_returning()).get_result(connection).await?;
            Ok(row.into_event()?)
        }

        async fn put_refresh_token(
            connection: &mut $connection,
            name: &ProviderName,
            token: &SealedSecret,
            now: Timestamp,
        ) -> Result<(), TransactionError> {
            let secret = SecretRow {
                key: refresh_token_key(name),
                value: token.as_str().to_owned(),
                created_at: now.unix_millis(),
                updated_at: now.unix_millis(),
            };
            diesel::insert_into(config_secrets::table)
                .values(&secret)
                .on_conflict(config_secrets::key)
                .do_update()
                .set((config_secrets::value.eq(&secret.value), config_secrets::updated_at.eq(secret.updated_at)))
                .execute(connection)
                .await?;
            Ok(())
        }

        async fn delete_refresh_token(
            connection: &mut $connection,
            name: &ProviderName,
        ) -> Result<(), TransactionError> {
            diesel::delete(config_secrets::table.find(refresh_token_key(name))).execute(connection).await?;
            Ok(())
        }
    };
}

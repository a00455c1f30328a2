//! The queries for connected accounts: `llm_providers` and, beside it, `config_secrets`.

/// The key of a row's refresh token in SQL: what `refresh_token_key` says in Rust. The contract suite compares the two.
pub(super) const KEY_OF_ROW: &str = "'oauth.' || llm_providers.name || '.refresh_token'";

/// Implements [`crate::ports::CredentialStore`] for a store.
///
/// `$begin` runs a write transaction; `$write_alone` is called first in it and returns once no other one is under way.
macro_rules! credential_store {
    ($store:ty, $connection:ty, $begin:path, $write_alone:path) => {
        use async_trait::async_trait;
        use diesel::{
            ExpressionMethods, JoinOnDsl, NullableExpressionMethods, OptionalExtension, QueryDsl, SelectableHelper,
            dsl::sql, sql_types::Text,
        };
        use diesel_async::RunQueryDsl;

        use crate::{
            adapters::store::{
                credentials::KEY_OF_ROW,
                error::TransactionError,
                rows::{ProviderRow, SecretRow},
                schema::{config_secrets, llm_providers},
            },
            domain::{
                credential::{NewSealedCredential, SealedCredential},
                ids::{ProviderId, ProviderName},
                sealed::refresh_token_key,
                time::Timestamp,
            },
            ports::{CredentialStore, ProfileChange, SaveOutcome, StoreError},
        };

        #[async_trait]
        impl CredentialStore for $store {
            async fn load(&self, name: &ProviderName) -> Result<Option<SealedCredential>, StoreError> {
                const DOING: &str = "load an account";
                let mut connection = self.connection(DOING).await?;
                load(&mut connection, name).await.map_err(|error| error.while_doing(DOING))
            }

            async fn list(&self) -> Result<Vec<SealedCredential>, StoreError> {
                const DOING: &str = "list the accounts";
                let mut connection = self.connection(DOING).await?;
                list(&mut connection).await.map_err(|error| error.while_doing(DOING))
            }

            async fn save_login(&self, new: &NewSealedCredential, now: Timestamp) -> Result<SaveOutcome, StoreError> {
                const DOING: &str = "save a login";
                let mut connection = self.connection(DOING).await?;
                let saved = $begin(&mut *connection, async |connection| {
                    $write_alone(connection).await?;
                    save(connection, new, now).await
                })
                .await;
                saved.map_err(|error: TransactionError| error.while_doing(DOING))
            }

            async fn change_profile(
                &self,
                name: &ProviderName,
                change: &ProfileChange,
                now: Timestamp,
            ) -> Result<Option<SealedCredential>, StoreError> {
                const DOING: &str = "change an account";
                let mut connection = self.connection(DOING).await?;
                let changed = $begin(&mut *connection, async |connection| {
                    $write_alone(connection).await?;
                    let row = diesel::update(llm_providers::table.filter(llm_providers::name.eq(name.as_str())));
                    let changes = (
                        change.display_name.as_ref().map(|text| llm_providers::display_name.eq(text)),
                        change.enabled.map(|enabled| llm_providers::enabled.eq(enabled)),
                        llm_providers::updated_at.eq(now.unix_millis()),
                    );
                    row.set(changes).execute(connection).await?;
                    load(connection, name).await
                })
                .await;
                changed.map_err(|error: TransactionError| error.while_doing(DOING))
            }

            async fn remove(&self, name: &ProviderName) -> Result<Option<SealedCredential>, StoreError> {
                const DOING: &str = "remove an account";
                let mut connection = self.connection(DOING).await?;
                let removed = $begin(&mut *connection, async |connection| {
                    $write_alone(connection).await?;
                    let was = load(connection, name).await?;
                    let row = llm_providers::table.filter(llm_providers::name.eq(name.as_str()));
                    diesel::delete(row).execute(connection).await?;
                    delete_refresh_token(connection, name).await?;
                    Ok(was)
                })
                .await;
                removed.map_err(|error: TransactionError| error.while_doing(DOING))
            }
        }

        /// A row and its refresh token, read by one statement: by two, they could be of two logins.
        async fn load(
            connection: &mut $connection,
            name: &ProviderName,
        ) -> Result<Option<SealedCredential>, TransactionError> {
            let found: Option<(ProviderRow, Option<String>)> = llm_providers::table
                .left_join(config_secrets::table.on(config_secrets::key.eq(sql::<Text>(KEY_OF_ROW))))
                .filter(llm_providers::name.eq(name.as_str()))
                .select((ProviderRow::as_select(), config_secrets::value.nullable()))
                .first(connection)
                .await
                .optional()?;
            Ok(found.map(|(row, refresh_token)| row.into_credential(refresh_token)).transpose()?)
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
            let before: Option<ProviderRow> = llm_providers::table
                .filter(llm_providers::name.eq(new.name.as_str()))
                .select(ProviderRow::as_select())
                .first(connection)
                .await
                .optional()?;
            if let Some(row) = &before
                && row.provider_type()? != new.provider_type
            {
                return Ok(SaveOutcome::TypeConflict(row.provider_type()?));
            }
            let row = ProviderRow::after_login(new, before, now)?;
            let id = ProviderId::from_stored(row.id.clone());
            diesel::insert_into(llm_providers::table)
                .values(&row)
                .on_conflict(llm_providers::id)
                .do_update()
                .set(&row)
                .execute(connection)
                .await?;
            match &new.refresh_token {
                None => delete_refresh_token(connection, &new.name).await?,
                Some(token) => {
                    let secret = SecretRow {
                        key: refresh_token_key(&new.name),
                        value: token.as_str().to_owned(),
                        created_at: now.unix_millis(),
                        updated_at: now.unix_millis(),
                    };
                    diesel::insert_into(config_secrets::table)
                        .values(&secret)
                        .on_conflict(config_secrets::key)
                        .do_update()
                        .set((
                            config_secrets::value.eq(&secret.value),
                            config_secrets::updated_at.eq(secret.updated_at),
                        ))
                        .execute(connection)
                        .await?;
                }
            }
            Ok(SaveOutcome::Saved(id))
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

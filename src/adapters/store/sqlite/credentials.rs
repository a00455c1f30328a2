//! Connected accounts in SQLite: `llm_providers` and, beside it, `config_secrets`.

use std::collections::HashMap;

use async_trait::async_trait;
use diesel::{ExpressionMethods, OptionalExtension, QueryDsl, SelectableHelper};
use diesel_async::{AsyncConnection, RunQueryDsl};

use super::{
    Connection, SqliteStore, TransactionError,
    schema::{config_secrets, llm_providers},
};
use crate::{
    adapters::store::rows::{ProviderRow, SecretRow},
    domain::{
        credential::{NewSealedCredential, SealedCredential},
        ids::{ProviderId, ProviderName},
        sealed::refresh_token_key,
        time::Timestamp,
    },
    ports::{CredentialStore, ProfileChange, SaveOutcome, StoreError},
};

#[async_trait]
impl CredentialStore for SqliteStore {
    async fn load(&self, name: &ProviderName) -> Result<Option<SealedCredential>, StoreError> {
        const DOING: &str = "load an account";
        let mut connection = self.connection(DOING).await?;
        // One transaction, so that both tokens are of one login.
        let loaded = connection.transaction(async |connection| load(connection, name).await).await;
        loaded.map_err(|error: TransactionError| error.while_doing(DOING))
    }

    async fn list(&self) -> Result<Vec<SealedCredential>, StoreError> {
        const DOING: &str = "list the accounts";
        let mut connection = self.connection(DOING).await?;
        // One transaction, so that no row meets the refresh token of another login.
        let listed = connection.transaction(async |connection| list(connection).await).await;
        listed.map_err(|error: TransactionError| error.while_doing(DOING))
    }

    async fn save_login(&self, new: &NewSealedCredential, now: Timestamp) -> Result<SaveOutcome, StoreError> {
        const DOING: &str = "save a login";
        let mut connection = self.connection(DOING).await?;
        let saved = connection.immediate_transaction(async |connection| save(connection, new, now).await).await;
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
        let changed = connection
            .immediate_transaction(async |connection| {
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
        let removed = connection
            .immediate_transaction(async |connection| {
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

async fn load(connection: &mut Connection, name: &ProviderName) -> Result<Option<SealedCredential>, TransactionError> {
    let row = llm_providers::table
        .filter(llm_providers::name.eq(name.as_str()))
        .select(ProviderRow::as_select())
        .first(connection)
        .await
        .optional()?;
    let Some(row) = row else { return Ok(None) };
    let refresh_token = config_secrets::table
        .find(refresh_token_key(name))
        .select(config_secrets::value)
        .first(connection)
        .await
        .optional()?;
    Ok(Some(row.into_credential(refresh_token)?))
}

async fn list(connection: &mut Connection) -> Result<Vec<SealedCredential>, TransactionError> {
    let rows: Vec<ProviderRow> =
        llm_providers::table.select(ProviderRow::as_select()).order(llm_providers::name).load(connection).await?;
    let secrets: Vec<(String, String)> =
        config_secrets::table.select((config_secrets::key, config_secrets::value)).load(connection).await?;
    let mut secrets: HashMap<String, String> = secrets.into_iter().collect();
    let credential = |row: ProviderRow| {
        let refresh_token = secrets.remove(&format!("oauth.{}.refresh_token", row.name));
        Ok(row.into_credential(refresh_token)?)
    };
    rows.into_iter().map(credential).collect()
}

async fn save(
    connection: &mut Connection,
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
                .set((config_secrets::value.eq(&secret.value), config_secrets::updated_at.eq(secret.updated_at)))
                .execute(connection)
                .await?;
        }
    }
    Ok(SaveOutcome::Saved(id))
}

async fn delete_refresh_token(connection: &mut Connection, name: &ProviderName) -> Result<(), TransactionError> {
    diesel::delete(config_secrets::table.find(refresh_token_key(name))).execute(connection).await?;
    Ok(())
}

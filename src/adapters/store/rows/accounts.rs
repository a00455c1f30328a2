//! Rows of `llm_providers` and `config_secrets`: a connected account and its refresh token.

use diesel::prelude::{AsChangeset, Insertable, Queryable, Selectable};

use super::impossible;
use crate::{
    adapters::store::{
        json_text::Document,
        schema::{config_secrets, llm_providers},
    },
    domain::{
        credential::{NewSealedCredential, SealedCredential},
        history::Revision,
        ids::{Generation, LoginId, ProviderId, ProviderName},
        provider::ProviderType,
        provider_settings::ProviderSettings,
        refresh::{Cause, Lease, LeaseId, RefreshState, Rotation, TokenState, TokenVersion},
        sealed::SealedSecret,
        time::Timestamp,
    },
    ports::StoreError,
};

#[derive(Clone, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = llm_providers, treat_none_as_null = true)]
pub(in crate::adapters::store) struct ProviderRow {
    pub(in crate::adapters::store) id: String,
    pub(in crate::adapters::store) name: String,
    pub(in crate::adapters::store) display_name: Option<String>,
    pub(in crate::adapters::store) provider_type: String,
    pub(in crate::adapters::store) api_base: String,
    pub(in crate::adapters::store) api_key: String,
    pub(in crate::adapters::store) enabled: bool,
    pub(in crate::adapters::store) settings: Document,
    pub(in crate::adapters::store) login_id: String,
    pub(in crate::adapters::store) generation: i64,
    pub(in crate::adapters::store) created_at: i64,
    pub(in crate::adapters::store) updated_at: i64,
    state: String,
    attempt: i64,
    failures: i64,
    lease_id: Option<String>,
    lease_until: Option<i64>,
    sent_at: Option<i64>,
    next_attempt_at: Option<i64>,
    cause: Option<String>,
    pub(in crate::adapters::store) revision: i64,
}

impl ProviderRow {
    /// What the row is to hold after a login; `before` is the row as it is, if there is one.
    pub(in crate::adapters::store) fn after_login(
        new: &NewSealedCredential,
        before: Option<ProviderRow>,
        now: Timestamp,
    ) -> Result<Self, StoreError> {
        let (id, created_at, kept_name, settings) = match before {
            Some(row) => (row.id, row.created_at, row.display_name, settings(&row.name, &row.settings)?),
            None => (new.id.as_str().to_owned(), now.unix_millis(), None, ProviderSettings::default()),
        };
        Ok(Self {
            id,
            name: new.name.as_str().to_owned(),
            display_name: new.display_name.clone().or(kept_name),
            provider_type: new.provider_type.as_str().to_owned(),
            api_base: new.api_base.clone(),
            api_key: new.access_token.as_str().to_owned(),
            enabled: true,
            settings: settings.with_metadata(&new.metadata).into_json().to_string().into(),
            login_id: new.login_id.as_str().to_owned(),
            generation: 0,
            created_at,
            updated_at: now.unix_millis(),
            state: TokenState::Active.as_str().to_owned(),
            attempt: 0,
            failures: 0,
            lease_id: None,
            lease_until: None,
            sent_at: None,
            next_attempt_at: None,
            cause: None,
            revision: 0,
        })
    }

    /// The row with `state`, and with the new tokens if there are any.
    pub(in crate::adapters::store) fn after_step(
        self,
        state: &RefreshState,
        stored: Option<&Rotation>,
        now: Timestamp,
    ) -> Result<Self, StoreError> {
        let (api_key, settings) = match stored {
            None => (self.api_key, self.settings),
            Some(rotation) => {
                let settings = settings(&self.name, &self.settings)?.with_metadata(&rotation.metadata);
                (rotation.access_token.as_str().to_owned(), settings.into_json().to_string().into())
            }
        };
        let lease = match &state.state {
            TokenState::Refreshing(lease) => Some(lease),
            TokenState::Active | TokenState::InDoubt | TokenState::NeedsReauth => None,
        };
        Ok(Self {
            api_key,
            settings,
            generation: state.version.generation.0.try_into().unwrap_or(i64::MAX),
            updated_at: now.unix_millis(),
            state: state.state.as_str().to_owned(),
            attempt: state.attempt.into(),
            failures: state.failures.into(),
            lease_id: lease.map(|lease| lease.id.as_str().to_owned()),
            lease_until: lease.map(|lease| lease.until.unix_millis()),
            sent_at: state.sent_at.map(Timestamp::unix_millis),
            next_attempt_at: state.next_attempt_at.map(Timestamp::unix_millis),
            cause: state.cause.map(|cause| cause.as_str().to_owned()),
            ..self
        })
    }

    pub(in crate::adapters::store) fn provider_type(&self) -> Result<ProviderType, StoreError> {
        ProviderType::parse(&self.provider_type).ok_or_else(|| impossible("llm_providers", "provider_type", &self.name))
    }

    /// The account this row and its refresh token stand for.
    pub(in crate::adapters::store) fn into_credential(
        self,
        refresh_token: Option<String>,
    ) -> Result<SealedCredential, StoreError> {
        let wrong = |column| impossible("llm_providers", column, &self.name);
        let name = ProviderName::parse(&self.name).map_err(|_| wrong("name"))?;
        let provider_type = self.provider_type()?;
        let generation = u64::try_from(self.generation).map_err(|_| wrong("generation"))?;
        let attempt = u32::try_from(self.attempt).map_err(|_| wrong("attempt"))?;
        let failures = u32::try_from(self.failures).map_err(|_| wrong("failures"))?;
        let cause = self.cause.as_deref().map(|code| Cause::parse(code).ok_or_else(|| wrong("cause"))).transpose()?;
        let lease = match (&self.lease_id, self.lease_until) {
            (Some(id), Some(until)) => {
                Some(Lease { id: LeaseId::from_stored(id.clone()), until: Timestamp::from_unix_millis(until) })
            }
            _ => None,
        };
        let state = match (self.state.as_str(), lease) {
            ("active", None) => TokenState::Active,
            ("refreshing", Some(lease)) => TokenState::Refreshing(lease),
            ("in_doubt", None) => TokenState::InDoubt,
            ("needs_reauth", None) => TokenState::NeedsReauth,
            _ => return Err(wrong("state")),
        };
        let settings = settings(&self.name, &self.settings)?;
        let metadata = settings.metadata().map_err(|error| StoreError::Inconsistent {
            table: "llm_providers",
            column: "settings",
            row: self.name.clone(),
            source: Some(Box::new(error)),
        })?;
        Ok(SealedCredential {
            id: ProviderId::from_stored(self.id),
            name,
            provider_type,
            display_name: self.display_name,
            api_base: self.api_base,
            enabled: self.enabled,
            refresh: RefreshState {
                version: TokenVersion {
                    login_id: LoginId::from_stored(self.login_id),
                    generation: Generation(generation),
                },
                state,
                attempt,
                failures,
                sent_at: self.sent_at.map(Timestamp::from_unix_millis),
                next_attempt_at: self.next_attempt_at.map(Timestamp::from_unix_millis),
                cause,
                refreshable: refresh_token.is_some(),
                obtained_at: metadata.obtained_at,
                expires_at: metadata.expires_at,
            },
            revision: Revision(self.revision),
            access_token: SealedSecret::from_stored(self.api_key),
            refresh_token: refresh_token.map(SealedSecret::from_stored),
            metadata,
            settings,
            created_at: Timestamp::from_unix_millis(self.created_at),
            updated_at: Timestamp::from_unix_millis(self.updated_at),
        })
    }
}

fn settings(row: &str, document: &Document) -> Result<ProviderSettings, StoreError> {
    let wrong = |error| StoreError::Inconsistent {
        table: "llm_providers",
        column: "settings",
        row: row.to_owned(),
        source: Some(error),
    };
    let value = serde_json::from_str(document.as_str()).map_err(|error| wrong(Box::new(error)))?;
    ProviderSettings::from_json(value).map_err(|error| wrong(Box::new(error)))
}

#[derive(Insertable)]
#[diesel(table_name = config_secrets)]
pub(in crate::adapters::store) struct SecretRow {
    pub(in crate::adapters::store) key: String,
    pub(in crate::adapters::store) value: String,
    pub(in crate::adapters::store) created_at: i64,
    pub(in crate::adapters::store) updated_at: i64,
}

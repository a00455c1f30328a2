//! Rows of the tables and the domain values they stand for. A row that makes no sense is an error, never a default.

use diesel::prelude::{AsChangeset, Insertable, Queryable, Selectable};

use super::{
    json_text::Document,
    schema::{config_secrets, llm_providers, login_sessions},
};
use crate::{
    domain::{
        credential::{NewSealedCredential, SealedCredential},
        ids::{Generation, LoginId, Principal, ProviderId, ProviderName, StateDigest},
        login::{LoginTicket, SealedLogin},
        login_outcome::LoginPhase,
        provider::ProviderType,
        provider_settings::ProviderSettings,
        sealed::SealedSecret,
        time::Timestamp,
    },
    ports::StoreError,
};

/// Says which value of which row is impossible.
fn impossible(table: &'static str, column: &'static str, row: &str) -> StoreError {
    StoreError::Inconsistent { table, column, row: row.to_owned(), source: None }
}

#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = llm_providers)]
pub(super) struct ProviderRow {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) display_name: Option<String>,
    pub(super) provider_type: String,
    pub(super) api_base: String,
    pub(super) api_key: String,
    pub(super) enabled: bool,
    pub(super) settings: Document,
    pub(super) login_id: String,
    pub(super) generation: i64,
    pub(super) created_at: i64,
    pub(super) updated_at: i64,
}

impl ProviderRow {
    /// What the row is to hold after a login; `before` is the row as it is, if there is one.
    pub(super) fn after_login(
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
            settings: settings.with_facts(&new.facts).into_json().to_string().into(),
            login_id: new.login_id.as_str().to_owned(),
            generation: 0,
            created_at,
            updated_at: now.unix_millis(),
        })
    }

    pub(super) fn provider_type(&self) -> Result<ProviderType, StoreError> {
        ProviderType::parse(&self.provider_type).ok_or_else(|| impossible("llm_providers", "provider_type", &self.name))
    }

    /// The account this row and its refresh token stand for.
    pub(super) fn into_credential(self, refresh_token: Option<String>) -> Result<SealedCredential, StoreError> {
        let wrong = |column| impossible("llm_providers", column, &self.name);
        let name = ProviderName::parse(&self.name).map_err(|_| wrong("name"))?;
        let provider_type = self.provider_type()?;
        let generation = u64::try_from(self.generation).map_err(|_| wrong("generation"))?;
        let settings = settings(&self.name, &self.settings)?;
        let facts = settings.facts().map_err(|flaw| StoreError::Inconsistent {
            table: "llm_providers",
            column: "settings",
            row: self.name.clone(),
            source: Some(Box::new(flaw)),
        })?;
        Ok(SealedCredential {
            id: ProviderId::from_stored(self.id),
            name,
            provider_type,
            display_name: self.display_name,
            api_base: self.api_base,
            enabled: self.enabled,
            login_id: LoginId::from_stored(self.login_id),
            generation: Generation(generation),
            access_token: SealedSecret::from_stored(self.api_key),
            refresh_token: refresh_token.map(SealedSecret::from_stored),
            facts,
            settings,
            created_at: Timestamp::from_unix_millis(self.created_at),
            updated_at: Timestamp::from_unix_millis(self.updated_at),
        })
    }
}

fn settings(row: &str, document: &Document) -> Result<ProviderSettings, StoreError> {
    let wrong = |flaw| StoreError::Inconsistent {
        table: "llm_providers",
        column: "settings",
        row: row.to_owned(),
        source: Some(flaw),
    };
    let value = serde_json::from_str(document.as_str()).map_err(|error| wrong(Box::new(error)))?;
    ProviderSettings::from_json(value).map_err(|flaw| wrong(Box::new(flaw)))
}

#[derive(Insertable)]
#[diesel(table_name = config_secrets)]
pub(super) struct SecretRow {
    pub(super) key: String,
    pub(super) value: String,
    pub(super) created_at: i64,
    pub(super) updated_at: i64,
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = login_sessions)]
pub(super) struct LoginRow {
    id: String,
    state_digest: String,
    state: String,
    verifier: String,
    provider: String,
    provider_type: String,
    display_name: Option<String>,
    principal: String,
    client: Document,
    outcome: String,
    outcome_at: i64,
    started_at: i64,
    expires_at: i64,
}

impl LoginRow {
    pub(super) fn of(login: &SealedLogin) -> Result<Self, StoreError> {
        let ticket = &login.ticket;
        Ok(Self {
            id: ticket.id.as_str().to_owned(),
            state_digest: login.state_digest.as_str().to_owned(),
            state: login.state.as_str().to_owned(),
            verifier: login.verifier.as_str().to_owned(),
            provider: ticket.name.as_str().to_owned(),
            provider_type: ticket.provider_type.as_str().to_owned(),
            display_name: ticket.display_name.clone(),
            principal: ticket.principal.as_str().to_owned(),
            client: serde_json::to_string(&ticket.client).map_err(|error| unreadable_client(&ticket.id, error))?.into(),
            outcome: login.phase.as_str().to_owned(),
            outcome_at: login.phase_since.unix_millis(),
            started_at: ticket.started_at.unix_millis(),
            expires_at: ticket.expires_at.unix_millis(),
        })
    }

    pub(super) fn into_login(self) -> Result<SealedLogin, StoreError> {
        let wrong = |column| impossible("login_sessions", column, &self.id);
        let id = LoginId::from_stored(self.id.clone());
        Ok(SealedLogin {
            ticket: LoginTicket {
                name: ProviderName::parse(&self.provider).map_err(|_| wrong("provider"))?,
                provider_type: ProviderType::parse(&self.provider_type).ok_or_else(|| wrong("provider_type"))?,
                display_name: self.display_name,
                principal: Principal::named(self.principal),
                client: serde_json::from_str(self.client.as_str()).map_err(|error| unreadable_client(&id, error))?,
                started_at: Timestamp::from_unix_millis(self.started_at),
                expires_at: Timestamp::from_unix_millis(self.expires_at),
                id,
            },
            state_digest: StateDigest::from_text(self.state_digest),
            state: SealedSecret::from_stored(self.state),
            verifier: SealedSecret::from_stored(self.verifier),
            phase: LoginPhase::parse(&self.outcome).ok_or_else(|| impossible("login_sessions", "outcome", &self.id))?,
            phase_since: Timestamp::from_unix_millis(self.outcome_at),
        })
    }
}

fn unreadable_client(id: &LoginId, error: serde_json::Error) -> StoreError {
    StoreError::Inconsistent {
        table: "login_sessions",
        column: "client",
        row: id.to_string(),
        source: Some(Box::new(error)),
    }
}

//! Rows of `login_sessions`.

use diesel::prelude::{Insertable, Queryable, Selectable};

use super::{client_document, client_of, impossible};
use crate::{
    adapters::store::{json_text::Document, schema::login_sessions},
    domain::{
        ids::{LoginId, Principal, ProviderName, StateDigest},
        login::{LoginTicket, SealedLogin},
        login_outcome::LoginPhase,
        provider::ProviderType,
        sealed::SealedSecret,
        time::Timestamp,
    },
    ports::StoreError,
};

const TABLE: &str = "login_sessions";

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = login_sessions)]
pub(in crate::adapters::store) struct LoginRow {
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
    pub(in crate::adapters::store) fn of(login: &SealedLogin) -> Result<Self, StoreError> {
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
            client: client_document(TABLE, ticket.id.as_str(), &ticket.client)?,
            outcome: login.phase.as_str().to_owned(),
            outcome_at: login.phase_since.unix_millis(),
            started_at: ticket.started_at.unix_millis(),
            expires_at: ticket.expires_at.unix_millis(),
        })
    }

    pub(in crate::adapters::store) fn into_login(self) -> Result<SealedLogin, StoreError> {
        let wrong = |column| impossible(TABLE, column, &self.id);
        let id = LoginId::from_stored(self.id.clone());
        Ok(SealedLogin {
            ticket: LoginTicket {
                name: ProviderName::parse(&self.provider).map_err(|_| wrong("provider"))?,
                provider_type: ProviderType::parse(&self.provider_type).ok_or_else(|| wrong("provider_type"))?,
                display_name: self.display_name,
                principal: Principal::named(self.principal),
                client: client_of(TABLE, &self.id, &self.client)?,
                started_at: Timestamp::from_unix_millis(self.started_at),
                expires_at: Timestamp::from_unix_millis(self.expires_at),
                id,
            },
            state_digest: StateDigest::from_text(self.state_digest),
            state: SealedSecret::from_stored(self.state),
            verifier: SealedSecret::from_stored(self.verifier),
            phase: LoginPhase::parse(&self.outcome).ok_or_else(|| impossible(TABLE, "outcome", &self.id))?,
            phase_since: Timestamp::from_unix_millis(self.outcome_at),
        })
    }
}

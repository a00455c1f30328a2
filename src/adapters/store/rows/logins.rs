//! Rows of `login_sessions`.

use diesel::prelude::{Insertable, Queryable, Selectable};

use super::{client_document, client_of, impossible};
use crate::{
    adapters::store::{json_text::Document, schema::login_sessions},
    domain::{
        ids::{LoginId, Principal, ProviderName, StateDigest},
        login::{LoginSession, SealedLogin},
        login_outcome::LoginProgress,
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
        let session = &login.session;
        Ok(Self {
            id: session.id.as_str().to_owned(),
            state_digest: login.state_digest.as_str().to_owned(),
            state: login.state.as_str().to_owned(),
            verifier: login.verifier.as_str().to_owned(),
            provider: session.name.as_str().to_owned(),
            provider_type: session.provider_type.as_str().to_owned(),
            display_name: session.display_name.clone(),
            principal: session.principal.as_str().to_owned(),
            client: client_document(TABLE, session.id.as_str(), &session.client)?,
            outcome: login.progress.as_str().to_owned(),
            outcome_at: login.progress_since.unix_millis(),
            started_at: session.started_at.unix_millis(),
            expires_at: session.expires_at.unix_millis(),
        })
    }

    pub(in crate::adapters::store) fn into_login(self) -> Result<SealedLogin, StoreError> {
        let wrong = |column| impossible(TABLE, column, &self.id);
        let id = LoginId::from_stored(self.id.clone());
        Ok(SealedLogin {
            session: LoginSession {
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
            progress: LoginProgress::parse(&self.outcome).ok_or_else(|| impossible(TABLE, "outcome", &self.id))?,
            progress_since: Timestamp::from_unix_millis(self.outcome_at),
        })
    }
}

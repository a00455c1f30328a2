//! Rows of `credential_events`.

use diesel::prelude::{Insertable, Queryable, Selectable};

use super::impossible;
use crate::{
    adapters::store::schema::credential_events,
    domain::{
        history::{CredentialEvent, EventKind, Revision},
        ids::{Generation, LoginId, ProviderName},
        refresh::{Cause, RefreshState},
        time::Timestamp,
    },
    ports::StoreError,
};

/// An event on its way into the history, which numbers it.
#[derive(Insertable)]
#[diesel(table_name = credential_events)]
pub(in crate::adapters::store) struct NewEventRow {
    provider: String,
    login_id: String,
    generation: i64,
    kind: &'static str,
    cause: Option<&'static str>,
    at: i64,
}

impl NewEventRow {
    pub(in crate::adapters::store) fn new(
        name: &ProviderName,
        state: &RefreshState,
        kind: EventKind,
        at: Timestamp,
    ) -> Self {
        Self {
            provider: name.as_str().to_owned(),
            login_id: state.version.login_id.as_str().to_owned(),
            generation: state.version.generation.0.try_into().unwrap_or(i64::MAX),
            kind: kind.as_str(),
            cause: state.cause.map(Cause::as_str),
            at: at.unix_millis(),
        }
    }
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = credential_events)]
pub(in crate::adapters::store) struct EventRow {
    id: i64,
    provider: String,
    login_id: String,
    generation: i64,
    kind: String,
    cause: Option<String>,
    at: i64,
}

impl EventRow {
    pub(in crate::adapters::store) fn into_event(self) -> Result<CredentialEvent, StoreError> {
        let wrong = |column| impossible("credential_events", column, &self.id.to_string());
        Ok(CredentialEvent {
            revision: Revision(self.id),
            name: ProviderName::parse(&self.provider).map_err(|_| wrong("provider"))?,
            generation: Generation(u64::try_from(self.generation).map_err(|_| wrong("generation"))?),
            kind: EventKind::parse(&self.kind).ok_or_else(|| wrong("kind"))?,
            cause: self.cause.as_deref().map(|code| Cause::parse(code).ok_or_else(|| wrong("cause"))).transpose()?,
            at: Timestamp::from_unix_millis(self.at),
            login_id: LoginId::from_stored(self.login_id),
        })
    }
}

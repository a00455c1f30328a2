//! Rows of `revocations`.

use diesel::prelude::{Insertable, Queryable, Selectable};

use super::{client_document, client_of, impossible};
use crate::{
    adapters::store::{json_text::Document, schema::revocations},
    domain::{
        ids::{LoginId, ProviderName},
        provider::ProviderType,
        revocation::{PendingRevocation, RevocationId},
        sealed::SealedSecret,
        time::Timestamp,
    },
    ports::StoreError,
};

const TABLE: &str = "revocations";

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = revocations)]
pub(in crate::adapters::store) struct RevocationRow {
    id: String,
    provider: String,
    provider_type: String,
    login_id: String,
    token: String,
    client: Document,
    created_at: i64,
    next_attempt_at: i64,
}

impl RevocationRow {
    /// A row that is due at once.
    pub(in crate::adapters::store) fn of(revocation: &PendingRevocation) -> Result<Self, StoreError> {
        let created_at = revocation.created_at.unix_millis();
        Ok(Self {
            id: revocation.id.as_str().to_owned(),
            provider: revocation.name.as_str().to_owned(),
            provider_type: revocation.provider_type.as_str().to_owned(),
            login_id: revocation.login_id.as_str().to_owned(),
            token: revocation.token.as_str().to_owned(),
            client: client_document(TABLE, revocation.id.as_str(), &revocation.client)?,
            created_at,
            next_attempt_at: created_at,
        })
    }

    pub(in crate::adapters::store) fn into_revocation(self) -> Result<PendingRevocation, StoreError> {
        let wrong = |column| impossible(TABLE, column, &self.id);
        Ok(PendingRevocation {
            name: ProviderName::parse(&self.provider).map_err(|_| wrong("provider"))?,
            provider_type: ProviderType::parse(&self.provider_type).ok_or_else(|| wrong("provider_type"))?,
            client: client_of(TABLE, &self.id, &self.client)?,
            id: RevocationId::from_stored(self.id),
            login_id: LoginId::from_stored(self.login_id),
            token: SealedSecret::from_stored(self.token),
            created_at: Timestamp::from_unix_millis(self.created_at),
        })
    }
}

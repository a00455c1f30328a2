//! Rows of `api_tokens`.

use diesel::prelude::{Insertable, Queryable, Selectable};

use super::impossible;
use crate::{
    adapters::store::schema::api_tokens,
    domain::{
        api_token::{ApiToken, ApiTokenId, Scope, TokenDigest},
        ids::DisplayName,
        time::Timestamp,
    },
    ports::StoreError,
};

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = api_tokens)]
pub(in crate::adapters::store) struct ApiTokenRow {
    id: String,
    name: String,
    scope: String,
    digest: String,
    created_at: i64,
    expires_at: Option<i64>,
}

impl ApiTokenRow {
    pub(in crate::adapters::store) fn of(token: &ApiToken) -> Self {
        Self {
            id: token.id.as_str().to_owned(),
            name: token.name.as_str().to_owned(),
            scope: token.scope.as_str().to_owned(),
            digest: token.digest.as_str().to_owned(),
            created_at: token.created_at.unix_millis(),
            expires_at: token.expires_at.map(Timestamp::unix_millis),
        }
    }

    pub(in crate::adapters::store) fn into_token(self) -> Result<ApiToken, StoreError> {
        let wrong = |column| impossible("api_tokens", column, &self.id);
        Ok(ApiToken {
            name: DisplayName::parse(&self.name).map_err(|_| wrong("name"))?,
            scope: Scope::parse(&self.scope).ok_or_else(|| wrong("scope"))?,
            id: ApiTokenId::from_stored(self.id),
            digest: TokenDigest::from_stored(self.digest),
            created_at: Timestamp::from_unix_millis(self.created_at),
            expires_at: self.expires_at.map(Timestamp::from_unix_millis),
        })
    }
}

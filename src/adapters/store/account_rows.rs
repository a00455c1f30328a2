//! Converts rows of `llm_providers`, together with their refresh tokens, to accounts, and accounts to rows.

use diesel::prelude::*;

use super::{
    json_text::Document,
    rows::Place,
    schema::llm_providers,
    stored_text::{NullableText, StoredText},
};
use crate::domain::{
    credential::SealedCredential,
    history::Revision,
    ids::{AccountName, Generation, LoginId, ProviderId},
    invisible::visible,
    provider::ProviderType,
    provider_settings::ProviderSettings,
    refresh::{Cause, Lease, LeaseId, RefreshState, Rotation, TokenState, TokenVersion},
    sealed_secret::SealedSecret,
    time::Timestamp,
    unreadable::UnreadableRow,
};

#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = llm_providers, treat_none_as_null = true)]
pub(super) struct ProviderRow {
    #[diesel(deserialize_as = StoredText)]
    id: String,
    #[diesel(deserialize_as = StoredText)]
    pub(super) name: String,
    #[diesel(deserialize_as = NullableText)]
    display_name: Option<String>,
    #[diesel(deserialize_as = StoredText)]
    provider_type: String,
    #[diesel(deserialize_as = StoredText)]
    api_base: String,
    #[diesel(deserialize_as = StoredText)]
    api_key: String,
    enabled: bool,
    settings: Document,
    #[diesel(deserialize_as = StoredText)]
    login_id: String,
    generation: i64,
    created_at: i64,
    updated_at: i64,
    #[diesel(deserialize_as = StoredText)]
    state: String,
    attempt: i64,
    failures: i64,
    #[diesel(deserialize_as = NullableText)]
    lease_id: Option<String>,
    lease_until: Option<i64>,
    sent_at: Option<i64>,
    next_attempt_at: Option<i64>,
    #[diesel(deserialize_as = NullableText)]
    cause: Option<String>,
    revision: i64,
}

impl From<&SealedCredential> for ProviderRow {
    fn from(account: &SealedCredential) -> Self {
        let refresh = &account.refresh;
        let lease = match &refresh.state {
            TokenState::Refreshing(lease) => Some(lease),
            TokenState::Active | TokenState::InDoubt | TokenState::NeedsReauth => None,
        };
        Self {
            id: account.id.as_str().to_owned(),
            name: account.name.as_str().to_owned(),
            display_name: account.display_name.clone(),
            provider_type: account.provider_type.as_str().to_owned(),
            api_base: account.api_base.clone(),
            api_key: account.access_token.as_str().to_owned(),
            enabled: account.enabled,
            settings: Document(account.settings.clone().into_json().to_string()),
            login_id: account.login_id().as_str().to_owned(),
            generation: account.generation().0.try_into().unwrap_or(i64::MAX),
            created_at: account.created_at.unix_millis(),
            updated_at: account.updated_at.unix_millis(),
            state: refresh.state.as_str().to_owned(),
            attempt: refresh.attempt.into(),
            failures: refresh.failures.into(),
            lease_id: lease.map(|lease| lease.id.as_str().to_owned()),
            lease_until: lease.map(|lease| lease.until.unix_millis()),
            sent_at: refresh.sent_at.map(Timestamp::unix_millis),
            next_attempt_at: refresh.next_attempt_at.map(Timestamp::unix_millis),
            cause: refresh.cause.map(|cause| cause.as_str().to_owned()),
            revision: account.revision.0,
        }
    }
}

impl ProviderRow {
    /// Repairs a damaged row: resets the columns of its state, and writes `settings` anew with the metadata of the new
    /// tokens, which drops unknown members. Returns `None` if the row has another login or tokens that are not older, or
    /// if the new tokens belong to another account.
    pub(super) fn repaired_by(self, rotation: &Rotation) -> Option<Self> {
        let Rotation { version, metadata, .. } = rotation;
        let generation: u64 = self.generation.try_into().ok()?;
        let is_of_login = self.login_id == version.login_id.as_str();
        (is_of_login && generation < version.generation.0 && rotation.same_account).then(|| Self {
            settings: Document(ProviderSettings::default().with_metadata(metadata).into_json().to_string()),
            state: TokenState::Active.as_str().to_owned(),
            attempt: 0,
            failures: 0,
            lease_id: None,
            lease_until: None,
            next_attempt_at: None,
            cause: None,
            ..self
        })
    }
}

/// A row and its sealed refresh token.
pub(super) type AccountRow = (ProviderRow, Option<StoredText>);

impl TryFrom<AccountRow> for SealedCredential {
    type Error = UnreadableRow;

    fn try_from((row, refresh_token): AccountRow) -> Result<Self, UnreadableRow> {
        let place = Place { table: "llm_providers", row: &row.name };
        if row.id.contains(char::REPLACEMENT_CHARACTER) {
            // A change of the account would not find its row.
            return Err(place.invalid("id"));
        }
        let settings = ProviderSettings::from_json(place.decode("settings", &row.settings)?);
        let settings = settings.map_err(|error| place.invalid_because("settings", error))?;
        let metadata = settings.metadata().map_err(|error| place.invalid_because("settings", error))?;
        let lease = match (row.lease_id, row.lease_until) {
            (Some(id), Some(until)) => {
                Some(Lease { id: LeaseId::from_stored(id), until: Timestamp::from_unix_millis(until) })
            }
            (None, None) => None,
            (Some(_), None) | (None, Some(_)) => return Err(place.invalid("lease_id")),
        };
        let state = match (row.state.as_str(), lease) {
            ("active", None) => TokenState::Active,
            ("refreshing", Some(lease)) => TokenState::Refreshing(lease),
            ("in_doubt", None) => TokenState::InDoubt,
            ("needs_reauth", None) => TokenState::NeedsReauth,
            _ => return Err(place.invalid("state")),
        };
        let cause = row.cause.map(|code| Cause::parse(&code).ok_or_else(|| place.invalid("cause")));
        let generation = row.generation.try_into().map_err(|_| place.invalid("generation"))?;
        Ok(Self {
            id: ProviderId::from_stored(row.id),
            name: AccountName::parse(&row.name).map_err(|_| place.invalid("name"))?,
            provider_type: ProviderType::parse(&row.provider_type).ok_or_else(|| place.invalid("provider_type"))?,
            display_name: row.display_name.map(|name| visible(&name)).filter(|name| !name.is_empty()),
            api_base: row.api_base,
            enabled: row.enabled,
            refresh: RefreshState {
                version: TokenVersion {
                    login_id: LoginId::from_stored(row.login_id),
                    generation: Generation(generation),
                },
                state,
                attempt: row.attempt.try_into().map_err(|_| place.invalid("attempt"))?,
                failures: row.failures.try_into().map_err(|_| place.invalid("failures"))?,
                sent_at: row.sent_at.map(Timestamp::from_unix_millis),
                next_attempt_at: row.next_attempt_at.map(Timestamp::from_unix_millis),
                cause: cause.transpose()?,
                refreshable: refresh_token.is_some(),
                obtained_at: metadata.obtained_at,
                expires_at: metadata.expires_at,
                cookie_rotates: metadata.cookie_rotates,
            },
            revision: Revision(row.revision),
            access_token: SealedSecret::from_stored(row.api_key),
            refresh_token: refresh_token.map(|token| SealedSecret::from_stored(token.into())),
            metadata,
            settings,
            created_at: Timestamp::from_unix_millis(row.created_at),
            updated_at: Timestamp::from_unix_millis(row.updated_at),
        })
    }
}

/// Converts a row to an account. The error contains the provider type if that column is valid.
pub(super) fn account(row: AccountRow) -> Result<SealedCredential, UnreadableRow> {
    let provider_type = ProviderType::parse(&row.0.provider_type);
    SealedCredential::try_from(row).map_err(|unreadable| UnreadableRow { provider_type, ..unreadable })
}

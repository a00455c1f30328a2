//! Reads and writes the last feedback of providers in `provider_feedback`, for `credentials`.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::Connection;
use crate::{
    adapters::store::{
        error::TransactionError,
        json_text::Document,
        rows::{Place, SkippedRows},
        schema::provider_feedback as table,
        stored_text::StoredText,
    },
    domain::{
        ids::{AccountName, LoginId},
        provider_feedback::ProviderFeedback,
        unreadable::UnreadableRow,
    },
    ports::StoredFeedback,
};

#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = table)]
struct FeedbackRow {
    #[diesel(deserialize_as = StoredText)]
    provider: String,
    #[diesel(deserialize_as = StoredText)]
    login_id: String,
    said: Document,
}

impl TryFrom<FeedbackRow> for StoredFeedback {
    type Error = UnreadableRow;

    fn try_from(row: FeedbackRow) -> Result<Self, UnreadableRow> {
        let place = Place { table: "provider_feedback", row: &row.provider };
        Ok(Self {
            feedback: place.decode("said", &row.said)?,
            name: AccountName::parse(&row.provider).map_err(|_| place.invalid("provider"))?,
            login_id: LoginId::from_stored(row.login_id),
        })
    }
}

/// Returns the feedback about all accounts, without unreadable rows.
pub(super) async fn all(connection: &mut Connection, skipped: &SkippedRows) -> QueryResult<Vec<StoredFeedback>> {
    let rows = table::table.select(FeedbackRow::as_select()).load(connection).await?;
    Ok(skipped.readable::<FeedbackRow, _>(rows))
}

/// Replaces the feedback about an account. Returns the previous feedback about the same login, or an empty one.
pub(super) async fn replace(
    connection: &mut Connection,
    said: &StoredFeedback,
) -> Result<ProviderFeedback, TransactionError> {
    let same_login = table::table.find(said.name.as_str()).filter(table::login_id.eq(said.login_id.as_str()));
    let before = same_login.select(FeedbackRow::as_select()).first(connection).await.optional()?;
    let before = before.and_then(|row| StoredFeedback::try_from(row).ok()).map(|before| before.feedback);
    let place = Place { table: "provider_feedback", row: said.name.as_str() };
    let row = FeedbackRow {
        provider: said.name.as_str().to_owned(),
        login_id: said.login_id.as_str().to_owned(),
        said: place.encode("said", &said.feedback)?,
    };
    let insert = diesel::insert_into(table::table).values(&row);
    insert.on_conflict(table::provider).do_update().set(&row).execute(connection).await?;
    Ok(before.unwrap_or_default())
}

pub(super) async fn delete(connection: &mut Connection, name: &AccountName) -> Result<(), TransactionError> {
    diesel::delete(table::table.find(name.as_str())).execute(connection).await?;
    Ok(())
}

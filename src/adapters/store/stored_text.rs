//! Reads text columns whose bytes may not be UTF-8. SQLite does not check them, and one such byte must not fail the
//! query for all rows: it becomes U+FFFD. No seal, account name or code contains it, so a row with such a text there is
//! unreadable. A display name is shown with it.

use diesel::{
    backend::Backend,
    deserialize::{self, FromSql, FromSqlRow},
    pg::{Pg, PgValue},
    sql_types::{Nullable, Text},
    sqlite::{Sqlite, SqliteValue},
};

/// A text as stored, without invalid bytes.
#[derive(Debug, Clone, PartialEq, Eq, FromSqlRow)]
pub(super) struct StoredText(pub(super) String);

/// The text of a column that may be NULL. `Option<StoredText>` cannot be converted to `Option<String>` by `into`.
#[derive(Debug, Clone, PartialEq, Eq, FromSqlRow)]
pub(super) struct NullableText(Option<String>);

impl FromSql<Text, Sqlite> for StoredText {
    fn from_sql(mut value: SqliteValue<'_, '_, '_>) -> deserialize::Result<Self> {
        // Replaces invalid bytes, unlike `String`.
        Ok(Self(value.read_text().to_owned()))
    }
}

impl FromSql<Text, Pg> for StoredText {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
        <String as FromSql<Text, Pg>>::from_sql(value).map(Self)
    }
}

impl<DB: Backend> FromSql<Nullable<Text>, DB> for NullableText
where
    StoredText: FromSql<Text, DB>,
{
    fn from_sql(value: DB::RawValue<'_>) -> deserialize::Result<Self> {
        <StoredText as FromSql<Text, DB>>::from_sql(value).map(|text| Self(Some(text.0)))
    }

    fn from_nullable_sql(value: Option<DB::RawValue<'_>>) -> deserialize::Result<Self> {
        match value {
            Some(value) => <Self as FromSql<Nullable<Text>, DB>>::from_sql(value),
            None => Ok(Self(None)),
        }
    }
}

impl From<StoredText> for String {
    fn from(text: StoredText) -> Self {
        text.0
    }
}

impl From<NullableText> for Option<String> {
    fn from(text: NullableText) -> Self {
        text.0
    }
}

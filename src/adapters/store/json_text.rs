//! JSON columns: text in SQLite, `jsonb` in PostgreSQL, unparsed text in Rust. `rows` parses the text, so that invalid
//! JSON is an unreadable row and not a failure of the database.

use std::io::Write;

use diesel::{
    deserialize::{self, FromSql},
    pg::{Pg, PgValue},
    query_builder::QueryId,
    serialize::{self, IsNull, Output, ToSql},
    sql_types::{SqlType, Text},
    sqlite::{Sqlite, SqliteValue},
};

use super::stored_text::StoredText;

/// The SQL type: `jsonb` in PostgreSQL, text in SQLite. The numbers are PostgreSQL's OIDs of `jsonb` and `jsonb[]`.
#[derive(Debug, Clone, Copy, Default, SqlType, QueryId)]
#[diesel(sqlite_type(name = "Text"), postgres_type(oid = 3802, array_oid = 3807))]
pub struct JsonText;

/// The text of a JSON column.
#[derive(Debug, Clone, PartialEq, Eq, diesel::expression::AsExpression, diesel::deserialize::FromSqlRow)]
#[diesel(sql_type = JsonText)]
pub(super) struct Document(pub(super) String);

/// The first byte of PostgreSQL's binary `jsonb`: its only version. The JSON text follows.
const JSONB_VERSION: u8 = 1;

impl FromSql<JsonText, Sqlite> for Document {
    fn from_sql(value: SqliteValue<'_, '_, '_>) -> deserialize::Result<Self> {
        <StoredText as FromSql<Text, Sqlite>>::from_sql(value).map(|text| Self(text.0))
    }
}

impl ToSql<JsonText, Sqlite> for Document {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        out.set_value(self.0.as_str());
        Ok(IsNull::No)
    }
}

impl FromSql<JsonText, Pg> for Document {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
        match value.as_bytes().split_first() {
            Some((&JSONB_VERSION, text)) => Ok(Self(String::from_utf8(text.to_vec())?)),
            _ => Err("unknown version of jsonb".into()),
        }
    }
}

impl ToSql<JsonText, Pg> for Document {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        out.write_all(&[JSONB_VERSION])?;
        out.write_all(self.0.as_bytes())?;
        Ok(IsNull::No)
    }
}

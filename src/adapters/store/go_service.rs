//! Reads the accounts of the GoClaw service in Go from its own database. Writes nothing there.

use std::{path::Path, time::Duration};

use diesel::{
    Connection, QueryableByName, SqliteConnection, sql_query,
    sql_types::{BigInt, Bool, Nullable, Text},
};
use diesel_async::{AsyncConnection, AsyncPgConnection};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};
use secrecy::{ExposeSecret, SecretString};
use tokio::time::timeout;

use super::{
    error::{Cause, OpenStoreError},
    postgres::is_on_this_machine,
};

/// Time limit for connecting to PostgreSQL and reading.
const READ_TIMEOUT: Duration = Duration::from_secs(30);
/// The bytes that are escaped in the path of a URI, such as `?`, `#` and `%`.
const NOT_IN_A_PATH: AsciiSet = NON_ALPHANUMERIC.remove(b'/').remove(b'.').remove(b'-').remove(b'_');

/// A row of that service's `llm_providers`, with the refresh token from `config_secrets`. Tokens may be sealed.
#[derive(QueryableByName)]
pub struct StoredGoAccount {
    #[diesel(sql_type = Text)]
    pub name: String,
    #[diesel(sql_type = Nullable<Text>)]
    pub display_name: Option<String>,
    #[diesel(sql_type = Text)]
    pub provider_type: String,
    #[diesel(sql_type = Bool)]
    pub enabled: bool,
    #[diesel(sql_type = Nullable<Text>)]
    api_key: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    refresh_token: Option<String>,
}

impl StoredGoAccount {
    pub fn api_key(&self) -> Option<SecretString> {
        self.api_key.as_deref().map(SecretString::from)
    }

    pub fn refresh_token(&self) -> Option<SecretString> {
        self.refresh_token.as_deref().map(SecretString::from)
    }
}

/// How many of the two tables have the column `tenant_id`. Earlier versions of the service had no tenants.
#[derive(QueryableByName)]
struct TablesWithTenants {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

const SQLITE_TENANTS: &str = "SELECT COUNT(*) AS count FROM (SELECT name FROM pragma_table_info('llm_providers') \
     UNION ALL SELECT name FROM pragma_table_info('config_secrets')) WHERE name = 'tenant_id'";
const POSTGRES_TENANTS: &str = "SELECT COUNT(*) AS count FROM pg_attribute WHERE attname = 'tenant_id' \
     AND NOT attisdropped AND attrelid IN (to_regclass('llm_providers'), to_regclass('config_secrets'))";

/// SQL of one database.
struct Syntax {
    /// Converts the secret `s.value`, a blob in both databases.
    value_as_text: &'static str,
    /// Compares two values that may be NULL.
    is_same: &'static str,
}

/// Returns the query. Two tenants can use the same name, so a name may occur twice, each with its own refresh token.
fn query(syntax: &Syntax, tenants: &TablesWithTenants) -> String {
    let Syntax { value_as_text, is_same } = syntax;
    let same_tenant = if tenants.count == 2 { format!("AND s.tenant_id {is_same} p.tenant_id") } else { String::new() };
    format!(
        "SELECT p.name, p.display_name, p.provider_type, p.enabled, p.api_key, {value_as_text} AS refresh_token \
         FROM llm_providers p LEFT JOIN config_secrets s \
         ON s.key = 'oauth.' || p.name || '.refresh_token' {same_tenant} \
         ORDER BY p.name"
    )
}

/// Reads a SQLite file.
pub fn read_sqlite(path: &Path) -> Result<Vec<StoredGoAccount>, OpenStoreError> {
    let name = path.display().to_string();
    let failed = |source: Cause| OpenStoreError::Connect { name: name.clone(), source };
    let escaped = percent_encode(path.as_os_str().as_encoded_bytes(), &NOT_IN_A_PATH);
    let url = format!("file:{escaped}?mode=ro");
    let mut connection = SqliteConnection::establish(&url).map_err(|error| failed(Box::new(error)))?;
    let syntax = Syntax { value_as_text: "CAST(s.value AS TEXT)", is_same: "IS" };
    let tenants = diesel::RunQueryDsl::get_result::<TablesWithTenants>(sql_query(SQLITE_TENANTS), &mut connection);
    let tenants = tenants.map_err(|error| failed(Box::new(error)))?;
    let rows = diesel::RunQueryDsl::load(sql_query(query(&syntax, &tenants)), &mut connection);
    rows.map_err(|error| failed(Box::new(error)))
}

/// Reads a PostgreSQL database on this machine or behind a tunnel. Refuses others, as the connection is not encrypted.
pub async fn read_postgres(url: &SecretString) -> Result<Vec<StoredGoAccount>, OpenStoreError> {
    let name = "of the GoClaw service".to_owned();
    let failed = |source: Cause| OpenStoreError::Connect { name: name.clone(), source };
    let config: tokio_postgres::Config =
        url.expose_secret().parse().map_err(|_shows_the_url| failed("it is not a PostgreSQL URL".into()))?;
    if !is_on_this_machine(&config) {
        return Err(failed("it is on another machine; open a tunnel to it (ssh -L), and name localhost".into()));
    }
    let read = async {
        let mut connection =
            AsyncPgConnection::establish(url.expose_secret()).await.map_err(|error| failed(Box::new(error)))?;
        let syntax = Syntax { value_as_text: "convert_from(s.value, 'UTF8')", is_same: "IS NOT DISTINCT FROM" };
        let tenants =
            diesel_async::RunQueryDsl::get_result::<TablesWithTenants>(sql_query(POSTGRES_TENANTS), &mut connection)
                .await;
        let tenants = tenants.map_err(|error| failed(Box::new(error)))?;
        let rows = diesel_async::RunQueryDsl::load(sql_query(query(&syntax, &tenants)), &mut connection).await;
        rows.map_err(|error| failed(Box::new(error)))
    };
    timeout(READ_TIMEOUT, read).await.unwrap_or_else(|_elapsed| Err(failed("it did not respond in time".into())))
}

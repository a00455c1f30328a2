//! Reads the accounts of the GoClaw service in Go from its own database. Writes nothing there.

use std::{path::Path, time::Duration};

use diesel::{
    Connection, QueryableByName, SqliteConnection, sql_query,
    sql_types::{Bool, Nullable, Text},
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

/// Returns the query. `value_as_text` is SQL that converts the secret, a blob in both databases. Two tenants can
/// use the same name, so a name may occur several times.
fn query(value_as_text: &str) -> String {
    format!(
        "SELECT p.name, p.display_name, p.provider_type, p.enabled, p.api_key, {value_as_text} AS refresh_token \
         FROM llm_providers p LEFT JOIN config_secrets s ON s.key = 'oauth.' || p.name || '.refresh_token' ORDER BY p.name"
    )
}

/// Reads a SQLite file.
pub fn read_sqlite(path: &Path) -> Result<Vec<StoredGoAccount>, OpenStoreError> {
    let name = path.display().to_string();
    let failed = |source: Cause| OpenStoreError::Connect { name: name.clone(), source };
    let escaped = percent_encode(path.as_os_str().as_encoded_bytes(), &NOT_IN_A_PATH);
    let url = format!("file:{escaped}?mode=ro");
    let mut connection = SqliteConnection::establish(&url).map_err(|error| failed(Box::new(error)))?;
    let rows = diesel::RunQueryDsl::load(sql_query(query("CAST(s.value AS TEXT)")), &mut connection);
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
        let query = sql_query(query("convert_from(s.value, 'UTF8')"));
        let rows = diesel_async::RunQueryDsl::load(query, &mut connection).await;
        rows.map_err(|error| failed(Box::new(error)))
    };
    timeout(READ_TIMEOUT, read).await.unwrap_or_else(|_elapsed| Err(failed("it did not respond in time".into())))
}

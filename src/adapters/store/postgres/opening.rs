//! Opens a PostgreSQL database: connects, with verified TLS, and migrates the schema, one replica at a time.

use std::{net::IpAddr, sync::Arc, time::Duration};

use diesel::{
    ConnectionError, ConnectionResult, QueryableByName, result::Error as DieselError, sql_query, sql_types::Text,
};
use diesel_async::{
    AsyncMigrationHarness, RunQueryDsl, SimpleAsyncConnection,
    pooled_connection::{AsyncDieselConnectionManager, ManagerConfig, deadpool::Pool},
};
use diesel_migrations::{EmbeddedMigrations, embed_migrations};
use futures_util::FutureExt;
use rustls_platform_verifier::ConfigVerifierExt;
use secrecy::{ExposeSecret, SecretString};
use tokio::time::timeout;
use tokio_postgres::{
    Config,
    config::{Host, SslMode},
};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::{Connection, PostgresStore};
use crate::{
    adapters::store::{
        error::{Cause, OpenStoreError},
        migrating::migrate,
        rows::SkippedRows,
    },
    ports::{ChangeFeed, Clock},
};

const MIGRATIONS: EmbeddedMigrations = embed_migrations!("migrations/postgres");

const CONNECTIONS: usize = 16;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Idle time before the first TCP keepalive probe.
const KEEPALIVE: Duration = Duration::from_secs(15);
/// A query that takes longer waits for a lock that is not released.
const SETUP: &str = "SET statement_timeout = '10s'; SET idle_in_transaction_session_timeout = '30s'";
/// Migrations have no time limit. The advisory lock (3577 is arbitrary) lets replicas that start together migrate in
/// turn.
const BEFORE_MIGRATING: &str = "SET statement_timeout = 0; SELECT pg_advisory_lock(3577)";
const AFTER_MIGRATING: &str = "SELECT pg_advisory_unlock(3577); SET statement_timeout = '10s'";

impl PostgresStore {
    /// Opens the database at `url` (`postgres://user:password@host/database?sslmode=...`) and runs pending migrations.
    /// `local` is this machine's clock.
    ///
    /// # Errors
    /// All of [`OpenStoreError`] except `Create`.
    pub async fn open(url: &SecretString, local: Arc<dyn Clock>) -> Result<Self, OpenStoreError> {
        let name = database_name(url);
        let connect_error = |source: Cause| OpenStoreError::Connect { name: name.clone(), source };
        let tls = MakeRustlsConnect::new(
            rustls::ClientConfig::with_platform_verifier().map_err(|error| connect_error(Box::new(error)))?,
        );
        let tls = Arc::new(tls);
        let mut config = ManagerConfig::<Connection>::default();
        config.custom_setup = Box::new(move |url| {
            let tls = Arc::clone(&tls);
            connect(url.to_owned(), tls).boxed()
        });
        let manager = AsyncDieselConnectionManager::new_with_config(url.expose_secret(), config);
        let pool = Pool::builder(manager).max_size(CONNECTIONS).build();
        let pool = pool.map_err(|error| connect_error(Box::new(error)))?;
        let mut connection = match timeout(CONNECT_TIMEOUT, pool.get()).await {
            Ok(connection) => connection.map_err(|error| connect_error(Box::new(error)))?,
            Err(late) => return Err(connect_error(Box::new(late))),
        };
        refuse_lossy(&mut connection, &name).await?;
        let migrate_error =
            |source: DieselError| OpenStoreError::Migrate { name: name.clone(), source: Box::new(source) };
        connection.batch_execute(BEFORE_MIGRATING).await.map_err(migrate_error)?;
        let mut harness = AsyncMigrationHarness::new(connection);
        // On an error the pool is dropped, which closes the connection and releases the lock.
        migrate(&mut harness, MIGRATIONS, &name)?;
        harness.into_inner().batch_execute(AFTER_MIGRATING).await.map_err(migrate_error)?;
        let (health, offset, skipped) = (Arc::default(), Arc::default(), SkippedRows::default());
        let store = Self { pool, name, local, health, offset, has_own_clock: true, skipped };
        // Also reads the server's clock, before anything is compared with it.
        store
            .marks()
            .await
            .map_err(|error| OpenStoreError::Connect { name: store.name.clone(), source: Box::new(error) })?;
        Ok(store)
    }
}

async fn connect(url: String, tls: Arc<MakeRustlsConnect>) -> ConnectionResult<Connection> {
    let bad = |error: tokio_postgres::Error| ConnectionError::BadConnection(describe(&error));
    let mut config: Config = url.parse().map_err(bad)?;
    // An attacker between the two machines could remove TLS from what the server offers.
    if config.get_ssl_mode() == SslMode::Prefer && !is_on_this_machine(&config) {
        config.ssl_mode(SslMode::Require);
    }
    config.connect_timeout(CONNECT_TIMEOUT).tcp_user_timeout(CONNECT_TIMEOUT).keepalives_idle(KEEPALIVE);
    let (client, driver) = config.connect((*tls).clone()).await.map_err(bad)?;
    let mut connection = Connection::try_from_client_and_connection(client, driver).await?;
    connection.batch_execute(SETUP).await.map_err(ConnectionError::CouldntSetupConfiguration)?;
    Ok(connection)
}

fn is_on_this_machine(config: &Config) -> bool {
    let is_loopback =
        |name: &str| name == "localhost" || name.parse().is_ok_and(|address: IpAddr| address.is_loopback());
    match config.get_hostaddrs() {
        [] => config.get_hosts().iter().all(|host| match host {
            Host::Tcp(name) => is_loopback(name),
            Host::Unix(_) => true,
        }),
        addresses => addresses.iter().all(IpAddr::is_loopback),
    }
}

/// Returns the error's text with its cause, which `Display` omits.
fn describe(error: &tokio_postgres::Error) -> String {
    let cause = std::error::Error::source(error).map(|cause| format!(": {cause}")).unwrap_or_default();
    format!("{error}{cause}")
}

#[derive(QueryableByName)]
struct Setting {
    #[diesel(sql_type = Text)]
    value: String,
}

/// Rejects a database without synchronous commits: a crash of the server could lose a committed token.
async fn refuse_lossy(connection: &mut Connection, name: &str) -> Result<(), OpenStoreError> {
    let setting = sql_query("SELECT current_setting('synchronous_commit') AS value").get_result::<Setting>(connection);
    let setting = setting.await;
    let setting =
        setting.map_err(|error| OpenStoreError::Connect { name: name.to_owned(), source: Box::new(error) })?;
    if setting.value == "off" { Err(OpenStoreError::NotDurable { name: name.to_owned() }) } else { Ok(()) }
}

/// Returns database and host, for messages: the URL may hold a password.
fn database_name(url: &SecretString) -> String {
    let config: Option<Config> = url.expose_secret().parse().ok();
    let hosts = config.as_ref().map(Config::get_hosts).unwrap_or_default();
    let host = hosts.first().map(|host| format!("{host:?}")).unwrap_or_default();
    let host = host.trim_start_matches(|c| c != '"').trim_matches(|c| c == '"' || c == ')').to_owned();
    format!("{} on {host}", config.as_ref().and_then(Config::get_dbname).unwrap_or("?"))
}

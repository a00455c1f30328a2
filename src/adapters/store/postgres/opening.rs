//! Opens a PostgreSQL database: waits until it is up, connects, and migrates the schema, one replica at a time.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use diesel::{
    ConnectionError, ConnectionResult, QueryableByName,
    result::Error as DieselError,
    sql_query,
    sql_types::{Bool, Text},
};
use diesel_async::{
    AsyncMigrationHarness, RunQueryDsl, SimpleAsyncConnection,
    pooled_connection::{AsyncDieselConnectionManager, ManagerConfig, deadpool::Pool},
};
use diesel_migrations::{EmbeddedMigrations, embed_migrations};
use futures_util::FutureExt;
use secrecy::SecretString;
use tokio::time::timeout;

use super::{Connection, PostgresStore, address::Address, server::Server};
use crate::{
    adapters::store::{
        error::{Cause, OpenStoreError},
        migrating::{log_wait, migrate},
        rows::SkippedRows,
    },
    ports::{ChangeFeed, Clock},
};

const MIGRATIONS: EmbeddedMigrations = embed_migrations!("migrations/postgres");

/// Time limit for the first connection, which may take two attempts.
const OPEN_TIMEOUT: Duration = Duration::from_secs(10);
/// Time limits, so that a stuck query or transaction does not block others. Also sets the isolation level for which the
/// queries are written, because role or database may have another default.
const SETUP: &str = "SET statement_timeout = '10s'; SET idle_in_transaction_session_timeout = '30s'; \
                     SET default_transaction_isolation = 'read committed'";
/// Acquires the lock that lets one replica migrate at a time; 3577 is arbitrary.
const TRY_LOCK: &str = "SELECT pg_try_advisory_lock(3577) AS is_acquired";
/// The gateway waits 10 minutes at most for another replica's migration.
const LOCK_RETRY_PAUSE: Duration = Duration::from_millis(250);
const LOCK_ATTEMPTS: usize = 2400;
/// Migrations have no time limit.
const BEFORE_MIGRATING: &str = "SET statement_timeout = 0";
const AFTER_MIGRATING: &str = "SELECT pg_advisory_unlock(3577); SET statement_timeout = '10s'";

/// Options for [`PostgresStore::open`].
#[derive(Debug, Clone)]
pub struct PostgresOptions {
    /// Maximum number of connections of this gateway.
    pub pool_size: usize,
    /// How long to wait for a server that is not up yet.
    pub wait: Duration,
    /// A PEM file with certificate authorities to trust in addition to the system's.
    pub ca_file: Option<PathBuf>,
}

impl PostgresStore {
    /// Opens the database at `url` (`postgres://user:password@host/database?sslmode=...`) and runs pending migrations.
    /// `local` is this machine's clock.
    ///
    /// # Errors
    /// All of [`OpenStoreError`] except `Create`.
    pub async fn open(
        url: &SecretString,
        options: &PostgresOptions,
        local: Arc<dyn Clock>,
    ) -> Result<Self, OpenStoreError> {
        let server = Self::server(url, options.ca_file.as_deref())?;
        let name = server.name().to_owned();
        let connect_error = |source: Cause| OpenStoreError::Connect { name: name.clone(), source };
        server.wait_until_up(options.wait, local.as_ref()).await.map_err(|error| connect_error(Box::new(error)))?;
        let server = Arc::new(server);
        let mut config = ManagerConfig::<Connection>::default();
        config.custom_setup = Box::new(move |_url| connect(Arc::clone(&server)).boxed());
        // `connect` ignores the manager's URL.
        let manager = AsyncDieselConnectionManager::new_with_config(String::new(), config);
        let pool = Pool::builder(manager).max_size(options.pool_size).build();
        let pool = pool.map_err(|error| connect_error(Box::new(error)))?;
        let mut connection = match timeout(OPEN_TIMEOUT, pool.get()).await {
            Ok(connection) => connection.map_err(|error| connect_error(Box::new(error)))?,
            Err(late) => return Err(connect_error(Box::new(late))),
        };
        require_synchronous_commit(&mut connection, &name).await?;
        let migrate_error =
            |source: DieselError| OpenStoreError::Migrate { name: name.clone(), source: Box::new(source) };
        lock_for_migration(&mut connection, &name, local.as_ref()).await?;
        connection.batch_execute(BEFORE_MIGRATING).await.map_err(migrate_error)?;
        let mut harness = AsyncMigrationHarness::new(connection);
        // On an error the pool is dropped, which closes the connection and releases the lock.
        migrate(&mut harness, MIGRATIONS, &name)?;
        harness.into_inner().batch_execute(AFTER_MIGRATING).await.map_err(migrate_error)?;
        let (health, offset, skipped) = (Arc::default(), Arc::default(), SkippedRows::default());
        let store = Self { pool, name, local, health, offset, has_own_clock: true, skipped };
        // Reading the change feed measures the offset of the server's clock, before its first use.
        store
            .marks()
            .await
            .map_err(|error| OpenStoreError::Connect { name: store.name.clone(), source: Box::new(error) })?;
        Ok(store)
    }

    /// Checks a URL and the files that it names, without connecting.
    ///
    /// # Errors
    /// [`OpenStoreError::InvalidUrl`].
    pub fn check(url: &SecretString) -> Result<(), OpenStoreError> {
        Self::server(url, None).map(drop)
    }

    fn server(url: &SecretString, ca_file: Option<&Path>) -> Result<Server, OpenStoreError> {
        let invalid = |source: Cause| OpenStoreError::InvalidUrl { source };
        let address = Address::parse(url).map_err(|error| invalid(Box::new(error)))?;
        Server::new(address, ca_file).map_err(|error| invalid(Box::new(error)))
    }
}

async fn connect(server: Arc<Server>) -> ConnectionResult<Connection> {
    let failed = |error| ConnectionError::BadConnection(server.explain(&error));
    let (client, driver) = server.connect().await.map_err(failed)?;
    let mut connection = Connection::try_from_client_and_connection(client, driver).await?;
    connection.batch_execute(SETUP).await.map_err(ConnectionError::CouldntSetupConfiguration)?;
    Ok(connection)
}

#[derive(QueryableByName)]
struct LockAttempt {
    #[diesel(sql_type = Bool)]
    is_acquired: bool,
}

/// Waits until this process holds the lock to migrate the database.
async fn lock_for_migration(connection: &mut Connection, name: &str, clock: &dyn Clock) -> Result<(), OpenStoreError> {
    for attempt in 0..LOCK_ATTEMPTS {
        let lock = sql_query(TRY_LOCK).get_result::<LockAttempt>(connection).await;
        let lock =
            lock.map_err(|source| OpenStoreError::Migrate { name: name.to_owned(), source: Box::new(source) })?;
        if lock.is_acquired {
            return Ok(());
        }
        if attempt == 0 {
            log_wait(name);
        }
        clock.sleep(LOCK_RETRY_PAUSE).await;
    }
    Err(OpenStoreError::Busy { name: name.to_owned() })
}

#[derive(QueryableByName)]
struct Setting {
    #[diesel(sql_type = Text)]
    value: String,
}

/// Rejects a database with `synchronous_commit = off`: a crash of the server could lose committed tokens.
async fn require_synchronous_commit(connection: &mut Connection, name: &str) -> Result<(), OpenStoreError> {
    let setting = sql_query("SELECT current_setting('synchronous_commit') AS value").get_result::<Setting>(connection);
    let setting = setting.await;
    let setting =
        setting.map_err(|error| OpenStoreError::Connect { name: name.to_owned(), source: Box::new(error) })?;
    if setting.value == "off" { Err(OpenStoreError::NotDurable { name: name.to_owned() }) } else { Ok(()) }
}

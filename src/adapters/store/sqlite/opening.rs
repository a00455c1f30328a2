//! Opens a SQLite database: creates the file with mode 0600 and migrates the schema.

use std::{
    fs::{File, OpenOptions, TryLockError},
    os::unix::fs::OpenOptionsExt,
    path::Path,
    sync::Arc,
    time::Duration,
};

use deadpool::managed::QueueMode;
use diesel::{ConnectionError, ConnectionResult};
use diesel_async::{
    AsyncConnection, AsyncMigrationHarness, SimpleAsyncConnection,
    pooled_connection::{AsyncDieselConnectionManager, ManagerConfig, RecyclingMethod, deadpool::Pool},
};
use diesel_migrations::{EmbeddedMigrations, embed_migrations};
use futures_util::FutureExt;

use super::{Connection, SqliteStore, clock::boot_id};
use crate::{
    adapters::store::{
        error::OpenStoreError,
        migrating::{log_wait, migrate},
        rows::SkippedRows,
    },
    ports::Clock,
};

const MIGRATIONS: EmbeddedMigrations = embed_migrations!("migrations/sqlite");

/// How often, and how many times, the turn to migrate is tried: for 30 s.
const TURN: Duration = Duration::from_millis(50);
const TURNS: usize = 600;

/// Connections for readers and the writer. SQLite allows one writer at a time.
const CONNECTIONS: usize = 4;

/// `secure_delete`: a removed token does not stay in a free page.
const SETUP: &str = "PRAGMA busy_timeout = 5000; PRAGMA journal_mode = WAL; PRAGMA foreign_keys = ON; \
                     PRAGMA secure_delete = ON; PRAGMA trusted_schema = OFF;";
/// A saved token survives a power failure.
const EACH_COMMIT_IS_SYNCED: &str = "PRAGMA synchronous = FULL;";
/// A power failure may undo the newest commits, and never damages the file.
const SOME_COMMITS_ARE_SYNCED: &str = "PRAGMA synchronous = NORMAL;";

impl SqliteStore {
    /// Opens the database at `path`, creates it if it is missing, and runs pending migrations. `local` is this
    /// machine's clock.
    ///
    /// # Errors
    /// All of [`OpenStoreError`] except `NotDurable`.
    pub async fn open(path: &Path, local: Arc<dyn Clock>) -> Result<Self, OpenStoreError> {
        Self::open_with(EACH_COMMIT_IS_SYNCED, path, local).await
    }

    /// Opens a database whose newest commits may be lost in a power failure: remembered responses, records of requests,
    /// and what programs have used.
    ///
    /// # Errors
    /// As for [`SqliteStore::open`].
    pub async fn open_for_responses(path: &Path, local: Arc<dyn Clock>) -> Result<Self, OpenStoreError> {
        Self::open_with(SOME_COMMITS_ARE_SYNCED, path, local).await
    }

    async fn open_with(sync: &'static str, path: &Path, local: Arc<dyn Clock>) -> Result<Self, OpenStoreError> {
        let name = path.display().to_string();
        let created = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path);
        created.map_err(|source| OpenStoreError::Create { name: name.clone(), source })?;

        let _turn = turn_to_migrate(path, &name, local.as_ref()).await?;
        let mut config = ManagerConfig::<Connection>::default();
        // A file does not go away as a server does.
        config.recycling_method = RecyclingMethod::Fast;
        config.custom_setup = Box::new(move |url| connect(url, sync).boxed());
        let manager = AsyncDieselConnectionManager::new_with_config(name.clone(), config);
        let pool = Pool::builder(manager)
            .max_size(CONNECTIONS)
            // A commit through one connection empties the caches of the others, so the same one is used as long as it
            // is free.
            .queue_mode(QueueMode::Lifo)
            .build()
            .map_err(|source| OpenStoreError::Connect { name: name.clone(), source: Box::new(source) })?;
        let connection = pool
            .get()
            .await
            .map_err(|source| OpenStoreError::Connect { name: name.clone(), source: Box::new(source) })?;
        migrate(&mut AsyncMigrationHarness::new(connection), MIGRATIONS, &name)?;
        let (health, skipped) = (Arc::default(), SkippedRows::default());
        Ok(Self { pool, local, health, boot_id: boot_id().map(Into::into), skipped })
    }
}

async fn connect(path: &str, sync: &str) -> ConnectionResult<Connection> {
    let mut connection = Connection::establish(path).await?;
    connection.batch_execute(&[SETUP, sync].concat()).await.map_err(ConnectionError::CouldntSetupConfiguration)?;
    Ok(connection)
}

/// Waits until no other process migrates a database in this folder. The turn ends with the returned file. SQLite's own
/// locks end with each migration.
async fn turn_to_migrate(path: &Path, name: &str, clock: &dyn Clock) -> Result<File, OpenStoreError> {
    let create_error = |source| OpenStoreError::Create { name: name.to_owned(), source };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let folder = File::open(folder).map_err(create_error)?;
    for turn in 0..TURNS {
        match folder.try_lock() {
            Ok(()) => return Ok(folder),
            Err(TryLockError::Error(error)) => return Err(create_error(error)),
            Err(TryLockError::WouldBlock) => {}
        }
        if turn == 0 {
            log_wait(name);
        }
        clock.sleep(TURN).await;
    }
    Err(OpenStoreError::Busy { name: name.to_owned() })
}

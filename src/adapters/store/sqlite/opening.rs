//! Opens a SQLite database: creates the file with mode 0600 and migrates the schema.

use std::{
    fs::{self, File, OpenOptions, Permissions, TryLockError},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
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

/// This process waits 30 s at most for another one's migration.
const LOCK_RETRY_PAUSE: Duration = Duration::from_millis(50);
const LOCK_ATTEMPTS: usize = 600;

/// Maximum number of connections: for readers and the only writer that SQLite allows.
const CONNECTIONS: usize = 4;

/// `secure_delete` overwrites removed tokens, which would otherwise stay in free pages.
const SETUP: &str = "PRAGMA busy_timeout = 5000; PRAGMA journal_mode = WAL; PRAGMA foreign_keys = ON; \
                     PRAGMA secure_delete = ON; PRAGMA trusted_schema = OFF;";
/// A saved token survives a power failure.
const SYNC_EACH_COMMIT: &str = "PRAGMA synchronous = FULL;";
/// A power failure may undo the newest commits but does not damage the file.
const SYNC_SOME_COMMITS: &str = "PRAGMA synchronous = NORMAL;";

impl SqliteStore {
    /// Opens the database at `path`, creates it if it is missing, and runs pending migrations. `local` is this
    /// machine's clock.
    ///
    /// # Errors
    /// All of [`OpenStoreError`] except `InvalidUrl` and `NotDurable`.
    pub async fn open(path: &Path, local: Arc<dyn Clock>) -> Result<Self, OpenStoreError> {
        Self::open_with(SYNC_EACH_COMMIT, path, local).await
    }

    /// Opens the database of remembered responses, request records and usage. A power failure may undo its newest
    /// commits.
    ///
    /// # Errors
    /// As for [`SqliteStore::open`].
    pub async fn open_for_responses(path: &Path, local: Arc<dyn Clock>) -> Result<Self, OpenStoreError> {
        Self::open_with(SYNC_SOME_COMMITS, path, local).await
    }

    async fn open_with(sync: &'static str, path: &Path, local: Arc<dyn Clock>) -> Result<Self, OpenStoreError> {
        let name = path.display().to_string();
        let created = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path);
        created.map_err(|source| OpenStoreError::Create { name: name.clone(), source })?;
        close_to_others(path);

        let _lock = lock_for_migration(path, &name, local.as_ref()).await?;
        let mut config = ManagerConfig::<Connection>::default();
        // A file does not disconnect, so pooled connections need no check.
        config.recycling_method = RecyclingMethod::Fast;
        config.custom_setup = Box::new(move |url| connect(url, sync).boxed());
        let manager = AsyncDieselConnectionManager::new_with_config(name.clone(), config);
        let pool = Pool::builder(manager)
            .max_size(CONNECTIONS)
            // A commit on one connection invalidates the caches of the others, so prefer the one that was used last.
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

/// Takes the access of all users but its owner and group from the database and its side files. A file that belongs to
/// another user stays as it is.
fn close_to_others(path: &Path) {
    for suffix in ["", "-wal", "-shm", "-journal"] {
        let mut file = path.as_os_str().to_owned();
        file.push(suffix);
        let Ok(metadata) = fs::metadata(&file) else { continue };
        let mode = metadata.permissions().mode() & 0o777;
        if mode & 0o007 == 0 || fs::set_permissions(&file, Permissions::from_mode(mode & 0o770)).is_err() {
            continue;
        }
        // Some file systems, such as those of Windows, ignore the mode.
        if fs::metadata(&file).is_ok_and(|closed| closed.permissions().mode() & 0o007 == 0) {
            tracing::warn!(path = %file.display(), mode = %format!("{mode:04o}"),
                "every user of this machine could open a file of the database; others cannot any more");
        }
    }
}

async fn connect(path: &str, sync: &str) -> ConnectionResult<Connection> {
    let mut connection = Connection::establish(path).await?;
    connection.batch_execute(&[SETUP, sync].concat()).await.map_err(ConnectionError::CouldntSetupConfiguration)?;
    Ok(connection)
}

/// Locks the database's folder, so that one process at a time migrates in it. Dropping the returned file releases the
/// lock. SQLite's own locks end with each migration.
async fn lock_for_migration(path: &Path, name: &str, clock: &dyn Clock) -> Result<File, OpenStoreError> {
    let create_error = |source| OpenStoreError::Create { name: name.to_owned(), source };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let folder = File::open(folder).map_err(create_error)?;
    for attempt in 0..LOCK_ATTEMPTS {
        match folder.try_lock() {
            Ok(()) => return Ok(folder),
            Err(TryLockError::Error(error)) => return Err(create_error(error)),
            Err(TryLockError::WouldBlock) => {}
        }
        if attempt == 0 {
            log_wait(name);
        }
        clock.sleep(LOCK_RETRY_PAUSE).await;
    }
    Err(OpenStoreError::Busy { name: name.to_owned() })
}

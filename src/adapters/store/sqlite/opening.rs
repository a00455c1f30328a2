//! Opening the database: create it privately, bring its schema up to date, refuse one from the future.

use std::{fs::OpenOptions, io, os::unix::fs::OpenOptionsExt, path::Path};

use diesel::{ConnectionError, ConnectionResult, migration::MigrationVersion};
use diesel_async::{
    AsyncConnection, AsyncMigrationHarness, SimpleAsyncConnection,
    pooled_connection::{AsyncDieselConnectionManager, ManagerConfig, deadpool::Pool},
};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};
use futures_util::FutureExt;

use super::{Connection, SqliteStore};

const MIGRATIONS: EmbeddedMigrations = embed_migrations!("migrations/sqlite");

/// Readers and the writer; SQLite has one writer at a time anyhow.
const CONNECTIONS: usize = 4;

/// `synchronous=FULL`: a token that was saved must survive a power cut. `secure_delete`: a removed one must not survive
/// in a free page.
const SETUP: &str = "PRAGMA busy_timeout = 5000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
                     PRAGMA foreign_keys = ON; PRAGMA secure_delete = ON; PRAGMA trusted_schema = OFF;";

type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Why the gateway does not start on this database. Nothing was changed in it.
#[derive(Debug, thiserror::Error)]
pub enum OpenStoreError {
    #[error("cannot create the database file {path}")]
    Create { path: String, source: io::Error },
    #[error("cannot open the database {path}")]
    Connect { path: String, source: Cause },
    #[error("the schema of the database {path} cannot be brought up to date")]
    Migrate { path: String, source: Cause },
    #[error(
        "the database {path} was written by a newer goclaw (its schema is {found}, this one knows {known}); use that version"
    )]
    Newer { path: String, found: String, known: String },
}

impl SqliteStore {
    /// Opens the database at `path`, creating it (mode 0600) if it is not there, and runs pending migrations.
    pub async fn open(path: &Path) -> Result<Self, OpenStoreError> {
        let name = path.display().to_string();
        let created = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path);
        created.map_err(|source| OpenStoreError::Create { path: name.clone(), source })?;

        let mut config = ManagerConfig::<Connection>::default();
        config.custom_setup = Box::new(|url| connect(url).boxed());
        let manager = AsyncDieselConnectionManager::new_with_config(name.clone(), config);
        let pool = Pool::builder(manager)
            .max_size(CONNECTIONS)
            .build()
            .map_err(|source| OpenStoreError::Connect { path: name.clone(), source: Box::new(source) })?;
        let connection = pool
            .get()
            .await
            .map_err(|source| OpenStoreError::Connect { path: name.clone(), source: Box::new(source) })?;
        migrate(AsyncMigrationHarness::new(connection), &name)?;
        Ok(Self { pool })
    }
}

async fn connect(path: &str) -> ConnectionResult<Connection> {
    let mut connection = Connection::establish(path).await?;
    connection.batch_execute(SETUP).await.map_err(ConnectionError::CouldntSetupConfiguration)?;
    Ok(connection)
}

/// Blocks its thread for the migrations, which takes a runtime with several.
fn migrate<C>(mut harness: AsyncMigrationHarness<C>, path: &str) -> Result<(), OpenStoreError>
where
    AsyncMigrationHarness<C>: MigrationHarness<diesel::sqlite::Sqlite>,
{
    let fail = |source: Cause| OpenStoreError::Migrate { path: path.to_owned(), source };
    let applied = harness.applied_migrations().map_err(fail)?;
    let known = known_versions().map_err(fail)?;
    if let Some(found) = applied.iter().find(|version| !known.contains(version)) {
        let newest = known.iter().max().map(ToString::to_string).unwrap_or_default();
        return Err(OpenStoreError::Newer { path: path.to_owned(), found: found.to_string(), known: newest });
    }
    let ran = harness.run_pending_migrations(MIGRATIONS).map_err(fail)?;
    if !ran.is_empty() {
        tracing::info!(migrations = ran.len(), "database schema brought up to date");
    }
    Ok(())
}

fn known_versions() -> Result<Vec<MigrationVersion<'static>>, Cause> {
    use diesel::migration::{Migration, MigrationSource};
    let migrations: Vec<Box<dyn Migration<diesel::sqlite::Sqlite>>> = MIGRATIONS.migrations()?;
    Ok(migrations.iter().map(|migration| migration.name().version().as_owned()).collect())
}

//! Migrates the schema, and rejects a database whose schema is too new for this version.
//!
//! A release first expands the schema, and only a later release contracts it. So a gateway also works with the schema
//! that the next release has expanded. If the previous release cannot work with a migration, the migration's number
//! ends in `c` for contract (`2026-12-24-000042c_drop_the_old_column`).

use diesel::{
    backend::Backend,
    migration::{Migration, MigrationSource, MigrationVersion},
};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness};

use super::error::{Cause, OpenStoreError};

/// The last character of the number of a migration that contracts the schema.
const CONTRACTS: char = 'c';

/// Logs that this process waits for another one that migrates the database.
pub(super) fn log_wait(name: &str) {
    tracing::info!(database = name, "waiting for another goclaw to migrate the database");
}

/// Runs pending migrations. Blocks the calling thread, so it needs a multi-threaded runtime.
pub(super) fn migrate<DB: Backend>(
    harness: &mut impl MigrationHarness<DB>,
    migrations: EmbeddedMigrations,
    name: &str,
) -> Result<(), OpenStoreError> {
    let fail = |source: Cause| OpenStoreError::Migrate { name: name.to_owned(), source };
    let applied = harness.applied_migrations().map_err(fail)?;
    let known = versions::<DB>(&migrations).map_err(fail)?;
    let unknown: Vec<String> =
        applied.iter().filter(|version| !known.contains(version)).map(ToString::to_string).collect();
    if let Some(found) = unknown.iter().find(|version| version.ends_with(CONTRACTS)) {
        let newest = known.iter().max().map(ToString::to_string).unwrap_or_default();
        return Err(OpenStoreError::Newer { name: name.to_owned(), found: found.clone(), known: newest });
    }
    if !unknown.is_empty() {
        tracing::warn!(
            migrations = unknown.len(),
            "a newer goclaw has expanded the schema; this version works on it too"
        );
    }
    let ran = harness.run_pending_migrations(migrations).map_err(fail)?;
    if !ran.is_empty() {
        tracing::info!(migrations = ran.len(), "database schema migrated");
    }
    Ok(())
}

fn versions<DB: Backend>(migrations: &EmbeddedMigrations) -> Result<Vec<MigrationVersion<'static>>, Cause> {
    let migrations: Vec<Box<dyn Migration<DB>>> = migrations.migrations()?;
    Ok(migrations.iter().map(|migration| migration.name().version().as_owned()).collect())
}

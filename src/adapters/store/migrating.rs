//! Migrates the schema. Rejects a database of a newer version.

use diesel::{
    backend::Backend,
    migration::{Migration, MigrationSource, MigrationVersion},
};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness};

use super::error::{Cause, OpenStoreError};

/// Runs pending migrations. Blocks its thread, so it needs a multi-threaded runtime.
pub(super) fn migrate<DB: Backend>(
    harness: &mut impl MigrationHarness<DB>,
    migrations: EmbeddedMigrations,
    name: &str,
) -> Result<(), OpenStoreError> {
    let fail = |source: Cause| OpenStoreError::Migrate { name: name.to_owned(), source };
    let applied = harness.applied_migrations().map_err(fail)?;
    let known = versions::<DB>(&migrations).map_err(fail)?;
    if let Some(found) = applied.iter().find(|version| !known.contains(version)) {
        let newest = known.iter().max().map(ToString::to_string).unwrap_or_default();
        return Err(OpenStoreError::Newer { name: name.to_owned(), found: found.to_string(), known: newest });
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

//! Tests of the migrations of both databases: up with sample rows between the steps, down to nothing, and up again.

use std::{
    fs,
    path::{Path, PathBuf},
};

use diesel::{Connection, SqliteConnection, connection::SimpleConnection};

use crate::support::postgres::Database;

/// Returns the migration folders, oldest first.
fn migrations(database: &str) -> Vec<PathBuf> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("migrations").join(database);
    let mut folders: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    folders
}

/// Reads the statements of one step: `up`, `sample` or `down`. `sample` inserts rows into the schema after `up`.
fn statements(migration: &Path, step: &str) -> String {
    let path = migration.join(format!("{step}.sql"));
    fs::read_to_string(&path).unwrap_or_else(|_| panic!("every migration has {step}.sql: {}", path.display()))
}

/// Returns the statements that apply each migration and insert its rows, revert all of them, and apply them again.
fn up_down_and_up(database: &str) -> Vec<String> {
    let migrations = migrations(database);
    let up = migrations.iter().flat_map(|migration| ["up", "sample"].map(|step| statements(migration, step)));
    let down = migrations.iter().rev().map(|migration| statements(migration, "down"));
    up.clone().chain(down).chain(up).collect()
}

#[test]
fn both_databases_have_the_same_migrations() {
    let names = |database| -> Vec<_> {
        migrations(database).iter().map(|folder| folder.file_name().unwrap().to_owned()).collect()
    };
    assert!(!names("sqlite").is_empty());
    assert_eq!(names("sqlite"), names("postgres"));
}

#[test]
fn sqlite_migrates_up_and_down_with_rows() {
    let mut connection = SqliteConnection::establish(":memory:").unwrap();
    for sql in up_down_and_up("sqlite") {
        connection.batch_execute(&sql).unwrap_or_else(|error| panic!("{error} in\n{sql}"));
    }
}

#[tokio::test]
async fn postgres_migrates_up_and_down_with_rows() {
    let database = Database::create().await;
    for sql in up_down_and_up("postgres") {
        database.execute(&sql).await;
    }
    assert_eq!(database.cell("count(*)", "llm_providers").await.as_deref(), Some("1"));
}

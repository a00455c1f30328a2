//! The migrations of both databases: up step by step with rows in between, down to nothing, and up again.

use std::{
    fs,
    path::{Path, PathBuf},
};

use diesel::{Connection, SqliteConnection, connection::SimpleConnection};

use crate::support::postgres::Database;

/// The folders of a database's migrations, oldest first.
fn migrations(database: &str) -> Vec<PathBuf> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("migrations").join(database);
    let mut folders: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    folders
}

/// The statements of one step. `sample` holds rows as they looked right after it.
fn statements(migration: &Path, step: &str) -> String {
    let path = migration.join(format!("{step}.sql"));
    fs::read_to_string(&path).unwrap_or_else(|_| panic!("every migration has {step}.sql: {}", path.display()))
}

/// What to run, in order: every step up with its rows, every step down, and all of them up again.
fn there_and_back(database: &str) -> Vec<String> {
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
fn sqlite_goes_there_and_back_with_rows_in_it() {
    let mut connection = SqliteConnection::establish(":memory:").unwrap();
    for step in there_and_back("sqlite") {
        connection.batch_execute(&step).unwrap_or_else(|error| panic!("{error} in\n{step}"));
    }
}

#[tokio::test]
async fn postgres_goes_there_and_back_with_rows_in_it() {
    let database = Database::create().await;
    for step in there_and_back("postgres") {
        database.execute(&step).await;
    }
    assert_eq!(database.cell("count(*)", "llm_providers").await.as_deref(), Some("1"));
}

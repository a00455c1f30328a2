//! Backs up and restores the database of a scenario, as an operator does.

use std::{fs, path::Path};

use diesel::{Connection, SqliteConnection, connection::SimpleConnection};

use crate::testbed::{SHARED_FILE, Storage, Testbed};

/// The tables that this scenario restores. The change feed is one of them, because a restored server has its older
/// marks.
const TABLES: [&str; 10] = [
    "llm_providers",
    "config_secrets",
    "login_sessions",
    "revocations",
    "api_tokens",
    "key_checks",
    "replicas",
    "audit_log",
    "credential_events",
    "change_feed",
];
const BACKUP: &str = "backup.db";

impl Testbed {
    /// Replaces the backup by the database's current content. Gateways may be running.
    pub(super) async fn back_up(&self) {
        match &self.storage {
            Storage::Folder(folder) => {
                let backup = folder.path().join(BACKUP);
                remove(&backup);
                let file = folder.path().join(SHARED_FILE).display().to_string();
                let mut database = SqliteConnection::establish(&file).expect("a database");
                let copy = format!("PRAGMA busy_timeout = 5000; VACUUM INTO '{}'", backup.display());
                database.batch_execute(&copy).expect("a copy");
            }
            Storage::Server(database) => {
                let copy = |table| format!("CREATE TABLE old.{table} AS TABLE public.{table};");
                let copies: String = TABLES.map(copy).concat();
                let schema = "DROP SCHEMA IF EXISTS old CASCADE; CREATE SCHEMA old;";
                database.execute(&format!("BEGIN; {schema} {copies} COMMIT")).await;
            }
        }
    }

    /// Restores the backup. A server is restored in one transaction, while gateways may be running. A file must have no
    /// running gateway.
    pub(super) async fn restore(&self) {
        match &self.storage {
            Storage::Folder(folder) => {
                for suffix in ["", "-wal", "-shm"] {
                    remove(&folder.path().join(format!("{SHARED_FILE}{suffix}")));
                }
                fs::copy(folder.path().join(BACKUP), folder.path().join(SHARED_FILE)).expect("a copy");
            }
            Storage::Server(database) => {
                let truncate = format!("TRUNCATE {};", TABLES.join(", "));
                let copy = |table| format!("INSERT INTO {table} OVERRIDING SYSTEM VALUE TABLE old.{table};");
                let copies: String = TABLES[..TABLES.len() - 1].iter().map(copy).collect();
                // The triggers only update the change feed's row, which is truncated, so restore it last.
                let feed = "INSERT INTO change_feed TABLE old.change_feed;";
                let numbers = "SELECT setval(pg_get_serial_sequence('credential_events', 'id'), \
                               (SELECT coalesce(max(id), 1) FROM old.credential_events));";
                database.execute(&format!("BEGIN; {truncate} {copies} {feed} {numbers} COMMIT")).await;
            }
        }
    }
}

fn remove(file: &Path) {
    match fs::remove_file(file) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => panic!("{}: {error}", file.display()),
        Ok(()) | Err(_) => {}
    }
}

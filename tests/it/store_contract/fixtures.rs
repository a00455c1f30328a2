//! Fixtures of the store contracts: an empty, isolated store of each implementation.

use std::{path::PathBuf, sync::Arc};

use diesel::{Connection, QueryableByName, RunQueryDsl, SqliteConnection, connection::SimpleConnection, sql_types};
use goclaw::{
    adapters::{
        store::{PostgresStore, SqliteStore},
        system::SystemClock,
    },
    domain::ids::AccountName,
    ports::{
        ApiTokenStore, AuditLog, ChangeFeed, CredentialHistory, KeyStore, LoginStore, RequestLog, ResponseMemory,
        RevocationQueue, TokenStore,
    },
};
use serde_json::Value;
use tempfile::TempDir;

use crate::support::{
    fakes::MemoryStore,
    postgres::{Database, OPTIONS},
};

pub(crate) trait Fixture {
    type Store: TokenStore
        + AuditLog
        + ChangeFeed
        + CredentialHistory
        + KeyStore
        + LoginStore
        + RequestLog
        + ResponseMemory
        + RevocationQueue
        + 'static;

    async fn open() -> Self;

    fn store(&self) -> Arc<Self::Store>;

    /// Returns the store of API tokens as a trait object, because its method names clash with those of other traits.
    fn api_tokens(&self) -> Arc<dyn ApiTokenStore>;

    /// Adds a member that the gateway does not use to an account's settings.
    async fn plant_setting(&self, name: &AccountName, member: &str, value: Value);

    /// Makes an account's row unreadable.
    async fn damage(&self, name: &AccountName);
}

pub(crate) struct Memory(Arc<MemoryStore>);

impl Fixture for Memory {
    type Store = MemoryStore;

    async fn open() -> Self {
        Self(Arc::new(MemoryStore::new()))
    }

    fn store(&self) -> Arc<MemoryStore> {
        Arc::clone(&self.0)
    }

    fn api_tokens(&self) -> Arc<dyn ApiTokenStore> {
        self.store()
    }

    async fn plant_setting(&self, name: &AccountName, member: &str, value: Value) {
        self.0.plant_setting(name, member, value);
    }

    async fn damage(&self, name: &AccountName) {
        self.0.damage(name);
    }
}

pub(crate) struct Sqlite {
    store: Arc<SqliteStore>,
    folder: TempDir,
}

impl Fixture for Sqlite {
    type Store = SqliteStore;

    async fn open() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        // Use the times that the tests pass, not the machine's clock.
        let store = SqliteStore::open(&folder.path().join(FILE), Arc::new(SystemClock)).await.expect("it opens");
        Self { store: Arc::new(store.on_callers_clock()), folder }
    }

    fn store(&self) -> Arc<SqliteStore> {
        Arc::clone(&self.store)
    }

    fn api_tokens(&self) -> Arc<dyn ApiTokenStore> {
        self.store()
    }

    async fn plant_setting(&self, name: &AccountName, member: &str, value: Value) {
        self.execute(&format!(
            "UPDATE llm_providers SET settings = json_set(settings, '$.{member}', json('{value}')) WHERE name = '{name}'"
        ));
    }

    async fn damage(&self, name: &AccountName) {
        self.execute(&damage_statement(name));
    }
}

/// A database on the server that `test.sh` starts.
pub(crate) struct Postgres {
    store: Arc<PostgresStore>,
    pub(super) database: Database,
}

impl Fixture for Postgres {
    type Store = PostgresStore;

    async fn open() -> Self {
        let database = Database::create().await;
        let store = PostgresStore::open(&database.url.as_str().into(), &OPTIONS, Arc::new(SystemClock))
            .await
            .expect("it opens");
        // Use the times that the tests pass, not the server's clock.
        Self { store: Arc::new(store.on_callers_clock()), database }
    }

    fn store(&self) -> Arc<PostgresStore> {
        Arc::clone(&self.store)
    }

    fn api_tokens(&self) -> Arc<dyn ApiTokenStore> {
        self.store()
    }

    async fn plant_setting(&self, name: &AccountName, member: &str, value: Value) {
        let planted = format!("jsonb_set(settings, '{{{member}}}', '{value}')");
        self.database.execute(&format!("UPDATE llm_providers SET settings = {planted} WHERE name = '{name}'")).await;
    }

    async fn damage(&self, name: &AccountName) {
        self.database.execute(&damage_statement(name)).await;
    }
}

/// Returns an UPDATE that makes an account's row unreadable. The stores report the column `state`.
fn damage_statement(name: &AccountName) -> String {
    format!("UPDATE llm_providers SET state = 'asleep', generation = -1, id = 'x' WHERE name = '{name}'")
}

const FILE: &str = "goclaw.db";

#[derive(QueryableByName)]
struct Cell {
    #[diesel(sql_type = sql_types::Nullable<sql_types::Text>)]
    cell: Option<String>,
}

impl Sqlite {
    pub(super) fn path(&self) -> PathBuf {
        self.folder.path().join(FILE)
    }

    /// Runs statements on a separate connection.
    pub(crate) fn execute(&self, statements: &str) {
        self.connection().batch_execute(statements).expect("the statements run");
    }

    /// Returns the first column of the first row as text; None for no row or NULL.
    pub(super) fn cell(&self, column: &str, from: &str) -> Option<String> {
        let query = diesel::sql_query(format!("SELECT CAST({column} AS TEXT) AS cell FROM {from}"));
        query.load::<Cell>(&mut self.connection()).expect("the query runs").into_iter().next()?.cell
    }

    fn connection(&self) -> SqliteConnection {
        let path = self.path();
        SqliteConnection::establish(path.to_str().expect("a path of text")).expect("the file opens")
    }
}

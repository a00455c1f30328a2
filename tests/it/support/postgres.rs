//! Creates a database per test on the temporary PostgreSQL server that `test.sh` starts.

use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use goclaw::adapters::store::PostgresOptions;
use tokio_postgres::{Client, Config, NoTls};

/// The variable in which `test.sh` passes the server's URL.
const SERVER: &str = "TEST_POSTGRES_URL";

pub(crate) const OPTIONS: PostgresOptions = PostgresOptions { pool_size: 16, wait: Duration::ZERO, ca_file: None };

/// A new, empty database. `test.sh` removes it together with the server.
pub(crate) struct Database {
    pub(crate) url: String,
    pub(crate) name: String,
}

impl Database {
    pub(crate) async fn create() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("test_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        client(&server()).await.batch_execute(&format!("CREATE DATABASE {name}")).await.expect("a database");
        let url = server().rsplit_once('/').map(|(base, _)| format!("{base}/{name}")).expect("a URL");
        Self { url, name }
    }

    /// Runs statements on a separate connection.
    pub(crate) async fn execute(&self, statements: &str) {
        client(&self.url).await.batch_execute(statements).await.expect("the statements run");
    }

    /// Returns one column of the only row as text, or `None` for no row or NULL. Panics if there are several rows.
    pub(crate) async fn cell(&self, column: &str, from: &str) -> Option<String> {
        let query = format!("SELECT CAST({column} AS TEXT) FROM {from}");
        client(&self.url).await.query_opt(&query, &[]).await.expect("the query runs")?.get(0)
    }
}

/// Returns the server's URL, including the password.
#[expect(clippy::disallowed_methods, reason = "test.sh sets this variable")]
pub(crate) fn server() -> String {
    std::env::var(SERVER).expect("no PostgreSQL server for the tests: run them with ./test.sh, which starts one")
}

async fn client(url: &str) -> Client {
    let config: Config = url.parse().expect("a URL");
    let (client, driver) = config.connect(NoTls).await.expect("a connection");
    #[expect(clippy::disallowed_methods, reason = "it ends with the client")]
    tokio::spawn(driver);
    client
}

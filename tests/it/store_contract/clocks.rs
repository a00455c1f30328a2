//! Tests of the clock that limits leases and backoffs: the machine's with a SQLite file, the server's with PostgreSQL.

use std::{path::PathBuf, sync::Arc, time::Duration};

use diesel::{Connection, SqliteConnection, connection::SimpleConnection};
use goclaw::{
    adapters::{
        store::{PostgresStore, SqliteStore},
        system::SystemClock,
    },
    domain::refresh::{
        Cause, Effect, Failure, LeaseId, RefreshEvent, RefreshPolicy, RefreshTrigger, TokenState, TokenVersion,
    },
    ports::{ChangeFeed, Clock, TokenStore},
};

use super::samples::{at, author, credential, name};
use crate::support::{
    fakes::FakeClock,
    postgres::{Database, OPTIONS},
};

/// The lease of the default policy.
const LEASE: Duration = Duration::from_secs(60);
/// Longer than the lease, and short enough that the access token has not expired.
const STEP: Duration = Duration::from_secs(90);
const HOUR: Duration = Duration::from_secs(60 * 60);

/// A SQLite file with a signed-in account, on a machine whose clocks the test sets.
struct Machine {
    clock: Arc<FakeClock>,
    store: SqliteStore,
    path: PathBuf,
    _folder: tempfile::TempDir,
}

impl Machine {
    async fn new() -> Self {
        let (clock, folder) = (FakeClock::at(at(100)), tempfile::tempdir().unwrap());
        let path = folder.path().join("goclaw.db");
        let store = SqliteStore::open(&path, clock.clone()).await.unwrap();
        store.save_login(&credential(1, "work"), &author(at(0))).await.unwrap();
        Self { clock, store, path, _folder: folder }
    }

    /// Changes the stored boot id, so that the machine seems to have restarted since.
    fn restart(&self) {
        let mut database = SqliteConnection::establish(&self.path.display().to_string()).unwrap();
        database.batch_execute("UPDATE machine_clock SET boot_id = 'an earlier boot'").unwrap();
    }

    async fn begin(&self, holder: u8) -> Effect {
        let seen = TokenVersion::first_of(credential(1, "work").login_id);
        let lease = LeaseId::from_bytes([holder; 16]);
        self.advance(RefreshEvent::Begin { seen, lease, trigger: RefreshTrigger::Now }).await
    }

    /// Applies `event` with a time that the store must ignore.
    async fn advance(&self, event: RefreshEvent) -> Effect {
        let advanced = self.store.advance(&name("work"), &event, &RefreshPolicy::default(), at(7_000)).await;
        advanced.expect("the store works").effect
    }

    async fn state(&self) -> TokenState {
        self.store.load(&name("work")).await.unwrap().expect("an account").refresh.state
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn setting_the_wall_clock_forward_does_not_end_a_lease() {
    let machine = Machine::new().await;
    assert_eq!(machine.begin(1).await, Effect::Present);
    machine.clock.advance(Duration::from_secs(5));
    machine.clock.set_wall_clock(at(100).plus(STEP));
    assert_eq!(machine.begin(2).await, Effect::Wait(at(100).plus(STEP).plus(LEASE - Duration::from_secs(5))));
    // When the lease has expired by the boot clock, the account is in doubt.
    machine.clock.advance(LEASE);
    machine.begin(3).await;
    assert_eq!(machine.state().await, TokenState::InDoubt);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn setting_the_wall_clock_back_does_not_prolong_a_lease() {
    let machine = Machine::new().await;
    machine.begin(1).await;
    machine.clock.set_wall_clock(at(100).minus(HOUR));
    assert_eq!(machine.begin(2).await, Effect::Wait(at(100).minus(HOUR).plus(LEASE)));
    machine.clock.advance(LEASE);
    machine.begin(3).await;
    assert_eq!(machine.state().await, TokenState::InDoubt);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn setting_the_wall_clock_back_does_not_prolong_a_backoff() {
    let machine = Machine::new().await;
    machine.begin(1).await;
    let seen = TokenVersion::first_of(credential(1, "work").login_id);
    let failure = Failure::NotConsumed { cause: Cause::NoConnection, retry_after: None };
    machine.advance(RefreshEvent::Failed { seen, lease: LeaseId::from_bytes([1; 16]), failure, spread: 0 }).await;
    machine.clock.set_wall_clock(at(100).minus(HOUR));
    machine.clock.advance(RefreshPolicy::default().backoff_min);
    assert_eq!(machine.begin(2).await, Effect::Present);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_of_the_machine_ends_every_lease() {
    let machine = Machine::new().await;
    machine.begin(1).await;
    machine.restart();
    // A machine without a hardware clock may start with a time in the past.
    machine.clock.set_wall_clock(at(50));
    machine.begin(2).await;
    assert_eq!(machine.state().await, TokenState::InDoubt);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_with_wrong_clocks_use_the_database_server_s_clock() {
    let database = Database::create().await;
    for wrong in [SystemClock.now().plus(HOUR), SystemClock.now().minus(HOUR)] {
        let store = PostgresStore::open(&database.url.as_str().into(), &OPTIONS, FakeClock::at(wrong)).await.unwrap();
        let (shared, server) = (store.shared_clock().now(), SystemClock.now());
        assert!(shared.until(server).max(server.until(shared)) < HOUR / 2, "{shared:?}, {server:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_next_read_corrects_a_clock_that_was_set_at_run_time() {
    let (database, local) = (Database::create().await, FakeClock::at(SystemClock.now()));
    let store = PostgresStore::open(&database.url.as_str().into(), &OPTIONS, local.clone()).await.unwrap();
    local.set_wall_clock(SystemClock.now().plus(HOUR));
    store.marks().await.unwrap();
    let (shared, server) = (store.shared_clock().now(), SystemClock.now());
    assert!(server.until(shared) < HOUR / 2, "{shared:?}, {server:?}");
    local.set_wall_clock(SystemClock.now());
    store.marks().await.unwrap();
    let (shared, server) = (store.shared_clock().now(), SystemClock.now());
    assert!(shared.until(server).max(server.until(shared)) < HOUR / 2, "{shared:?}, {server:?}");
}

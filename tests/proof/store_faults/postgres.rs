//! The faults of PostgreSQL: closed or silent connections, a read-only server, and a gateway that is killed during the
//! outage.

use std::{sync::Arc, time::Duration};

use super::{
    CaseFuture, Outcome, failure_length,
    link::{CommitFault, Link},
    readers::Readers,
    scene::{HTTP_TIMEOUT, check_token_works, count_unsaved, hold_refresh, kept_in, wait_for_unsaved},
};
use crate::{
    composed,
    options::Options,
    races_and_faults::{clock, hurried_home},
    support::{
        gateway::{Gateway, Home, eventually},
        postgres::Database,
        provider::Provider,
    },
    testbed::pause,
};

/// Closes all connections, as a failover does.
const TERMINATE: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                         WHERE datname = current_database() AND pid <> pg_backend_pid();";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// Connections are closed and new ones refused.
    Unreachable,
    /// Connections stay open, and no byte arrives.
    Silent,
    ReadOnly,
}

pub(super) fn cases(options: Options) -> Vec<(&'static str, CaseFuture)> {
    vec![
        ("unreachable during the commit", Box::pin(outage(Fault::Unreachable, options))),
        ("silent during the commit", Box::pin(outage(Fault::Silent, options))),
        ("response to COMMIT lost", Box::pin(response_lost(CommitFault::ResponseLost, options))),
        ("response to COMMIT dropped silently", Box::pin(response_lost(CommitFault::ResponseSwallowed, options))),
        ("read-only, as after a failover to a replica", Box::pin(outage(Fault::ReadOnly, options))),
        ("unreachable, and the gateway killed meanwhile", Box::pin(killed_meanwhile(options))),
    ]
}

/// A gateway with a link to its database.
struct Scene {
    provider: Provider,
    database: Database,
    link: Link,
    home: Home,
    options: Options,
}

impl Scene {
    async fn new(options: Options) -> Self {
        let (provider, database) = (Provider::approving(), Database::create().await);
        let link = Link::to(&database.url).await;
        let home = hurried_home(&provider, HTTP_TIMEOUT).with("GOCLAW_DATABASE__URL", &link.through(&database.url));
        Self { provider, database, link, home, options }
    }

    async fn start(&self) -> Gateway {
        composed::start(&self.home, self.options.sabotage).await
    }

    async fn strike(&self, fault: Fault) {
        match fault {
            Fault::Unreachable => self.link.cut().await,
            Fault::Silent => self.link.swallow().await,
            Fault::ReadOnly => self.set_read_only("on").await,
        }
    }

    async fn recover(&self, fault: Fault) {
        match fault {
            Fault::Unreachable | Fault::Silent => self.link.restore().await,
            Fault::ReadOnly => self.set_read_only("off").await,
        }
    }

    async fn set_read_only(&self, value: &str) {
        let name = &self.database.name;
        let change = format!("ALTER DATABASE {name} SET default_transaction_read_only = {value};");
        self.database.execute(&format!("BEGIN READ WRITE; {change} COMMIT;")).await;
        self.database.execute(TERMINATE).await;
    }

    /// Queries the database directly, without the link.
    async fn generation(&self) -> Option<String> {
        self.database.cell("generation", "llm_providers").await
    }

    /// Returns the time from `returned` until the received token is in the database.
    async fn committed_after(&self, returned: std::time::Instant) -> Duration {
        let look = || async { (self.generation().await.as_deref() == Some("1")).then(|| returned.elapsed()) };
        eventually("the commit", look).await
    }

    async fn outcome(
        &self,
        gateway: &Gateway,
        reads: (u64, u64),
        kept_in: &'static str,
        committed_after: Duration,
    ) -> Outcome {
        wait_for_unsaved(&self.home.data_dir(), 0).await;
        let totals = check_token_works(gateway, &self.provider).await;
        let (presentations, reuse) = (totals.presentations, totals.reuse);
        Outcome { reads, kept_in, committed_after, presentations, reuse, integrity: self.integrity().await }
    }

    /// Checks that the two tables agree on one account.
    async fn integrity(&self) -> String {
        let rows = "(SELECT count(*) FROM llm_providers) || ' ' || (SELECT count(*) FROM config_secrets)";
        let rows = self.database.cell(rows, "(SELECT 1) AS one").await.unwrap_or_default();
        if rows == "1 1" { "ok".to_owned() } else { format!("{rows} rows") }
    }
}

async fn outage(fault: Fault, options: Options) -> Outcome {
    let scene = Scene::new(options).await;
    let gateway = Arc::new(scene.start().await);
    let held = hold_refresh(&gateway, &scene.provider).await;
    let readers = Readers::start(&gateway);
    scene.strike(fault).await;
    held.release(&scene.provider).await;
    wait_for_unsaved(&scene.home.data_dir(), 1).await;
    pause(failure_length(options)).await;
    assert_eq!(scene.generation().await.as_deref(), Some("0"), "the fault prevents the commit");
    let kept_in = kept_in(&scene.home.data_dir());

    scene.recover(fault).await;
    let committed_after = scene.committed_after(clock()).await;
    let reads = readers.stop().await;
    held.wait_for_end().await;
    scene.outcome(&gateway, reads, kept_in, committed_after).await
}

/// The token is in the database, but the gateway cannot know that. It must find out and store the token once.
async fn response_lost(fault: CommitFault, options: Options) -> Outcome {
    let scene = Scene::new(options).await;
    let gateway = Arc::new(scene.start().await);
    let held = hold_refresh(&gateway, &scene.provider).await;
    let readers = Readers::start(&gateway);
    scene.link.inject_at_commit(fault);
    held.release(&scene.provider).await;
    scene.link.wait_for(fault).await;
    assert_eq!(count_unsaved(&scene.home.data_dir()), 1, "the journal keeps the token until the database responds");
    pause(failure_length(options)).await;
    assert_eq!(scene.generation().await.as_deref(), Some("1"), "the COMMIT arrives");
    let kept_in = kept_in(&scene.home.data_dir());

    scene.link.restore().await;
    let returned = clock();
    wait_for_unsaved(&scene.home.data_dir(), 0).await;
    let committed_after = returned.elapsed();
    let reads = readers.stop().await;
    held.wait_for_end().await;
    scene.outcome(&gateway, reads, kept_in, committed_after).await
}

async fn killed_meanwhile(options: Options) -> Outcome {
    let scene = Scene::new(options).await;
    let gateway = Arc::new(scene.start().await);
    let held = hold_refresh(&gateway, &scene.provider).await;
    let readers = Readers::start(&gateway);
    scene.strike(Fault::Unreachable).await;
    held.release(&scene.provider).await;
    wait_for_unsaved(&scene.home.data_dir(), 1).await;
    let reads = readers.stop().await;
    // Dropping the gateway sends SIGKILL.
    drop(Arc::into_inner(gateway).expect("no other reference"));
    held.wait_for_end().await;
    let refused = scene.home.run(&["serve"]);
    assert_eq!(refused.code, Some(1), "the gateway must not start without its database: {}", refused.stderr);
    assert!(refused.stderr.contains("cannot open the database"), "{}", refused.stderr);
    pause(failure_length(options)).await;
    let kept_in = kept_in(&scene.home.data_dir());
    assert_eq!(kept_in, "journal", "the journal keeps the received token");

    scene.recover(Fault::Unreachable).await;
    let returned = clock();
    let gateway = scene.start().await;
    let committed_after = scene.committed_after(returned).await;
    scene.outcome(&gateway, reads, kept_in, committed_after).await
}

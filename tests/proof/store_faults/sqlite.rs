//! The faults of SQLite: a full disk, with the journal elsewhere or on it, a disk on which no write succeeds, a disk
//! that is read-only at the gateway's start, and a database locked by another process.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
    time::Duration,
};

use diesel::{Connection, RunQueryDsl, SqliteConnection, connection::SimpleConnection, dsl::sql, sql_types::Text};
use serde_json::json;

use super::{
    CaseFuture, Outcome,
    disk::Disk,
    failure_length,
    readers::Readers,
    scene::{HTTP_TIMEOUT, check_token_works, generation, hold_refresh, kept_in, wait_for_unsaved},
};
use crate::{
    composed,
    decorated::Sabotage,
    options::Options,
    races_and_faults::{Totals, clock, hurried_home},
    support::{
        gateway::{CommandOutput, Gateway, Home, eventually},
        provider::Provider,
    },
    testbed::pause,
};

const DATABASE: &str = "goclaw.db";
/// Long enough for a response to reach the gateway.
const MOMENT: Duration = Duration::from_secs(1);

pub(super) fn cases(options: Options) -> Vec<(&'static str, CaseFuture)> {
    vec![
        ("disk full, journal elsewhere", Box::pin(full(options, false))),
        ("disk full, journal on it", Box::pin(full(options, true))),
        ("disk full, journal on it, SIGTERM", Box::pin(stopped_on_a_full_disk(options, false))),
        ("disk full, journal on it, SIGTERM while a caller waits", Box::pin(stopped_on_a_full_disk(options, true))),
        ("every write fails", Box::pin(unwritable(options))),
        ("disk full, gateway killed, read-only at its start", Box::pin(read_only_at_start(options))),
        ("locked by another process", Box::pin(locked_by_another(options))),
    ]
}

/// A gateway whose database, or whole data folder, is on a separate disk.
struct Scene {
    provider: Provider,
    home: Home,
    disk: Disk,
    data_dir: PathBuf,
    sabotage: Option<Sabotage>,
}

impl Scene {
    fn new(has_data_on_disk: bool, options: Options) -> Self {
        let provider = Provider::approving();
        let home = hurried_home(&provider, HTTP_TIMEOUT);
        let folder = home.path().join("disk");
        fs::create_dir(&folder).expect("a folder");
        let database = format!("sqlite:{}", folder.join(DATABASE).display());
        let home = home.with("GOCLAW_DATABASE__URL", &database);
        let disk = Disk::at(folder.clone());
        let (home, data_dir) = if has_data_on_disk {
            let inside = folder.join("data");
            (home.with("GOCLAW_DATA_DIR", &inside.display().to_string()), disk.path_outside().join("data"))
        } else {
            let data_dir = home.data_dir();
            (home, data_dir)
        };
        Self { provider, home, disk, data_dir, sabotage: options.sabotage }
    }

    async fn start(&self) -> Gateway {
        let command = self.disk.command_inside(&composed::command_with(&self.home, self.sabotage));
        self.home.wait_until_healthy(self.home.spawn(command, "gateway")).await
    }

    /// Stops the gateway and checks the integrity and contents of its database.
    async fn integrity(&self, gateway: Gateway) -> String {
        gateway.stop().await;
        let copy = tempfile::tempdir().expect("a folder");
        self.disk.copy_out(DATABASE, copy.path());
        integrity_of(&copy.path().join(DATABASE))
    }
}

/// Returns `ok`, or the problem: damaged pages, or other contents than one account with generation 2.
fn integrity_of(database: &Path) -> String {
    let mut database = SqliteConnection::establish(&database.display().to_string()).expect("a database");
    let mut ask = |query: &str| sql::<Text>(query).get_result::<String>(&mut database).expect("an answer");
    let contents =
        ask("SELECT generation || ' ' || state || ' ' || (SELECT count(*) FROM config_secrets) FROM llm_providers");
    if contents == "2 active 1" { ask("PRAGMA integrity_check") } else { format!("it contains {contents}") }
}

/// Returns the time from `returned`, when the database could be written again, until the received token is in it.
async fn committed_after(gateway: &Gateway, returned: std::time::Instant) -> Duration {
    let look = || async { (generation(gateway).await == json!(1)).then(|| returned.elapsed()) };
    eventually("the commit", look).await
}

fn outcome(reads: (u64, u64), kept_in: &'static str, after: Duration, totals: Totals, integrity: String) -> Outcome {
    let (presentations, reuse) = (totals.presentations, totals.reuse);
    Outcome { reads, kept_in, committed_after: after, presentations, reuse, integrity }
}

async fn full(options: Options, is_journal_on_disk: bool) -> Outcome {
    let scene = Scene::new(is_journal_on_disk, options);
    let gateway = Arc::new(scene.start().await);
    let held = hold_refresh(&gateway, &scene.provider).await;
    let readers = Readers::start(&gateway);
    scene.disk.fill();
    held.release(&scene.provider).await;
    if !is_journal_on_disk {
        wait_for_unsaved(&scene.data_dir, 1).await;
    }
    pause(failure_length(options)).await;
    assert_eq!(generation(&gateway).await, json!(0), "the full disk prevents the commit");
    let kept_in = kept_in(&scene.data_dir);
    assert_eq!(kept_in, if is_journal_on_disk { "memory" } else { "journal" });

    scene.disk.free();
    let after = committed_after(&gateway, clock()).await;
    let reads = readers.stop().await;
    held.wait_for_end().await;
    wait_for_unsaved(&scene.data_dir, 0).await;
    let totals = check_token_works(&gateway, &scene.provider).await;
    let integrity = scene.integrity(Arc::into_inner(gateway).expect("no other reference")).await;
    outcome(reads, kept_in, after, totals, integrity)
}

/// When SIGTERM comes, only the gateway's memory has the token. The gateway must not exit before the disk has room.
async fn stopped_on_a_full_disk(options: Options, has_waiting_caller: bool) -> Outcome {
    let scene = Scene::new(true, options);
    let gateway = Arc::new(scene.start().await);
    let held = hold_refresh(&gateway, &scene.provider).await;
    let readers = Readers::start(&gateway);
    scene.disk.fill();
    held.release(&scene.provider).await;
    pause(MOMENT).await;
    let reads = readers.stop().await;
    let kept_in = kept_in(&scene.data_dir);
    assert_eq!(kept_in, "memory");
    let held = if has_waiting_caller { Some(held) } else { None };
    let mut gateway = Arc::into_inner(gateway).expect("no other reference");
    gateway.terminate();
    pause(failure_length(options)).await;
    assert!(gateway.is_running(), "the gateway must not exit with the only live token");

    scene.disk.free();
    let returned = clock();
    assert!(gateway.ended().await.success());
    let after = returned.elapsed();
    if let Some(held) = held {
        held.wait_for_end().await;
    }
    let gateway = scene.start().await;
    wait_for_unsaved(&scene.data_dir, 0).await;
    let totals = check_token_works(&gateway, &scene.provider).await;
    outcome(reads, kept_in, after, totals, scene.integrity(gateway).await)
}

/// A process limit makes every write fail, also the journal's, as on a disk that has become read-only.
async fn unwritable(options: Options) -> Outcome {
    let provider = Provider::approving();
    let home = hurried_home(&provider, HTTP_TIMEOUT);
    let plain = composed::command_with(&home, options.sabotage);
    let mut command = Command::new("sh");
    // Ignore the limit's signal, as a service manager does, so that writes fail with an error.
    let script = "trap '' XFSZ; exec \"$0\" \"$@\"";
    command.args(["-c", script]).arg(plain.get_program()).args(plain.get_args()).env_clear();
    command.envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
    // Discard the log, because the limit would also apply to it.
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
    let gateway = Arc::new(home.wait_until_healthy(child).await);
    let held = hold_refresh(&gateway, &provider).await;
    let readers = Readers::start(&gateway);
    limit_files(&gateway, "0");
    held.release(&provider).await;
    pause(failure_length(options)).await;
    assert_eq!(generation(&gateway).await, json!(0), "the limit prevents the commit");
    let kept_in = kept_in(&home.data_dir());
    assert_eq!(kept_in, "memory");

    limit_files(&gateway, "unlimited");
    let after = committed_after(&gateway, clock()).await;
    let reads = readers.stop().await;
    held.wait_for_end().await;
    wait_for_unsaved(&home.data_dir(), 0).await;
    let totals = check_token_works(&gateway, &provider).await;
    Arc::into_inner(gateway).expect("no other reference").stop().await;
    outcome(reads, kept_in, after, totals, integrity_of(&home.data_dir().join(DATABASE)))
}

/// Sets the largest size to which the gateway can write a file, in bytes.
fn limit_files(gateway: &Gateway, size: &str) {
    let (process, limit) = (format!("--pid={}", gateway.process_id()), format!("--fsize={size}:"));
    let status = Command::new("prlimit").args([process, limit]).status();
    assert!(status.is_ok_and(|status| status.success()), "prlimit failed, which the tests need to make writes fail");
}

async fn read_only_at_start(options: Options) -> Outcome {
    let scene = Scene::new(false, options);
    let gateway = Arc::new(scene.start().await);
    let held = hold_refresh(&gateway, &scene.provider).await;
    let readers = Readers::start(&gateway);
    scene.disk.fill();
    held.release(&scene.provider).await;
    wait_for_unsaved(&scene.data_dir, 1).await;
    let reads = readers.stop().await;
    // Dropping the gateway sends SIGKILL.
    drop(Arc::into_inner(gateway).expect("no other reference"));
    held.wait_for_end().await;
    scene.disk.free();
    scene.disk.remount("ro");
    let refused = CommandOutput::of(scene.disk.command_inside(&scene.home.command(&["serve"])));
    assert_eq!(refused.code, Some(1), "the gateway must not start on a read-only disk: {}", refused.stderr);
    assert_eq!(refused.stderr.trim().lines().count(), 1, "one line of error text: {}", refused.stderr);
    pause(failure_length(options)).await;
    let kept_in = kept_in(&scene.data_dir);
    assert_eq!(kept_in, "journal", "the journal keeps the received token");

    scene.disk.remount("rw");
    let returned = clock();
    let gateway = scene.start().await;
    let after = committed_after(&gateway, returned).await;
    wait_for_unsaved(&scene.data_dir, 0).await;
    let totals = check_token_works(&gateway, &scene.provider).await;
    outcome(reads, kept_in, after, totals, scene.integrity(gateway).await)
}

async fn locked_by_another(options: Options) -> Outcome {
    let provider = Provider::approving();
    let home = hurried_home(&provider, HTTP_TIMEOUT);
    let gateway = Arc::new(composed::start(&home, options.sabotage).await);
    let held = hold_refresh(&gateway, &provider).await;
    let readers = Readers::start(&gateway);
    let path = home.data_dir().join(DATABASE).display().to_string();
    let mut other = SqliteConnection::establish(&path).expect("a database");
    other.batch_execute("PRAGMA busy_timeout = 5000; BEGIN IMMEDIATE").expect("the lock");
    held.release(&provider).await;
    wait_for_unsaved(&home.data_dir(), 1).await;
    pause(failure_length(options)).await;
    assert_eq!(generation(&gateway).await, json!(0), "the lock prevents the commit");
    let kept_in = kept_in(&home.data_dir());

    other.batch_execute("ROLLBACK").expect("a rollback");
    let after = committed_after(&gateway, clock()).await;
    drop(other);
    let reads = readers.stop().await;
    held.wait_for_end().await;
    wait_for_unsaved(&home.data_dir(), 0).await;
    let totals = check_token_works(&gateway, &provider).await;
    Arc::into_inner(gateway).expect("no other reference").stop().await;
    outcome(reads, kept_in, after, totals, integrity_of(&home.data_dir().join(DATABASE)))
}

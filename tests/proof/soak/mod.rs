//! Soak test: accounts whose tokens live for seconds, three gateways that refresh them, and a kill of one gateway every
//! few seconds, in the middle of a refresh.
//!
//! Before each kill, the provider holds a refresh at a random step. The killed gateway is random, so about every third
//! kill hits the gateway that waits for the response. A grace window is configured, so no kill may cost a login.

mod login_presentations;

use std::time::Duration;

use goclaw_simulator::Step;
use libtest_mimic::Failed;
use serde_json::{Value, json};

use crate::{
    composed,
    options::Options,
    seed::{self, Draws},
    support::gateway::{Gateway, Home},
    testbed::{Caller, Engine, Testbed, block_on, millis, now_unix_ms, pause, wait_for},
};
use login_presentations::LoginPresentations;

const REPLICAS: usize = 3;
/// The lifetime of an access token.
pub(super) const LIFETIME: Duration = Duration::from_secs(4);
/// The deadline is this long for every ten rotations.
const TEN_ROTATIONS_DEADLINE: Duration = Duration::from_secs(120);
/// The deadline for a refresh to reach a step. It is much longer than the time between two refreshes.
const STEP_DEADLINE: Duration = Duration::from_secs(30);
/// The minimum pause between kills and the maximum random addition, in milliseconds.
const PAUSES: (u64, u64) = (1_500, 1_500);
/// The steps at which a refresh is held: before the provider consumes the token, and within the window of loss.
const STEPS: [Step; 4] = [Step::BodyRead, Step::Rotated, Step::HeadersSent, Step::BodySent];

#[derive(Debug, Clone, Copy)]
struct Size {
    accounts: usize,
    rotations: u64,
}

/// Three gateways on one database.
struct Replicas {
    homes: Vec<Home>,
    running: Vec<Gateway>,
}

pub(crate) fn run(options: Options) -> Result<(), Failed> {
    let size = options.short_or_long(Size { accounts: 3, rotations: 10 }, Size { accounts: 20, rotations: 50 });
    block_on(soak(size, options))
}

async fn soak(size: Size, options: Options) -> Result<(), Failed> {
    let seed = options.seed.unwrap_or_else(seed::from_clock);
    let (lifetime, accounts) = (format!("{}s", LIFETIME.as_secs()), size.accounts.to_string());
    let arguments = ["--access-lifetime", &lifetime, "--accounts", &accounts, "--reuse", "grace=60s"];
    let testbed = Testbed::new(Engine::Postgres, &arguments).await;
    let mut replicas = Replicas { homes: (0..REPLICAS).map(|_| home(&testbed)).collect(), running: Vec::new() };
    for home in &replicas.homes {
        replicas.running.push(composed::start(home, options.sabotage).await);
    }
    let names: Vec<String> = (1..=size.accounts).map(|number| format!("work-{number}")).collect();
    let caller = Caller::of(&replicas.running[0]);
    for (number, name) in names.iter().enumerate() {
        testbed.sign_in(&caller, name, number).await;
    }

    let give_up = now_unix_ms() + millis(TEN_ROTATIONS_DEADLINE) * size.rotations / 10;
    let (mut draws, mut kills) = (Draws::from(seed), Vec::new());
    loop {
        let statuses = statuses(&replicas, &names).await;
        if statuses.iter().all(|status| status["generation"].as_u64() >= Some(size.rotations)) {
            break;
        }
        let lost: Vec<&Value> = statuses.iter().filter(|status| status["state"] == "needs_reauth").collect();
        let too_slow = now_unix_ms() > give_up;
        if too_slow || !lost.is_empty() {
            let why = if too_slow { "the soak exceeded its deadline" } else { "a login was lost" };
            let behind = statuses.iter().min_by_key(|status| status["generation"].as_u64());
            let (kills, totals) = (kills.len(), testbed.totals().await);
            return Err(format!("seed {seed}: {why}, after {kills} kills: {lost:?}, {behind:?}, {totals:?}").into());
        }
        pause(Duration::from_millis(PAUSES.0 + draws.below(PAUSES.1))).await;
        let Some(killed_at) = kill_one(&testbed, &mut replicas, &mut draws, options).await else {
            let before = testbed.totals().await;
            pause(LIFETIME).await;
            let after = testbed.totals().await;
            let details = format!("after {} kills: {before:?}, a token's lifetime later {after:?}", kills.len());
            return Err(format!("seed {seed}: no refresh reached its step: {details}").into());
        };
        kills.push(killed_at);
    }
    judge(seed, &testbed, &replicas, &names, &kills).await
}

fn home(testbed: &Testbed) -> Home {
    testbed
        .home()
        // A gateway does not present if its lease arrives later than the slack beyond two calls. On a busy machine,
        // this must not happen often.
        .with("GOCLAW_REFRESH__LEASE", "4s")
        .with("GOCLAW_REFRESH__HTTP_TIMEOUT", "1s")
        .with("GOCLAW_REFRESH__BACKOFF_MIN", "100ms")
        .with("GOCLAW_REFRESH__BACKOFF_MAX", "200ms")
        .with("GOCLAW_PROVIDERS__OPENAI_CODEX__REFRESH_GRACE", "60s")
}

/// Kills a random replica while a refresh is held, and restarts it. Returns the time of the kill, or `None` if no
/// refresh reaches its step in time.
async fn kill_one(testbed: &Testbed, replicas: &mut Replicas, draws: &mut Draws, options: Options) -> Option<u64> {
    let step = STEPS[draws.below(STEPS.len() as u64) as usize];
    testbed.send_command("/stops/clear", json!({})).await;
    testbed.send_command("/stops", json!({ "step": step })).await;
    let look = || async { (testbed.count_stopped().await > 0).then_some(()) };
    tokio::time::timeout(STEP_DEADLINE, wait_for("a refresh to be held", look)).await.ok()?;
    let victim = draws.below(REPLICAS as u64) as usize;
    // SIGKILL.
    drop(replicas.running.swap_remove(victim));
    let killed_at = now_unix_ms();
    testbed.send_command("/stops/release", json!({"release": "continue"})).await;
    let home = replicas.homes.swap_remove(victim);
    replicas.running.push(composed::start(&home, options.sabotage).await);
    replicas.homes.push(home);
    Some(killed_at)
}

async fn statuses(replicas: &Replicas, names: &[String]) -> Vec<Value> {
    let caller = Caller::of(&replicas.running[0]);
    let mut all = Vec::new();
    for name in names {
        all.push(caller.status(name).await);
    }
    all
}

async fn judge(
    seed: u64,
    testbed: &Testbed,
    replicas: &Replicas,
    names: &[String],
    kills: &[u64],
) -> Result<(), Failed> {
    // A replica may still be recovering from the last kill.
    for replica in &replicas.running {
        let caller = Caller::of(replica);
        for name in names {
            let authenticated = || async { (caller.status(name).await["authenticated"] == true).then_some(()) };
            wait_for(&format!("{name} to be authenticated at the end"), authenticated).await;
        }
    }
    let (presentations, totals) = (testbed.presentations().await, testbed.totals().await);
    let logins = LoginPresentations::by_login(&presentations);
    let again = logins.iter().map(|login| login.count_presented_again()).sum::<usize>();
    let rotations: Vec<usize> = logins.iter().map(LoginPresentations::count_presented).collect();
    println!(
        "soak on {}: {REPLICAS} gateways, seed {seed}\n\
         \x20 logins            {}, all of them authenticated at the end\n\
         \x20 rotations         {} to {} each\n\
         \x20 kills             {}\n\
         \x20 presentations     {}: {} rotated, {} not acted on, {} answered in grace\n\
         \x20 presented again   {again} tokens\n\
         \x20 reuse             {} refused, {} families killed\n\
         \x20 at the same time  {} at most",
        Engine::Postgres.in_words(),
        names.len(),
        rotations.iter().min().copied().unwrap_or_default(),
        rotations.iter().max().copied().unwrap_or_default(),
        kills.len(),
        totals.presentations,
        totals.rotated,
        totals.not_acted,
        totals.grace_answered,
        totals.reuse_refused,
        totals.families_killed,
        totals.max_concurrent_in_a_family,
    );
    let mut problems: Vec<String> = logins.iter().flat_map(|login| login.problems(kills)).collect();
    if totals.max_concurrent_in_a_family != 1 {
        problems.push(format!("two presentations at once: {totals:?}"));
    }
    if logins.len() != names.len() {
        problems.push(format!("{} families for {} logins", logins.len(), names.len()));
    }
    if problems.is_empty() { Ok(()) } else { Err(format!("seed {seed}: {}", problems.join("; ")).into()) }
}

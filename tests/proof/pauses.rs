//! Pauses a gateway with SIGSTOP at a step of its refresh, as a laptop's lid or a full machine does, for less and for
//! more than its lease. Meanwhile another gateway on the same database gets a request for a refresh. Then the first
//! gateway continues: it must store the response that waits in its socket, and the token must be presented once.

use std::{process::Command, time::Duration};

use libtest_mimic::Failed;
use serde_json::json;
use tokio::time::timeout;

use crate::{
    composed,
    options::Options,
    support::gateway::Gateway,
    testbed::{Caller, Engine, Testbed, block_on, pause, until_some},
};

const ACCOUNT: &str = "openai";
/// The provider's steps at which the gateway pauses, in the short form.
const STEPS: [&str; 2] = ["rotated", "body_half"];
const LONG_STEPS: [&str; 6] = ["arrived", "body_read", "rotated", "headers_sent", "body_half", "body_sent"];
/// Pauses below and above the lease, in the short form.
const PAUSES: [Duration; 2] = [Duration::from_millis(300), Duration::from_secs(5)];
/// The long form uses the default settings.
const LONG_PAUSES: [Duration; 4] =
    [Duration::from_secs(1), Duration::from_secs(10), Duration::from_secs(35), Duration::from_secs(60)];
const SETTLED_WITHIN: Duration = Duration::from_secs(20);

pub(crate) fn run(engine: Engine, options: Options) -> Result<(), Failed> {
    block_on(async move {
        let mut testbed = Testbed::new(engine, &["--access-lifetime", "1h"]).await;
        let pauses = options.short_or_long(&PAUSES[..], &LONG_PAUSES[..]);
        let steps = options.short_or_long(&STEPS[..], &LONG_STEPS[..]);
        let mut problems = Vec::new();
        for step in steps {
            for length in pauses {
                problems.extend(run_case(&mut testbed, step, *length, options).await);
            }
        }
        let cases = steps.len() * pauses.len();
        println!("pauses on {}: {cases} pauses, {} problems", engine.in_words(), problems.len());
        if problems.is_empty() { Ok(()) } else { Err(problems.join("\n").into()) }
    })
}

/// Runs one case. Returns a description of a wrong result.
async fn run_case(testbed: &mut Testbed, step: &str, length: Duration, options: Options) -> Option<String> {
    testbed.reset().await;
    testbed.send_command("/settings", json!({"access_lifetime": "1h"})).await;
    let homes = [(); 2].map(|()| {
        let home = testbed.home();
        if options.long {
            home
        } else {
            home.with("GOCLAW_REFRESH__HTTP_TIMEOUT", "500ms").with("GOCLAW_REFRESH__LEASE", "3s")
        }
    });
    let paused = composed::start(&homes[0], options.sabotage).await;
    let other = composed::start(&homes[1], options.sabotage).await;
    testbed.sign_in(&Caller::of(&paused), ACCOUNT, 0).await;
    testbed.send_command("/stops", json!({ "step": step })).await;

    let pausing = async {
        testbed.send_command("/stops/await", json!({ "step": step })).await;
        signal(&paused, "STOP");
        testbed.send_command("/stops/release", json!({"release": "continue"})).await;
        pause(length).await;
        // Ignore the result, because the gateway may wait for the lease longer than this client.
        let _ = Caller::of(&other).refresh(ACCOUNT).await;
        signal(&paused, "CONT");
    };
    let caller = Caller::of(&paused);
    tokio::join!(caller.refresh(ACCOUNT), pausing);
    for gateway in [&paused, &other] {
        let caller = Caller::of(gateway);
        let look = || async {
            let status = caller.status(ACCOUNT).await;
            (status["state"] == "active" && status["generation"] == 1).then_some(())
        };
        if timeout(SETTLED_WITHIN, until_some(look)).await.is_err() {
            return Some(format!("{step}, {length:?}: {}", caller.status(ACCOUNT).await));
        }
    }
    let totals = testbed.totals().await;
    let is_once = (totals.presentations, totals.rotated, totals.reuse_refused) == (1, 1, 0);
    (!is_once).then(|| format!("{step}, {length:?}: {totals:?}"))
}

fn signal(gateway: &Gateway, signal: &str) {
    let sent = Command::new("kill").args([&format!("-{signal}"), &gateway.process_id().to_string()]).status();
    assert!(sent.expect("kill runs").success(), "SIG{signal}");
}

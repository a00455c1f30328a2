//! Checks that many callers on several gateways at once cause one refresh when the access token becomes invalid.
//!
//! Two kinds of rounds alternate. Either the token expires, which each gateway sees by its clock, or the provider
//! revokes it, which each gateway sees by a 401. In both, one gateway presents the refresh token once, and all callers
//! are served.

use std::time::Duration;

use libtest_mimic::Failed;
use serde_json::Value;
use tokio::task::JoinSet;

use crate::{
    composed,
    options::Options,
    support::gateway::{Gateway, Home},
    testbed::{Caller, Engine, Testbed, block_on, now_unix_ms, pause, shared_client, wait_for},
};

const LIFETIME: &str = "3s";
const ACCOUNT: &str = "openai";

#[derive(Debug, Clone, Copy)]
struct Size {
    processes: usize,
    callers: usize,
    rounds: usize,
}

/// The results of the rounds.
#[derive(Debug, Default)]
struct Tally {
    answered: usize,
    /// Responses other than 200.
    wrong: Vec<String>,
    slowest: Duration,
}

pub(crate) fn run(engine: Engine, options: Options) -> Result<(), Failed> {
    let size = options
        .short_or_long(Size { processes: 3, callers: 16, rounds: 10 }, Size { processes: 8, callers: 64, rounds: 200 });
    block_on(storm(engine, size, options))
}

async fn storm(engine: Engine, size: Size, options: Options) -> Result<(), Failed> {
    let testbed = Testbed::new(engine, &["--access-lifetime", LIFETIME]).await;
    // Without proactive refreshes, only the callers' requests start a refresh.
    let home = || testbed.home().with("GOCLAW_REFRESH__PROACTIVE", "false").with("GOCLAW_REFRESH__BACKOFF_MIN", "1ms");
    let homes: Vec<Home> = (0..size.processes).map(|_| home()).collect();
    let mut gateways: Vec<Gateway> = Vec::new();
    for home in &homes {
        gateways.push(composed::start(home, options.sabotage).await);
    }
    let callers: Vec<Caller> = gateways.iter().map(Caller::of).collect();
    testbed.sign_in(&callers[0], ACCOUNT, 0).await;
    for caller in &callers {
        let serves = || async { caller.usage().await.filter(|answer| answer.status == 200) };
        wait_for("every gateway to serve the account", serves).await;
    }

    let (mut tally, mut ended) = (Tally::default(), 0);
    for round in 0..size.rounds {
        if round % 2 == 0 {
            let end = callers[0].status(ACCOUNT).await["expires_at"].as_u64().expect("an end") * 1_000;
            pause(Duration::from_millis(end.saturating_sub(now_unix_ms()))).await;
        } else {
            ended = end_access_tokens(&testbed, ended).await;
        }
        call_all(&callers, size.callers, &mut tally).await;
    }
    judge(engine, size, &testbed, &callers[0], tally).await
}

/// Revokes the access tokens among all issued secrets except the first `ended` ones. Returns the number of secrets.
async fn end_access_tokens(testbed: &Testbed, ended: usize) -> usize {
    let issued = testbed.issued_secrets().await;
    // Skip refresh tokens, which contain no dots, because revoking one would end its family.
    for token in issued.iter().skip(ended).filter(|secret| secret.contains('.')) {
        let url = format!("{}/oauth/revoke", testbed.provider.issuer);
        let answer = shared_client().post(url).form(&[("token", token)]).send().await.expect("an answer");
        assert_eq!(answer.status(), 200);
    }
    issued.len()
}

/// Sends `each` requests to every gateway at once.
async fn call_all(callers: &[Caller], each: usize, tally: &mut Tally) {
    let mut calls = JoinSet::new();
    for caller in callers {
        for _ in 0..each {
            let caller = caller.clone();
            calls.spawn(async move {
                let began = now_unix_ms();
                let answer = caller.usage().await;
                (answer.map(|answer| (answer.status, answer.text)), now_unix_ms() - began)
            });
        }
    }
    for (answer, took) in calls.join_all().await {
        tally.slowest = tally.slowest.max(Duration::from_millis(took));
        match answer {
            Some((200, _)) => tally.answered += 1,
            other => tally.wrong.push(format!("{other:?}")),
        }
    }
}

async fn judge(engine: Engine, size: Size, testbed: &Testbed, caller: &Caller, tally: Tally) -> Result<(), Failed> {
    let (status, totals): (Value, _) = (caller.status(ACCOUNT).await, testbed.totals().await);
    let generations = status["generation"].as_u64().unwrap_or_default();
    let Size { processes, callers, rounds } = size;
    let requests = processes * callers * rounds;
    println!(
        "storm on {}: {processes} processes x {callers} callers x {rounds} rounds\n\
         \x20 answered 200          {} of {requests}, the slowest after {} ms\n\
         \x20 presentations         {}, of which the provider rotated {}\n\
         \x20 generations advanced  {generations}\n\
         \x20 reuse                 {} refused, {} families killed\n\
         \x20 at the same time      {} at most",
        engine.in_words(),
        tally.answered,
        tally.slowest.as_millis(),
        totals.presentations,
        totals.rotated,
        totals.reuse_refused,
        totals.families_killed,
        totals.max_concurrent_in_a_family,
    );
    let presentations = u64::from(totals.presentations);
    let problems = [
        (tally.answered != requests, format!("callers were not served: {:?}", tally.wrong.first())),
        (presentations != generations, format!("{presentations} presentations for {generations} generations")),
        (totals.rotated != totals.presentations, format!("a presentation was not a rotation: {totals:?}")),
        (totals.reuse_refused + totals.families_killed > 0, format!("a spent token was presented: {totals:?}")),
        (totals.max_concurrent_in_a_family != 1, format!("two presentations at once: {totals:?}")),
        (presentations < rounds as u64, format!("{rounds} rounds came to {presentations} presentations only")),
    ];
    let problems: Vec<String> = problems.into_iter().filter(|(is_one, _)| *is_one).map(|(_, error)| error).collect();
    if problems.is_empty() { Ok(()) } else { Err(problems.join("; ").into()) }
}

//! Kills a gateway with SIGKILL at fifteen points of a refresh, with a provider that revokes a login on reuse, and with
//! one that has a configured grace window.
//!
//! A kill outside of the window of loss must cost nothing. Inside it, the provider has rotated and nothing is on disk,
//! so the login is lost: the gateway must report the doubt in time, the access token must serve until its last minutes,
//! and only then may the one retry happen. With a configured grace window, the retry happens at once and saves the
//! login.

mod case;
mod points;

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex},
};

use libtest_mimic::Failed;
use tokio::task::JoinSet;

use crate::{
    options::Options,
    testbed::{Engine, Testbed, block_on},
};
use case::{Case, Ending, Reuse};
use points::{Leaves, POINTS};

/// The number of parallel cases. They mostly wait for a lease or for the last minutes of a token.
const AT_A_TIME: usize = 12;

const POLICIES: [Reuse; 2] = [Reuse::KillsTheFamily, Reuse::GraceIsConfigured];

/// The endings of each table cell, by point index and policy index.
type Results = BTreeMap<(usize, usize), Vec<Result<Ending, String>>>;

pub(crate) fn run(engine: Engine, options: Options) -> Result<(), Failed> {
    let runs = options.runs.unwrap_or(options.short_or_long(1, 40));
    let results = block_on(all_cases(engine, runs, options));
    println!("{}", table(engine, runs, &results));
    let problems: Vec<String> = results
        .iter()
        .flat_map(|(cell, endings)| endings.iter().filter_map(move |ending| Some((cell, ending.as_ref().err()?))))
        .map(|((point, policy), error)| format!("{}, {:?}: {error}", POINTS[*point].name(), POLICIES[*policy]))
        .collect();
    if problems.is_empty() { Ok(()) } else { Err(problems.join("\n").into()) }
}

async fn all_cases(engine: Engine, runs: u32, options: Options) -> Results {
    let queue = Arc::new(Mutex::new(queue(runs)));
    let mut workers = JoinSet::new();
    for _ in 0..AT_A_TIME {
        let queue = Arc::clone(&queue);
        workers.spawn(async move {
            let (mut testbed, mut done) = (Testbed::new(engine, &[]).await, Vec::new());
            let next = || queue.lock().expect("not poisoned").pop_front();
            while let Some((point, policy)) = next() {
                let case = Case { point: POINTS[point], reuse: POLICIES[policy], sabotage: options.sabotage };
                let (returned, ending) = run_isolated(case, testbed).await;
                testbed = match returned {
                    Some(testbed) => testbed,
                    None => Testbed::new(engine, &[]).await,
                };
                done.push(((point, policy), ending));
            }
            done
        });
    }
    let mut results = Results::new();
    for (cell, ending) in workers.join_all().await.into_iter().flatten() {
        results.entry(cell).or_default().push(ending);
    }
    results
}

/// Runs a case in its own task, so that a timeout fails one cell and not the whole table. Returns the testbed, unless
/// the case panicked.
async fn run_isolated(case: Case, mut testbed: Testbed) -> (Option<Testbed>, Result<Ending, String>) {
    let mut task = JoinSet::new();
    task.spawn(async move {
        let ending = case.run(&mut testbed).await;
        (testbed, ending)
    });
    match task.join_next().await.expect("there is one task") {
        Ok((testbed, ending)) => (Some(testbed), ending),
        Err(error) => {
            let panic = error.into_panic();
            let message = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
            (None, Err(message.unwrap_or("the case panicked").to_owned()))
        }
    }
}

/// Returns all cases, the longest ones first.
fn queue(runs: u32) -> VecDeque<(usize, usize)> {
    let cells = (0..POLICIES.len()).flat_map(|policy| (0..POINTS.len()).map(move |point| (point, policy)));
    let (long, short): (Vec<_>, Vec<_>) = cells.partition(|(point, policy)| {
        let waits = matches!(POINTS[*point].leaves, Leaves::Unspent | Leaves::Window);
        waits && POLICIES[*policy] == Reuse::KillsTheFamily
    });
    let repeat = |cells: Vec<(usize, usize)>| (0..runs).flat_map(move |_| cells.clone());
    repeat(long).chain(repeat(short)).collect()
}

fn table(engine: Engine, runs: u32, results: &Results) -> String {
    let [kills, grace] = ["family killed on reuse", "grace configured"];
    let noun = if runs == 1 { "run" } else { "runs" };
    let mut text = format!("kill -9 on {}, {runs} {noun} each\n", engine.in_words());
    text += &format!("  {:<15} {:<15} {kills:<36} {grace}\n", "killed at", "leaves");
    for (index, point) in POINTS.iter().enumerate() {
        let [kills, grace] = [0, 1].map(|policy| cell(results.get(&(index, policy)).map_or(&[], Vec::as_slice)));
        let leaves = match point.leaves {
            Leaves::Nothing => "nothing",
            Leaves::Unspent => "unspent token",
            Leaves::Window => "the window",
            Leaves::NewTokens => "new tokens",
        };
        text += &format!("  {:<15} {leaves:<15} {kills:<36} {grace}\n", point.name());
    }
    let outside = |(point, _): &(usize, usize)| POINTS[*point].leaves != Leaves::Window;
    let lost = results.iter().filter(|(cell, _)| outside(cell)).flat_map(|(_, endings)| endings);
    text + &format!("  lost logins outside the window: {}", lost.filter(|ending| ending.is_err()).count())
}

/// Returns a table cell with the count of each ending.
fn cell(endings: &[Result<Ending, String>]) -> String {
    let mut counts = BTreeMap::new();
    for ending in endings {
        *counts.entry(ending.as_ref().map_or("NOT AS PROMISED", |ending| ending.in_words())).or_insert(0) += 1;
    }
    let counted: Vec<String> = counts.into_iter().map(|(words, count)| format!("{count} {words}")).collect();
    counted.join(", ")
}

//! Lets logout, a new login, forced refreshes and refused access tokens race on two gateways that share a database. No
//! login may return after a logout, and no older login may overwrite a newer one.
//!
//! First, each race runs alone, held at its worst moment (`scripted`). Then volleys of operations run in a random order
//! from a seed (`volleys`), while an observer polls the database and compares it with the history (`history`). In half
//! of the runs, the gateways are configured for a provider whose revocation ends one login, in the other half for one
//! whose revocation ends the whole grant.

mod history;
mod outcome;
mod pair;
mod scripted;
mod volleys;

use std::{future::Future, pin::Pin};

use libtest_mimic::Failed;

use crate::{
    options::Options,
    races_and_faults::{on_runtime, print_table, run_in_parallel, verdict},
    seed,
};

use pair::Revocation;

/// The total number of operations, short and long.
const OPERATIONS: (usize, usize) = (500, 20_000);

type CaseFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

pub(crate) fn run(options: Options) -> Result<(), Failed> {
    let seed = options.seed.unwrap_or_else(seed::from_clock);
    println!("races: --seed {seed} repeats this order");
    let operations = options.short_or_long(OPERATIONS.0, OPERATIONS.1) / 2;
    on_runtime(async move {
        let mut problems = Vec::new();
        let names: Vec<&str> = scripted::cases(options.sabotage).into_iter().map(|(name, _)| name).collect();
        let scripted = run_in_parallel(4, scripted::cases(options.sabotage).into_iter().map(|(_, case)| case)).await;
        let mut rows = Vec::new();
        for (name, outcome) in names.into_iter().zip(scripted) {
            rows.push(vec![name.to_owned(), outcome.as_ref().map_or("failed", |()| "as expected").to_owned()]);
            problems.extend(outcome.err().map(|why| format!("{name}: {why}")));
        }
        print_table("Races, one at a time", &["race", "ended"], &rows);

        let halves = [Revocation::OfFamily, Revocation::OfGrant];
        let volleys = halves.map(|revocation| volleys::run(seed, operations, revocation, options.sabotage));
        let mut rows = Vec::new();
        for (revocation, outcome) in halves.into_iter().zip(run_in_parallel(2, volleys).await) {
            match outcome {
                Ok(outcome) => {
                    rows.push(outcome.row(revocation));
                    problems.extend(outcome.problems.iter().map(|what| format!("{}: {what}", revocation.in_words())));
                }
                Err(why) => problems.push(format!("{}: {why}", revocation.in_words())),
            }
        }
        print_table(&format!("Races, {} operations, seed {seed}", operations * 2), &outcome::HEADINGS, &rows);
        verdict(&problems)
    })
}

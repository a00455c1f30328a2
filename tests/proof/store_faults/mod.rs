//! Makes the store fail during a refresh. Requests must still be served, and the received token must be stored as soon
//! as the store is back.
//!
//! Each case holds the provider's response right after the rotation, makes the store fail, and releases the response.
//! From then on the gateway has the only copy of a live token.

mod disk;
mod link;
mod postgres;
mod readers;
mod scene;
mod sqlite;

use std::{future::Future, pin::Pin, time::Duration};

use libtest_mimic::Failed;

use crate::{
    options::Options,
    races_and_faults::{on_runtime, print_table, run_in_parallel, verdict},
};

/// The duration of the failure, in the short and in the long form.
const FAILURE_LENGTH: (Duration, Duration) = (Duration::from_secs(3), Duration::from_secs(60));
/// The promised time to commit, which only the long form checks, on a machine of its own. The short form shares its
/// machine with other tests and only waits for the commit.
const COMMITTED_WITHIN: Duration = Duration::from_secs(5);

fn failure_length(options: Options) -> Duration {
    options.short_or_long(FAILURE_LENGTH.0, FAILURE_LENGTH.1)
}

type CaseFuture = Pin<Box<dyn Future<Output = Outcome> + Send>>;

struct Outcome {
    /// Proxied requests during the failure, and how many of them succeeded.
    reads: (u64, u64),
    /// Where the received token was during the failure.
    kept_in: &'static str,
    /// The time from the store's return to the commit.
    committed_after: Duration,
    presentations: u64,
    reuse: u64,
    /// The result of the database's integrity check.
    integrity: String,
}

pub(crate) fn on_postgres(options: Options) -> Result<(), Failed> {
    on_runtime(judge("PostgreSQL", options, postgres::cases(options)))
}

pub(crate) fn on_sqlite(options: Options) -> Result<(), Failed> {
    on_runtime(judge("SQLite", options, sqlite::cases(options)))
}

async fn judge(store: &str, options: Options, cases: Vec<(&'static str, CaseFuture)>) -> Result<(), Failed> {
    let (names, runs): (Vec<&str>, Vec<CaseFuture>) = cases.into_iter().unzip();
    let at_a_time = names.len();
    let outcomes = run_in_parallel(at_a_time, runs).await;
    let (mut rows, mut problems) = (Vec::new(), Vec::new());
    for (name, outcome) in names.iter().zip(outcomes) {
        match outcome {
            Ok(outcome) => {
                problems.extend(outcome.problems(options).map(|what| format!("{name}: {what}")));
                rows.push(outcome.row(name));
            }
            Err(why) => problems.push(format!("{name}: {why}")),
        }
    }
    let headings = ["fault", "reads served", "token kept in", "committed after", "presentations", "reuse", "database"];
    print_table(&format!("Store faults on {store}"), &headings, &rows);
    verdict(&problems)
}

impl Outcome {
    fn problems(&self, options: Options) -> impl Iterator<Item = String> {
        let (all, served) = self.reads;
        let late = options.long && self.committed_after > COMMITTED_WITHIN;
        [
            (all == 0).then(|| "no request was sent".to_owned()),
            (served != all).then(|| format!("only {served} of {all} requests were served")),
            late.then(|| format!("committed only {:?} after the store's return", self.committed_after)),
            (self.presentations != 1).then(|| format!("{} presentations of one token", self.presentations)),
            (self.reuse != 0).then(|| format!("{} spent tokens were presented", self.reuse)),
            (self.integrity != "ok").then(|| format!("the database says: {}", self.integrity)),
        ]
        .into_iter()
        .flatten()
    }

    fn row(&self, name: &str) -> Vec<String> {
        let (all, served) = self.reads;
        vec![
            name.to_owned(),
            format!("{served} of {all}"),
            self.kept_in.to_owned(),
            format!("{:.1} s", self.committed_after.as_secs_f64()),
            self.presentations.to_string(),
            self.reuse.to_string(),
            self.integrity.clone(),
        ]
    }
}

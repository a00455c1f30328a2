//! The store fails while a refresh is under way: readers notice nothing, and the received token is stored as soon as the
//! store is back.
//!
//! Each case holds the provider at the moment in which it has rotated and nobody knows, takes the store away, and lets the
//! answer through: from there the only copy of a live token is the gateway's.

mod disk;
mod link;
mod postgres;
mod readers;
mod scene;
mod sqlite;

use std::{future::Future, pin::Pin, time::Duration};

use libtest_mimic::Failed;

use crate::{
    extent::Extent,
    races_and_faults::{on_runtime, print_table, side_by_side, verdict},
};

/// How long a store is away, short and long.
const AWAY: (Duration, Duration) = (Duration::from_secs(3), Duration::from_secs(60));
/// What the promise says.
const COMMITTED_WITHIN: Duration = Duration::from_secs(5);

/// How long it is in this run.
fn away(extent: Extent) -> Duration {
    extent.of(AWAY.0, AWAY.1)
}

type Running = Pin<Box<dyn Future<Output = Outcome> + Send>>;

/// What came of a case.
struct Outcome {
    /// Proxied requests while the store was away, and those of them that succeeded.
    reads: (u64, u64),
    /// Where the received token was meanwhile.
    kept_in: &'static str,
    /// From the store's return to the commit.
    committed_after: Duration,
    presentations: u64,
    reuse: u64,
    /// What the database says of itself.
    integrity: String,
}

pub(crate) fn on_postgres(extent: Extent) -> Result<(), Failed> {
    on_runtime(judge("PostgreSQL", postgres::cases(extent)))
}

pub(crate) fn on_sqlite(extent: Extent) -> Result<(), Failed> {
    on_runtime(judge("SQLite", sqlite::cases(extent)))
}

async fn judge(store: &str, cases: Vec<(&'static str, Running)>) -> Result<(), Failed> {
    let (names, runs): (Vec<&str>, Vec<Running>) = cases.into_iter().unzip();
    let at_a_time = names.len();
    let outcomes = side_by_side(at_a_time, runs).await;
    let (mut rows, mut complaints) = (Vec::new(), Vec::new());
    for (name, outcome) in names.iter().zip(outcomes) {
        match outcome {
            Ok(outcome) => {
                complaints.extend(outcome.complaints().map(|what| format!("{name}: {what}")));
                rows.push(outcome.row(name));
            }
            Err(why) => complaints.push(format!("{name}: {why}")),
        }
    }
    let headings = ["fault", "reads served", "token kept in", "committed after", "presentations", "reuse", "database"];
    print_table(&format!("Store faults on {store}"), &headings, &rows);
    verdict(&complaints)
}

impl Outcome {
    fn complaints(&self) -> impl Iterator<Item = String> {
        let (all, served) = self.reads;
        let late = self.committed_after > COMMITTED_WITHIN;
        [
            (all == 0).then(|| "nobody read meanwhile".to_owned()),
            (served != all).then(|| format!("only {served} of {all} reads were served")),
            late.then(|| format!("committed only {:?} after the store's return", self.committed_after)),
            (self.presentations != 1).then(|| format!("{} presentations of one token", self.presentations)),
            (self.reuse != 0).then(|| format!("{} spent tokens came back", self.reuse)),
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

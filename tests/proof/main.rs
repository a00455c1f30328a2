//! System tests of the core promise: gateway processes, a simulated provider, and injected faults.
//!
//! Each trial is one scenario in its short form. `--long` runs the length that `docs/refresh.md` documents. `--runs N`
//! sets how often each case of a scenario runs:
//!
//!     cargo test --test proof                                     # all, short
//!     cargo test --release --test proof -- storm --long --nocapture
//!
//! A scenario judges by the simulator's list of presentations, never by the gateway's own report. To show that the
//! scenarios can fail, gateways can break a promise on purpose (`decorated.rs`). Then these fail:
//!
//!     cargo test --test proof -- storm --sabotage leaseless       # spent tokens are presented
//!     cargo test --test proof -- soak --sabotage leaseless        # two at once, and again without a kill
//!     cargo test --test proof -- kill --sabotage journalless      # in_journal, at times committing: tokens are lost
//!     cargo test --test proof -- kill --sabotage impatient        # all points in doubt: a request presents the token
//!     cargo test --test proof -- races --sabotage leaseless       # a token is presented twice
//!     cargo test --test proof -- restores --sabotage journalless  # the newest tokens are not written back

// Makes clippy treat the helpers as test code too.
#![cfg(test)]

#[path = "../it/support/mod.rs"]
#[expect(dead_code, unused_imports, reason = "the other tests use the rest of it")]
mod support;

mod composed;
mod decorated;
mod options;
mod seed;
mod testbed;

// The scenarios, one file or folder each.
mod bystanders;
mod kill;
mod pauses;
mod provider_faults;
mod races;
mod races_and_faults;
mod restores;
mod soak;
mod store_faults;
mod storm;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};

use options::Options;
use testbed::Engine;

fn main() -> ExitCode {
    if let Some(exit) = composed::run_if_asked() {
        return exit;
    }
    let (options, arguments) = Options::from_command_line();
    let trials = vec![
        Trial::test("bystanders_on_postgres", move || bystanders::run(Engine::Postgres, options)),
        Trial::test("bystanders_on_sqlite", move || bystanders::run(Engine::Sqlite, options)),
        Trial::test("kill_on_postgres", move || kill::run(Engine::Postgres, options)),
        Trial::test("kill_on_sqlite", move || kill::run(Engine::Sqlite, options)),
        Trial::test("pauses_on_postgres", move || pauses::run(Engine::Postgres, options)),
        Trial::test("pauses_on_sqlite", move || pauses::run(Engine::Sqlite, options)),
        Trial::test("provider_faults", move || provider_faults::run(options)),
        Trial::test("races", move || races::run(options)),
        Trial::test("restores_on_postgres", move || restores::run(Engine::Postgres, options)),
        Trial::test("restores_on_sqlite", move || restores::run(Engine::Sqlite, options)),
        Trial::test("soak", move || soak::run(options)),
        Trial::test("storm_on_postgres", move || storm::run(Engine::Postgres, options)),
        Trial::test("storm_on_sqlite", move || storm::run(Engine::Sqlite, options)),
        Trial::test("store_faults_on_postgres", move || store_faults::on_postgres(options)),
        Trial::test("store_faults_on_sqlite", move || store_faults::on_sqlite(options)),
    ];
    let mut arguments = Arguments::from_iter(arguments);
    // The scenarios mostly wait for processes.
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    arguments.test_threads.get_or_insert(cores + 1);
    libtest_mimic::run(&arguments, trials).exit_code()
}

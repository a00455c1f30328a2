//! The proof of the core promise: whole gateways, a provider that ends a login on reuse, and everything that can go wrong.
//!
//! Each trial is one harness in its short form; `--long` makes it as long as `docs/refresh.md` shows its table, and `--runs N`
//! says how often each case of a harness is run:
//!
//!     cargo test --test proof                                     # all, short
//!     cargo test --release --test proof -- storm --long --nocapture
//!
//! What a harness judges by is the simulator's ledger of presentations, never what a gateway says of itself. A harness that
//! cannot fail proves nothing, so gateways can be made to break a promise (`decorated.rs`), and then these fail:
//!
//!     cargo test --test proof -- storm --sabotage leaseless       # whoever asks may present: spent tokens are presented
//!     cargo test --test proof -- soak --sabotage leaseless        # the same: two at once, and again without a kill
//!     cargo test --test proof -- kill --sabotage journalless       # in_journal, at times committing: what was there is lost
//!     cargo test --test proof -- kill --sabotage impatient        # all points in doubt: presented because somebody asked

// Says to clippy that all of it is test code, helpers included.
#![cfg(test)]

#[path = "../it/support/mod.rs"]
#[expect(dead_code, unused_imports, reason = "the other tests use the rest of it")]
mod support;

mod composed;
mod decorated;
mod extent;
mod fleet;

// The harnesses, a file or folder each.
mod kill;
mod provider_faults;
mod races;
mod races_and_faults;
mod soak;
mod store_faults;
mod storm;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};

use extent::Extent;
use fleet::Engine;

fn main() -> ExitCode {
    if let Some(exit) = composed::run_if_asked() {
        return exit;
    }
    let (extent, arguments) = Extent::from_command_line();
    let trials = vec![
        Trial::test("kill_on_postgres", move || kill::run(Engine::Postgres, extent)),
        Trial::test("kill_on_sqlite", move || kill::run(Engine::Sqlite, extent)),
        Trial::test("provider_faults", move || provider_faults::run(extent)),
        Trial::test("races", move || races::run(extent)),
        Trial::test("soak", move || soak::run(extent)),
        Trial::test("storm_on_postgres", move || storm::run(Engine::Postgres, extent)),
        Trial::test("storm_on_sqlite", move || storm::run(Engine::Sqlite, extent)),
        Trial::test("store_faults_on_postgres", move || store_faults::on_postgres(extent)),
        Trial::test("store_faults_on_sqlite", move || store_faults::on_sqlite(extent)),
    ];
    libtest_mimic::run(&Arguments::from_iter(arguments), trials).exit_code()
}

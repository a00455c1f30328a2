//! The arguments of the scenarios: `--long`, `--runs N`, `--seed N` and `--sabotage NAME`.

use crate::{composed, decorated::Sabotage};

/// The scenarios' arguments. All others belong to the test runner.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Options {
    pub(crate) long: bool,
    /// How often each case runs, if given.
    pub(crate) runs: Option<u32>,
    /// The seed of a scenario's random choices, if given. It repeats a failed run.
    pub(crate) seed: Option<u64>,
    /// A promise that the gateways break, to check that a scenario can fail. The module comment of `main.rs` lists the
    /// scenarios that notice.
    pub(crate) sabotage: Option<Sabotage>,
}

impl Options {
    /// Returns the options and the remaining arguments.
    pub(crate) fn from_command_line() -> (Self, Vec<String>) {
        let mut options = Self { long: false, runs: None, seed: None, sabotage: None };
        let (mut remaining, mut arguments) = (Vec::new(), std::env::args());
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--long" => options.long = true,
                "--runs" => {
                    let number = arguments.next().and_then(|number| number.parse().ok());
                    options.runs = Some(number.expect("--runs needs a number"));
                }
                "--seed" => {
                    let number = arguments.next().and_then(|number| number.parse().ok());
                    options.seed = Some(number.expect("--seed needs a number"));
                }
                "--sabotage" => {
                    let sabotage = arguments.next().as_deref().and_then(composed::parse);
                    options.sabotage = Some(sabotage.expect("--sabotage needs leaseless, journalless or impatient"));
                }
                _ => remaining.push(argument),
            }
        }
        (options, remaining)
    }

    /// Returns `short`, or `long` with `--long`.
    pub(crate) fn short_or_long<T>(self, short: T, long: T) -> T {
        if self.long { long } else { short }
    }
}

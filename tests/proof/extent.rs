//! The arguments of the harnesses: `--long`, `--runs N`, `--seed N` and `--sabotage NAME`.

use crate::{composed, decorated::Sabotage};

/// The harnesses' arguments. All others belong to the test runner.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Extent {
    pub(crate) long: bool,
    /// How often each case runs, if given.
    pub(crate) runs: Option<u32>,
    /// The seed of a harness's random choices, if given. It repeats a failed run.
    pub(crate) seed: Option<u64>,
    /// A promise that the gateways break, to check that a harness can fail.
    pub(crate) sabotage: Option<Sabotage>,
}

impl Extent {
    /// Returns the extent and the remaining arguments.
    pub(crate) fn from_command_line() -> (Self, Vec<String>) {
        let mut extent = Self { long: false, runs: None, seed: None, sabotage: None };
        let (mut left, mut arguments) = (Vec::new(), std::env::args());
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--long" => extent.long = true,
                "--runs" => {
                    let number = arguments.next().and_then(|number| number.parse().ok());
                    extent.runs = Some(number.expect("--runs needs a number"));
                }
                "--seed" => {
                    let number = arguments.next().and_then(|number| number.parse().ok());
                    extent.seed = Some(number.expect("--seed needs a number"));
                }
                "--sabotage" => {
                    let sabotage = arguments.next().as_deref().and_then(composed::parse);
                    extent.sabotage = Some(sabotage.expect("--sabotage needs leaseless, journalless or impatient"));
                }
                _ => left.push(argument),
            }
        }
        (extent, left)
    }

    /// Returns `short`, or `long` with `--long`.
    pub(crate) fn of<T>(self, short: T, long: T) -> T {
        if self.long { long } else { short }
    }
}

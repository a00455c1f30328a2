//! How much is run: the short form, or what `--long` and `--runs N` ask for; and on what.

use crate::{composed, decorated::Sabotage};

/// The arguments that are the proof's own; all others are the test runner's.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Extent {
    pub(crate) long: bool,
    /// How often each case is run, if that was said.
    pub(crate) runs: Option<u32>,
    /// What the random choices of a harness are made from, if that was said: to repeat one that failed.
    pub(crate) seed: Option<u64>,
    /// A promise that the gateways break, so that a harness can be seen to fail.
    pub(crate) sabotage: Option<Sabotage>,
}

impl Extent {
    /// The extent, and the arguments that are left.
    pub(crate) fn from_command_line() -> (Self, Vec<String>) {
        let mut extent = Self { long: false, runs: None, seed: None, sabotage: None };
        let (mut left, mut arguments) = (Vec::new(), std::env::args());
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--long" => extent.long = true,
                "--runs" => {
                    let number = arguments.next().and_then(|number| number.parse().ok());
                    extent.runs = Some(number.expect("--runs wants a number"));
                }
                "--seed" => {
                    let number = arguments.next().and_then(|number| number.parse().ok());
                    extent.seed = Some(number.expect("--seed wants a number"));
                }
                "--sabotage" => {
                    let sabotage = arguments.next().as_deref().and_then(composed::parse);
                    extent.sabotage = Some(sabotage.expect("--sabotage wants leaseless, journalless or impatient"));
                }
                _ => left.push(argument),
            }
        }
        (extent, left)
    }

    /// `short`, or `long` if that was asked for.
    pub(crate) fn of<T>(self, short: T, long: T) -> T {
        if self.long { long } else { short }
    }
}

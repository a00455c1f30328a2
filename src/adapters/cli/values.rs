//! Parses the values of arguments whose limits clap does not know.

use std::{ops::RangeInclusive, time::Duration};

use clap::builder::RangedU64ValueParser;

use super::words;
use crate::domain::scope::{InvalidScope, Scopes};

/// Returns the parser of a number from 1 on.
pub(super) fn positive() -> RangedU64ValueParser<usize> {
    RangedU64ValueParser::new().range(1..)
}

/// Parses a duration such as `90d` whose seconds are in `range`.
pub(super) fn parse_duration(text: &str, range: RangeInclusive<u64>) -> Result<Duration, String> {
    let duration = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    if range.contains(&duration.as_secs()) {
        return Ok(duration);
    }
    let [shortest, longest] =
        [range.start(), range.end()].map(|seconds| words::duration(Duration::from_secs(*seconds)));
    Err(format!("a duration from {shortest} to {longest} is expected"))
}

pub(super) fn parse_scopes(text: &str) -> Result<Scopes, InvalidScope> {
    Scopes::parse(text)
}

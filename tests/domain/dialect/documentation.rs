//! Compares the parameters that `docs/dialect.md` lists as left out, refused and passed with the code.

use std::collections::BTreeSet;

use goclaw::domain::dialect::{chat, responses};

const PAGE: &str = include_str!("../../../docs/dialect.md");

/// Returns the parameters in the page's paragraph with this beginning, up to the first full stop.
fn listed(beginning: &str) -> BTreeSet<&'static str> {
    let (_, rest) = PAGE.split_once(beginning).unwrap_or_else(|| panic!("no paragraph begins with {beginning:?}"));
    let (list, _) = rest.split_once('.').unwrap();
    list.split('`').skip(1).step_by(2).collect()
}

#[test]
fn parameters_left_out_are_listed() {
    assert_eq!(listed("Left out and named (Responses): "), responses::DROPPED.into_iter().collect());
    assert_eq!(listed("Left out and named (Chat Completions): "), chat::DROPPED.into_iter().collect());
}

#[test]
fn refused_parameters_are_listed() {
    assert_eq!(listed("Refused (Responses): "), responses::REFUSED.map(|(name, _)| name).into());
    assert_eq!(listed("Refused (Chat Completions): "), chat::REFUSED.map(|(name, _)| name).into());
}

#[test]
fn passed_parameters_are_listed() {
    for (list, section) in [(&responses::PASSED[..], "## Responses"), (&chat::PASSED[..], "## Chat Completions")] {
        let (_, section) = PAGE.split_once(section).unwrap();
        let row = format!("| `{}` | passed |", list.join("` `"));
        assert!(section.contains(&row), "no row {row}");
    }
}

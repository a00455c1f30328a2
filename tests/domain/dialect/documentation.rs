//! Checks that `docs/dialect.md` lists the parameters that the code refuses or passes.

use std::collections::BTreeSet;

use goclaw::domain::dialect::request::{PASSED, REFUSED};

const PAGE: &str = include_str!("../../../docs/dialect.md");

#[test]
fn refused_parameters_are_documented() {
    let (_, table) = PAGE.split_once("| refused | unless |").unwrap();
    let (table, _) = table.split_once("\n\n").unwrap();
    let listed: BTreeSet<&str> = table.split("\n| `").skip(1).filter_map(|row| row.split('`').next()).collect();
    for (name, _) in REFUSED {
        assert!(listed.contains(name), "no row {name}");
    }
    let refused_by_value =
        ["background", "functions", "logprobs", "modalities", "n", "previous_response_id", "top_logprobs"];
    assert_eq!(listed.len(), REFUSED.len() + refused_by_value.len());
    assert!(refused_by_value.iter().all(|name| listed.contains(name)), "{listed:?}");
}

#[test]
fn passed_parameters_are_documented() {
    let row = format!("| `{}` | passed |", PASSED.join("`, `"));
    assert!(PAGE.contains(&row), "no row {row}");
}

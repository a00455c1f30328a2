//! Checks that the sources contain every type named in `docs/glossary.md`, and none of the type names
//! that it bans in full. Banned patterns such as `Bad*` are not checked.

use std::{collections::BTreeSet, fs, path::Path};

use super::read_sources;

/// Returns the type names in backticks in a table cell.
fn type_names(cell: &str) -> impl Iterator<Item = &str> {
    let spans = cell.split('`').skip(1).step_by(2);
    let last = spans.filter_map(|span| span.rsplit("::").next()).map(|name| name.trim_start_matches('*'));
    last.filter(|name| name.starts_with(char::is_uppercase) && name.chars().all(char::is_alphanumeric))
}

/// Returns a message for each glossary name that is not among `words`, and for each banned name that is.
fn disagreements(glossary: &str, words: &BTreeSet<&str>) -> Vec<String> {
    let (terms, ban) = glossary.split_once("## Use, do not use").expect("the table of banned names");
    let cells = |line| -> Vec<&str> { str::split(line, '|').map(str::trim).collect() };
    let mut found = Vec::new();
    for row in terms.lines().map(cells).filter(|row| row.len() == 5) {
        found.extend(type_names(row[3]).filter(|name| !words.contains(name)).map(|name| format!("no {name}")));
    }
    for row in ban.lines().map(cells).filter(|row| row.len() == 4) {
        found.extend(type_names(row[1]).filter(|name| !words.contains(name)).map(|name| format!("no {name}")));
        found.extend(type_names(row[2]).filter(|name| words.contains(name)).map(|name| format!("banned {name}")));
    }
    found
}

#[test]
fn the_sources_use_the_names_of_the_glossary() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut sources = Vec::new();
    read_sources(root, &root.join("src"), &mut sources).expect("the sources");
    let words = sources.iter().flat_map(|(_, text)| text.split(|c: char| !c.is_alphanumeric() && c != '_')).collect();
    let glossary = fs::read_to_string(root.join("docs/glossary.md")).expect("the glossary");
    assert_eq!(disagreements(&glossary, &words), [""; 0]);
}

#[test]
fn a_missing_and_a_banned_name_are_found() {
    let glossary =
        "| a | b | `x::Here`, `table` |\n| c | d | `Gone` |\n## Use, do not use\n| `New` | `Old`, old, `Here` |";
    let words = BTreeSet::from(["Here", "Old"]);
    assert_eq!(disagreements(glossary, &words), ["no Gone", "no New", "banned Old", "banned Here"]);
}

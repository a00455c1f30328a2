//! Checks that the tests named in `docs/requirements.md` and `docs/security.md` exist.

use std::{fs, path::Path};

/// Returns the references to missing tests. A reference is `file.rs::test`, or `::test` for another test of the
/// previous file. `h/` is short for `hardening/`.
fn missing(page: &str, read: impl Fn(&str) -> Option<String>) -> Vec<String> {
    let (mut file, mut missing) = (String::new(), Vec::new());
    for reference in page.split('`').skip(1).step_by(2).filter(|word| !word.contains(char::is_whitespace)) {
        let (named, test) = reference.split_once("::").unwrap_or((reference, ""));
        if named.ends_with(".rs") {
            file = named.strip_prefix("h/").map_or_else(|| named.to_owned(), |rest| format!("hardening/{rest}"));
        } else if !named.is_empty() || test.is_empty() {
            continue;
        }
        if !read(&file).is_some_and(|text| test.is_empty() || text.contains(&format!("fn {test}("))) {
            missing.push(format!("{file}::{test}"));
        }
    }
    missing
}

#[test]
fn every_test_named_in_the_docs_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |file: &str| {
        fs::read_to_string(root.join("tests/it").join(file)).or_else(|_| fs::read_to_string(root.join(file))).ok()
    };
    for page in ["docs/requirements.md", "docs/security.md"] {
        let text = fs::read_to_string(root.join(page)).expect("the page");
        assert_eq!(missing(&text, read), [""; 0], "{page} names tests that do not exist");
    }
}

#[test]
fn a_reference_to_a_missing_test_is_found() {
    let read = |file: &str| (file == "hardening/a.rs").then(|| "async fn one() {}".to_owned());
    assert_eq!(missing("`h/a.rs::one`, `h/a.rs` (all), `a word`, `B::C`", read), [""; 0]);
    assert_eq!(missing("`h/a.rs::one`, `::two`, `b.rs`", read), ["hardening/a.rs::two", "b.rs::"]);
}

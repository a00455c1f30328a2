//! Checks that the sources contain every type named in `docs/glossary.md`, each item in the module that its path names,
//! and none of the type names that the glossary bans in full. Banned patterns such as `Bad*` are not checked.

use std::{collections::BTreeSet, fs, path::Path};

use super::read_sources;

/// Returns the type names in backticks in a table cell.
fn type_names(cell: &str) -> impl Iterator<Item = &str> {
    let spans = cell.split('`').skip(1).step_by(2);
    let last = spans.filter_map(|span| span.rsplit("::").next()).map(|name| name.trim_start_matches('*'));
    last.filter(|name| name.starts_with(char::is_uppercase) && name.chars().all(char::is_alphanumeric))
}

/// Returns a message for each path in the glossary, such as `domain::usage`, that is no module and no item in one.
/// `sources` are files with their texts. Items of `text_types.rs` are generated in the module that names them.
fn wrong_paths(glossary: &str, sources: &[(String, String)]) -> Vec<String> {
    let (terms, _ban) = glossary.split_once("## Use, do not use").expect("the table of banned names");
    let rows = terms.lines().map(|row| row.split('|').collect::<Vec<_>>()).filter(|row| row.len() == 5);
    let spans = rows.flat_map(|row| row[3].split('`').skip(1).step_by(2));
    let is_path =
        |span: &&str| ["domain::", "ports::", "app::", "adapters::"].iter().any(|root| span.starts_with(root));
    spans.filter(is_path).filter(|path| !exists(path, sources)).map(|path| format!("no {path}")).collect()
}

fn exists(path: &str, sources: &[(String, String)]) -> bool {
    let mut names = path.split("::").peekable();
    let mut module = "src".to_owned();
    let is_in =
        |file: &str, module: &str| file.strip_prefix(module).is_some_and(|rest| rest == ".rs" || rest.starts_with('/'));
    while let Some(name) = names.peek() {
        let inner = format!("{module}/{name}");
        if !sources.iter().any(|(file, _)| is_in(file, &inner)) {
            break;
        }
        module = inner;
        names.next();
    }
    let texts = || sources.iter().filter(|(file, _)| is_in(file, &module)).map(|(_, text)| text);
    names.all(|name| texts().any(|text| defines(text, name)))
}

/// Whether a text defines an item, or names it alone on a line as the macros for text types do.
fn defines(text: &str, name: &str) -> bool {
    let words = |line: &str| -> Vec<String> {
        let words = line.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty());
        words.map(str::to_owned).collect()
    };
    text.lines().map(words).any(|words| {
        words == [name]
            || words.windows(2).any(|pair| {
                pair[1] == name && ["struct", "enum", "trait", "type", "fn", "const"].contains(&pair[0].as_str())
            })
    })
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
    assert_eq!(wrong_paths(&glossary, &sources), [""; 0]);
}

#[test]
fn a_wrong_path_is_found() {
    let sources =
        [("src/domain/a.rs", "pub struct Here;"), ("src/app/b/mod.rs", "    Made\n"), ("src/app/b/c.rs", "fn f(x: X)")];
    let sources = sources.map(|(file, text)| (file.to_owned(), text.to_owned()));
    let right = "| a | b | `domain::a`, `domain::a::Here`, `app::b::Made`, `app::b::f`, `app::b::c` |\n";
    let wrong = "| a | b | `domain::b`, `domain::a::Made`, `app::b::X`, `app::Here`, `server.token` |\n";
    let glossary = format!("{right}{wrong}## Use, do not use\n");
    assert_eq!(
        wrong_paths(&glossary, &sources),
        ["no domain::b", "no domain::a::Made", "no app::b::X", "no app::Here"]
    );
}

#[test]
fn a_missing_and_a_banned_name_are_found() {
    let glossary =
        "| a | b | `x::Here`, `table` |\n| c | d | `Gone` |\n## Use, do not use\n| `New` | `Old`, old, `Here` |";
    let words = BTreeSet::from(["Here", "Old"]);
    assert_eq!(disagreements(glossary, &words), ["no Gone", "no New", "banned Old", "banned Here"]);
}

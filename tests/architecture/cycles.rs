//! Finds import cycles, direct or through other files. Without them, a reader can understand one file at a time.
//! Ignores each `mod.rs`, because it declares modules and re-exports their names.

use std::collections::{BTreeMap, BTreeSet};

use super::{module_of, scan};

/// Returns a message for each file in an import cycle.
pub(crate) fn cycles(sources: &[(String, String)]) -> Vec<String> {
    let sources_but_mods = || sources.iter().filter(|(file, _)| !file.ends_with("/mod.rs"));
    let files: BTreeMap<String, &str> =
        sources_but_mods().map(|(file, _)| (format!("crate::{}", module_of(file).join("::")), file.as_str())).collect();
    let imported = |(file, text): &'_ (String, String)| {
        let source = scan::scan(text, &module_of(file), false).unwrap_or_default();
        let paths = source.paths.into_iter().filter(|path| !path.in_test);
        paths.filter_map(|path| file_of(&files, &path.text)).filter(|other| other != file).collect::<BTreeSet<_>>()
    };
    let imports: BTreeMap<&str, BTreeSet<&str>> =
        sources_but_mods().map(|source| (source.0.as_str(), imported(source))).collect();
    let is_on_cycle = |file: &&&str| reached_from(file, &imports).contains(**file);
    let message = |file: &&str| {
        let leads_back = |other: &&&str| reached_from(other, &imports).contains(file);
        let through: Vec<_> = imports.get(file).into_iter().flatten().filter(leads_back).copied().collect();
        format!("{file}:1: imports {}, which import it: move what both need into one of them", through.join(", "))
    };
    imports.keys().filter(is_on_cycle).map(message).collect()
}

/// Returns the file of the innermost module in a path.
fn file_of<'a>(files: &BTreeMap<String, &'a str>, path: &str) -> Option<&'a str> {
    let ends = path.match_indices("::").map(|(at, _)| at).chain([path.len()]);
    ends.filter_map(|end| files.get(path.get(..end)?)).last().copied()
}

fn reached_from<'a>(file: &'a str, imports: &BTreeMap<&'a str, BTreeSet<&'a str>>) -> BTreeSet<&'a str> {
    let (mut reached, mut next) = (BTreeSet::new(), vec![file]);
    while let Some(file) = next.pop() {
        next.extend(imports.get(file).into_iter().flatten().filter(|other| reached.insert(**other)));
    }
    reached
}

#[test]
fn cycles_of_two_and_of_three_files_are_found() {
    let source = |file: &str, text: &str| (format!("src/{file}.rs"), format!("//! x\n{text}"));
    let found = |sources: &[(String, String)]| cycles(sources).len();
    let two = [source("domain/a", "use super::b::B;"), source("domain/b", "fn f() { super::a::g() }")];
    assert_eq!(found(&two), 2);
    let three = [
        source("app/a", "use crate::app::x::b::B;"),
        source("app/x/b", "use crate::app::c;"),
        source("app/c", "use super::a::A;"),
        source("app/d", "use super::a::A;"),
    ];
    assert_eq!(found(&three), 3);
    let folder = [source("app/x/mod", "mod b; use b::B;"), source("app/x/b", "use super::X;")];
    assert_eq!(found(&folder), 0, "a folder and its files are not a cycle");
}

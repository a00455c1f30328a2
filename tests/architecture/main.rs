//! Checks the dependency rule: imports point one way, `adapters -> app -> ports -> domain`.
//!
//! Each file under `src/` belongs to a layer. [`table`] lists the modules and the parts of dependencies that a layer
//! may use, [`scan`] extracts the paths of the sources, and the rules below compare the two. The table is an allowlist:
//! a new dependency is denied until a line of the table allows it. Entries are paths, not only crates: the domain may
//! use `std::time::Duration` but not `std::time::Instant`.
//!
//! The check does not see methods (`path.exists()` reads the disk without naming `std::fs`; `clippy.toml` covers these)
//! or paths in string literals (`#[serde(with = "..")]`).
//!
//! [`cycles`] finds import cycles, `format_violations` checks the form of each file, [`documents`] and [`glossary`]
//! check names in the documents, and [`cases`] tests the rules for single files.

#![cfg(test)]

mod cases;
mod cycles;
mod documents;
mod glossary;
mod scan;
mod table;

use std::{collections::BTreeSet, fs, io, path::Path};

use table::{LAYERS, Layer, SECRETS_ARE_OPENED_IN};

const MANIFEST: &str = include_str!("../../Cargo.toml");
const MAX_LINES: usize = 400;
/// Names that begin a path but are not crates: primitive types, tools in attributes, and proptest's alias `prop`.
const NOT_CRATES: &str = "bool char f32 f64 i8 i16 i32 i64 i128 isize str u8 u16 u32 u64 u128 usize \
                         clippy diagnostic rustdoc rustfmt prop";

#[test]
fn imports_point_one_way_and_files_follow_the_rules() -> io::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut sources = Vec::new();
    read_sources(root, &root.join("src"), &mut sources)?;
    assert!(sources.iter().any(|(file, _)| file == "src/lib.rs"), "src/lib.rs was not found");

    // The file of a module declared under `cfg(test)` does not contain the attribute itself.
    let test_modules: BTreeSet<String> = sources
        .iter()
        .filter_map(|(file, text)| scan::scan(text, &module_of(file), false).ok())
        .flat_map(|source| source.test_modules)
        .collect();
    let in_files = sources.iter().flat_map(|(file, text)| problems(file, text, &test_modules));
    let problems: Vec<_> = in_files.chain(cycles::cycles(&sources)).collect();
    assert!(problems.is_empty(), "{} found:\n\n{}\n", problems.len(), problems.join("\n"));
    Ok(())
}

#[test]
fn the_table_names_only_dependencies_of_the_manifest() {
    let known: BTreeSet<_> = dependencies().into_iter().chain(["goclaw".to_owned()]).collect();
    for layer in LAYERS {
        for entry in layer.outside.iter().copied().flatten().chain(layer.in_tests) {
            let root = entry.trim_start_matches('!').split("::").next().unwrap_or_default();
            assert!(known.contains(root), "the row `{}` lets in `{entry}`, which Cargo.toml does not have", layer.at);
        }
    }
}

fn read_sources(root: &Path, folder: &Path, sources: &mut Vec<(String, String)>) -> io::Result<()> {
    let mut entries = fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
    entries.sort();
    for path in entries {
        if path.is_dir() {
            read_sources(root, &path, sources)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let file = path.strip_prefix(root).unwrap_or(&path).components();
            let file: Vec<_> = file.map(|part| part.as_os_str().to_string_lossy()).collect();
            sources.push((file.join("/"), fs::read_to_string(&path)?));
        }
    }
    Ok(())
}

/// Returns a message for each violation in a file.
fn problems(file: &str, text: &str, test_modules: &BTreeSet<String>) -> Vec<String> {
    let mut problems = format_violations(file, text);
    let Some(layer) = LAYERS.iter().filter(|layer| layer.covers(file)).max_by_key(|layer| layer.at.len()) else {
        problems.push(format!("{file}:1: no layer covers this file: add a row to tests/architecture/table.rs"));
        return problems;
    };
    if layer.inside.is_empty() && layer.outside.is_empty() {
        problems.extend(non_module_violations(file, text));
    }
    let module = module_of(file);
    let in_test = (1..=module.len())
        .any(|depth| test_modules.contains(&module.iter().take(depth).cloned().collect::<Vec<_>>().join("::")));
    match scan::scan(text, &module, in_test) {
        Ok(source) => problems.extend(dependency_violations(file, &source, layer)),
        Err(error) => problems.push(format!("{file}:{}: does not lex: {error}", error.span().start().line)),
    }
    problems
}

/// Returns violations of the dependency rule and attempts to bypass it.
fn dependency_violations(file: &str, source: &scan::Source, layer: &Layer) -> Vec<String> {
    let mut problems: Vec<_> = source.bypasses.iter().map(|(line, why)| format!("{file}:{line}: {why}")).collect();
    for (line, path) in &source.path_attributes {
        if !layer.covers(&resolve_from(file, path)) {
            problems.push(format!("{file}:{line}: `#[path]` puts a file into another layer"));
        }
    }
    let dependencies = dependencies();
    for (line, name, target) in &source.names {
        let is_bound_here = target == "mod" || target.rsplit("::").next() != Some(name);
        if is_bound_here && dependencies.contains(name) {
            problems.push(format!("{file}:{line}: the name `{name}` is a dependency's: choose another name"));
        }
    }
    // Whether this file gives the name another meaning. `use rand::{self, Rng}` does not.
    let is_local =
        |root: &str| source.names.iter().any(|(_, name, of)| name == root && of.split("::").next() != Some(root));
    for path in &source.paths {
        let root = path.text.split("::").next().unwrap_or_default();
        let leads_out = root == "crate"
            || (root.starts_with(|c: char| c.is_lowercase())
                && !NOT_CRATES.split(' ').any(|name| name == root)
                && !is_local(root));
        if leads_out && !layer.allows(path) {
            problems.push(format!(
                "{file}:{}: `{}` is not for the layer `{}`\n    it may use {}\n    to allow it, add it to the row `{}` of \
                 tests/architecture/table.rs, `inside` for a module, `outside` for a crate, `in_tests` for cfg(test)",
                path.line, path.text, layer.at, layer.entries(path.in_test).join(", "), layer.at,
            ));
        }
    }
    if !SECRETS_ARE_OPENED_IN.iter().any(|place| file == *place || (place.ends_with('/') && file.starts_with(place))) {
        let openers = ["ExposeSecret", "ExposeSecretMut", "expose_secret", "expose_secret_mut"];
        problems.extend(source.words.iter().filter(|(_, word)| openers.contains(&word.as_str())).map(|(line, word)| {
            format!("{file}:{line}: `{word}` opens a secret here: pass it on unopened, or add the file to SECRETS_ARE_OPENED_IN in tests/architecture/table.rs")
        }));
    }
    problems
}

impl Layer {
    fn covers(&self, file: &str) -> bool {
        file.strip_prefix(self.at).is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
    }

    fn entries(&self, in_test: bool) -> Vec<String> {
        let own = self.at.replace('/', "::").replacen("src", "crate", 1);
        let added = if in_test { self.in_tests } else { &[] };
        let written = self.inside.iter().chain(self.outside.iter().copied().flatten()).chain(added);
        [own].into_iter().chain(written.map(|entry| (*entry).to_owned())).collect()
    }

    /// Returns whether the longest matching entry allows the path. An import also exposes everything below its path, so
    /// it is denied if an entry denies a part of it.
    fn allows(&self, path: &scan::Path) -> bool {
        let text = path.text.trim_end_matches("::*");
        let entries = self.entries(path.in_test);
        let longest = entries.iter().filter(|entry| lies_in(text, entry.trim_start_matches('!'))).max_by_key(|entry| {
            let denies = entry.starts_with('!');
            (entry.trim_start_matches('!').len(), !denies)
        });
        let denied_below = entries
            .iter()
            .any(|entry| entry.strip_prefix('!').is_some_and(|entry| entry != text && lies_in(entry, text)));
        longest.is_some_and(|entry| !entry.starts_with('!')) && !(path.is_import && denied_below)
    }
}

fn lies_in(path: &str, prefix: &str) -> bool {
    path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

/// Resolves `path` relative to the folder of `file`.
fn resolve_from(file: &str, path: &str) -> String {
    let mut parts: Vec<_> = file.split('/').collect();
    parts.pop();
    for part in path.split('/') {
        if part == ".." {
            parts.pop();
        } else {
            parts.push(part);
        }
    }
    parts.join("/")
}

/// Returns the module of a file: `src/adapters/http/mod.rs` is `adapters::http`.
fn module_of(file: &str) -> Vec<String> {
    let path = file.trim_start_matches("src/").trim_end_matches(".rs");
    let path = path.strip_suffix("/mod").unwrap_or(path);
    if matches!(path, "lib" | "main") { Vec::new() } else { path.split('/').map(str::to_owned).collect() }
}

/// Returns the dependencies of every kind and target, and the crates that need no entry in the manifest.
fn dependencies() -> BTreeSet<String> {
    let mut inside = false;
    let mut names = BTreeSet::from(["core".to_owned(), "std".to_owned()]);
    for line in MANIFEST.lines() {
        if let Some(header) = line.strip_prefix('[') {
            inside = header.ends_with("dependencies]") && header != "workspace.dependencies]";
        } else if inside && line.starts_with(|c: char| c.is_alphabetic()) {
            names.extend(line.split(['.', ' ', '=']).next().map(|name| name.replace('-', "_")));
        }
    }
    names
}

fn format_violations(file: &str, text: &str) -> Vec<String> {
    let mut problems = Vec::new();
    if !text.starts_with("//!") {
        problems.push(format!("{file}:1: opens without `//!`: say what the module is and why it exists"));
    }
    if text.lines().count() > MAX_LINES {
        problems.push(format!("{file}:{MAX_LINES}: longer than {MAX_LINES} lines: split it"));
    }
    for (index, line) in text.split('\n').enumerate() {
        let number = index + 1;
        if line.ends_with(char::is_whitespace) {
            problems.push(format!("{file}:{number}: trailing whitespace"));
        }
        let mut words = line.split(|c: char| !c.is_alphanumeric() && c != '_');
        let names_issue = line.split('#').skip(1).any(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
        if words.any(|word| ["TODO", "XXX", "FIXME"].contains(&word)) && !names_issue {
            problems.push(format!("{file}:{number}: a TODO without an issue number, like `#12`"));
        }
    }
    problems
}

/// Returns a message for each line that declares no module, for a file that may contain nothing else.
fn non_module_violations(file: &str, text: &str) -> Vec<String> {
    let declares = |line: &str| line.ends_with(';') && line.split_whitespace().any(|word| word == "mod");
    let other = |line: &str| !line.is_empty() && !line.starts_with("//") && !line.starts_with('#') && !declares(line);
    let lines = text.lines().enumerate().filter(|(_, line)| other(line.trim()));
    lines.map(|(index, _)| format!("{file}:{}: only declares modules: move this into one of them", index + 1)).collect()
}

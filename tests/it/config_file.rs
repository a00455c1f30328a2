//! Tests of the package's configuration file: it is generated from the README, loads, and has the real defaults.

#[path = "../../packaging/files/src/config_file.rs"]
mod generator;

use std::{fs, path::Path};

use goclaw::adapters::settings::{Environment, Settings, SettingsError};

const COMMITTED: &str = include_str!("../../packaging/debian/config.toml");
const README: &str = include_str!("../../README.md");

fn load(folder: &Path, text: &str) -> Result<Settings, SettingsError> {
    let file = folder.join("config.toml");
    fs::write(&file, text).expect("a file");
    Settings::load(Some(file), &Environment::from_pairs([]))
}

#[test]
fn the_committed_file_is_generated_from_the_readme() {
    let generated = generator::text(README).expect("a table of settings");
    assert!(
        generated == COMMITTED,
        "write it with: cargo run --package goclaw-package-files FOLDER, and copy FOLDER/config.toml"
    );
}

#[test]
fn every_setting_of_the_readme_is_in_the_file_with_a_comment() {
    let table = README.split("\n## Settings\n").nth(1).and_then(|rest| rest.split("\n## ").next()).expect("a section");
    let listed = table.lines().filter(|line| line.starts_with("| `")).count();
    let lines: Vec<&str> = COMMITTED.lines().collect();
    let is_setting = |line: &str| {
        let text = line.strip_prefix('#').unwrap_or(line);
        text.starts_with(|letter: char| letter.is_ascii_lowercase())
    };
    let settings: Vec<usize> = (0..lines.len()).filter(|&index| is_setting(lines[index])).collect();
    assert_eq!((settings.len(), settings.len() > 50), (listed, true));
    for index in settings {
        assert!(lines[index - 1].starts_with("# ") && lines[index - 1].ends_with('.'), "{}", lines[index]);
    }
}

#[test]
fn the_file_loads_and_each_default_in_it_is_the_real_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let as_text = |settings: Settings| format!("{settings:?}");
    let defaults = as_text(load(folder.path(), COMMITTED).expect("the file as it is"));
    let has_value = |line: &&str| line.starts_with('#') && line.contains(" = ");
    let stated: Vec<&str> = COMMITTED.lines().filter(|line| !line.starts_with("# ")).filter(has_value).collect();
    assert!(stated.len() > 15, "{stated:?}");
    for line in stated {
        let text = COMMITTED.replace(&format!("\n{line}\n"), &format!("\n{}\n", &line[1..]));
        assert_ne!(text, COMMITTED, "{line}");
        let settings = load(folder.path(), &text).unwrap_or_else(|error| panic!("{line}: {error}"));
        assert_eq!(as_text(settings), defaults, "{line} is not the default");
    }
}

#[test]
fn a_readme_without_the_expected_table_is_refused() {
    for readme in ["", "\n## Settings\n\nnone\n", "\n## Settings\n\n| `a` | b |\n"] {
        assert!(generator::text(readme).is_err(), "{readme:?}");
    }
}

//! Converts the table of settings in the README into a configuration file with a comment for each setting. Tests
//! compare the README with the fields of the settings, and the committed file with this output.

const HEADER: &str = "\
# The settings of goclaw. All but the first are commented out, so their defaults apply. The gateway reads this file at
# the start and refuses to start with an unknown setting or an invalid value. Variables such as GOCLAW_SERVER__PORT take
# precedence. After a change: systemctl restart goclaw
#
# Made from README.md with: cargo run --package goclaw-package-files FOLDER
";

/// The package's data folder: the home of the user `goclaw`, created by the systemd unit.
const DATA_DIR: &str = "/var/lib/goclaw";

/// The maximum length of a comment line, in characters.
const WIDTH: usize = 120;

/// Returns the file for the settings in the table of `readme`.
///
/// # Errors
///
/// Fails if the README has no table of settings, or a row does not have four cells.
pub(super) fn text(readme: &str) -> Result<String, &'static str> {
    let section = readme.split("\n## Settings\n").nth(1).and_then(|rest| rest.split("\n## ").next());
    let rows = section.ok_or("the README has no section on settings")?.lines().filter(|line| line.starts_with("| `"));
    let settings = rows.map(setting).collect::<Result<Vec<_>, _>>()?;
    if settings.is_empty() {
        return Err("the README has no table of settings");
    }
    Ok(format!("{HEADER}\n{}", settings.join("\n")))
}

/// Returns the lines of one setting, from its row `| key | short variable | default | meaning |`.
fn setting(row: &str) -> Result<String, &'static str> {
    let cells: Vec<&str> = row.trim_matches(['|', ' ']).splitn(4, " |").map(str::trim).collect();
    let [key, _variable, default, meaning] = cells.as_slice() else { return Err("a setting without four cells") };
    let key = key.trim_matches('`');
    let described = match *default {
        "" => "none".to_owned(),
        default => plain(default),
    };
    let comment = wrapped(&format!("{}. Default: {described}.", plain(meaning)));
    if key == "data_dir" {
        return Ok(format!("{comment}\n{key} = \"{DATA_DIR}\"\n"));
    }
    Ok(format!("{comment}\n#{} = {}\n", example_key(key), literal(default).unwrap_or_default()).replace("= \n", "=\n"))
}

/// Replaces each `*` in a key by a valid name.
fn example_key(key: &str) -> String {
    let key = key.replace("providers.*", "providers.openai-codex").replace("agents.*", "agents.0");
    key.replace("extra_authorize_params.*", "extra_authorize_params.prompt")
}

/// Returns a default as a TOML value, or None if the default is a description in words.
fn literal(default: &str) -> Option<String> {
    let value = default.strip_prefix('`')?.strip_suffix('`')?;
    let is_description = value.contains('`') || value.contains('<') || value.contains('$');
    let is_bare = value.parse::<bool>().is_ok() || value.parse::<u16>().is_ok();
    (!is_description).then(|| if is_bare { value.to_owned() } else { format!("\"{value}\"") })
}

/// Removes backticks, and replaces each Markdown link by its label and its address in parentheses.
fn plain(markdown: &str) -> String {
    let mut text = String::new();
    let mut rest = markdown;
    while let Some((before, label, address, after)) = first_link(rest) {
        let (open, close) = if before.ends_with('(') { (", ", "") } else { (" (", ")") };
        text += &format!("{before}{label}{open}{address}{close}");
        rest = after;
    }
    (text + rest).replace('`', "")
}

/// Returns the parts of the first link: the text before it, its label, its address, and the text after it.
fn first_link(text: &str) -> Option<(&str, &str, &str, &str)> {
    let (head, tail) = text.split_once("](")?;
    let (before, label) = head.rsplit_once('[')?;
    let (address, after) = tail.split_once(')')?;
    Some((before, label, address, after))
}

/// Breaks a text into comment lines.
fn wrapped(text: &str) -> String {
    let mut lines = vec!["#".to_owned()];
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.len() + 1 + word.len() <= WIDTH => *line += &format!(" {word}"),
            _ => lines.push(format!("# {word}")),
        }
    }
    lines.join("\n")
}

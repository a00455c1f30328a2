//! Printing. Results go to stdout, everything else to stderr.
//!
//! A closed pipe (`goclaw providers list | head -1`) is not an error. Control characters are replaced, so text from the
//! network cannot send escape sequences to the terminal.

use std::{
    borrow::Cow,
    io::{self, IsTerminal, Write},
    process::ExitCode,
    time::Duration,
};

use super::{error::CliError, words};
use crate::adapters::contract::ToJSON;

/// How often the countdown prints a line if stderr is not a terminal.
const UNWATCHED_EVERY: Duration = Duration::from_secs(30);
/// Moves to the beginning of the line and erases it (ECMA-48, EL 2).
const REWRITE_LINE: &str = "\r\x1b[2K";

/// Prints a result to stdout.
///
/// # Errors
///
/// The output cannot be written. A closed pipe is not an error.
pub fn line(text: &str) -> io::Result<()> {
    quietly(writeln!(io::stdout().lock(), "{}", printable(text)))
}

/// Prints an error or a notice to stderr.
pub fn error(text: &str) {
    // There is no other place to report a failure of stderr.
    writeln!(io::stderr().lock(), "{}", printable(text)).ok();
}

/// Prints a list that was read page by page, as JSON.
pub(super) fn typed_json(list: &impl ToJSON) -> io::Result<()> {
    json(&list.to_json_string())
}

/// Prints the JSON of a response unchanged, except for control characters.
pub(super) fn json(raw: &str) -> io::Result<()> {
    quietly(writeln!(io::stdout().lock(), "{}", printable_json(raw.trim())))
}

/// Prints an error and what to do about it.
pub(super) fn failure(failure: &CliError) {
    error(&failure.to_string());
    for advice in failure.advice() {
        error(&advice);
    }
}

/// Prints clap's output for invalid usage, `--help` or `--version`, and returns the exit code.
pub(super) fn usage(usage: &clap::Error) -> ExitCode {
    match quietly(usage.print()) {
        Ok(()) => u8::try_from(usage.exit_code()).unwrap_or(1).into(),
        Err(_lost) => ExitCode::FAILURE,
    }
}

/// Asks a yes-or-no question. Returns false without a terminal.
pub(super) fn confirms(question: &str) -> io::Result<bool> {
    if !(io::stdin().is_terminal() && is_watched()) {
        return Ok(false);
    }
    error(question);
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}

/// Returns whether stderr is a terminal.
pub(super) fn is_watched() -> bool {
    io::stderr().is_terminal()
}

/// Shows the remaining time on stderr: on one line that is rewritten, or without a terminal a line every 30 s.
#[derive(Debug)]
pub(super) struct Countdown {
    watched: bool,
    /// The text before the remaining time.
    subject: &'static str,
    last_shown: Option<Duration>,
}

impl Countdown {
    pub(super) fn new(subject: &'static str) -> Self {
        Self { watched: is_watched(), subject, last_shown: None }
    }

    pub(super) fn show(&mut self, left: Duration, remark: &str) {
        let text = format!("{}: {} left{remark}", self.subject, words::duration(left));
        if self.watched {
            let mut stderr = io::stderr().lock();
            write!(stderr, "{REWRITE_LINE}{}", printable(&text)).and_then(|()| stderr.flush()).ok();
            self.last_shown = Some(left);
        } else if self.last_shown.is_none_or(|shown| shown.abs_diff(left) >= UNWATCHED_EVERY) {
            error(&text);
            self.last_shown = Some(left);
        }
    }

    /// Erases the line to make room for other output.
    pub(super) fn clear(&mut self) {
        if self.watched && self.last_shown.take().is_some() {
            let mut stderr = io::stderr().lock();
            write!(stderr, "{REWRITE_LINE}").and_then(|()| stderr.flush()).ok();
        }
    }
}

fn quietly(written: io::Result<()>) -> io::Result<()> {
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

fn printable(text: &str) -> Cow<'_, str> {
    let is_unsafe = |c: char| c.is_control() && c != '\n';
    if text.contains(is_unsafe) { text.replace(is_unsafe, "\u{fffd}").into() } else { text.into() }
}

/// Escapes control characters. In valid JSON, those below U+0020 are white space between tokens and stay; the others
/// occur only inside strings, where the escape is equivalent.
fn printable_json(raw: &str) -> Cow<'_, str> {
    let is_unsafe = |c: char| c.is_control() && !c.is_ascii_whitespace();
    if !raw.contains(is_unsafe) {
        return raw.into();
    }
    let escaped = |c: char| if is_unsafe(c) { format!("\\u{:04x}", u32::from(c)) } else { c.to_string() };
    raw.chars().map(escaped).collect::<String>().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_replaced() {
        assert_eq!(printable("two\nlines"), "two\nlines");
        assert_eq!(printable("\x1b]0;title\x07\r\u{9b}2J"), "\u{fffd}]0;title\u{fffd}\u{fffd}\u{fffd}2J");
    }

    #[test]
    fn escaped_json_has_the_same_value() {
        let raw = "{\"a\": \"x\u{9b}\u{7f}\"}\n";
        let printed = printable_json(raw);
        assert_eq!(printed, "{\"a\": \"x\\u009b\\u007f\"}\n");
        let value = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        assert_eq!(value(&printed), value(raw));
    }

    #[test]
    fn a_closed_pipe_is_ignored_and_a_full_disk_is_not() {
        assert!(quietly(Err(io::ErrorKind::BrokenPipe.into())).is_ok());
        assert!(quietly(Err(io::ErrorKind::StorageFull.into())).is_err());
    }
}

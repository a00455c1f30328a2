//! The only place that prints. Results go to stdout, everything else to stderr.
//!
//! A reader that went away (`goclaw providers list | head -1`) is a quiet end, never a panic. Nothing that arrives
//! from elsewhere can steer the terminal: control characters are replaced before they are printed.

use std::{
    borrow::Cow,
    io::{self, IsTerminal, Write},
    process::ExitCode,
    time::Duration,
};

use serde::Serialize;

use super::{error::CliError, words};

/// A countdown nobody watches is written to a log: one line in this time is enough.
const UNWATCHED_EVERY: Duration = Duration::from_secs(30);
/// Back to the beginning of the line, and erase it (ECMA-48, EL 2).
const REWRITE_LINE: &str = "\r\x1b[2K";

/// Prints a result, one or more lines, to stdout. Fails only if the output is lost, not if nobody wants it.
pub fn line(text: &str) -> io::Result<()> {
    quietly(writeln!(io::stdout().lock(), "{}", printable(text)))
}

/// Prints what went wrong, or what else a person should know, to stderr.
pub fn error(text: &str) {
    // If stderr does not take it there is nobody left to tell.
    writeln!(io::stderr().lock(), "{}", printable(text)).ok();
}

/// Prints a list of the API that was read page by page.
pub(super) fn typed_json(list: &impl Serialize) -> io::Result<()> {
    json(&serde_json::to_string(list)?)
}

/// Prints a response of the API as it arrived.
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

/// Prints clap's answer to a mistake, `--help` or `--version`.
pub(super) fn usage(usage: &clap::Error) -> ExitCode {
    match quietly(usage.print()) {
        Ok(()) => u8::try_from(usage.exit_code()).unwrap_or(1).into(),
        Err(_lost) => ExitCode::FAILURE,
    }
}

/// Asks a question that is answered with yes or no; where nobody can answer, that is a no.
pub(super) fn confirms(question: &str) -> io::Result<bool> {
    if !(io::stdin().is_terminal() && is_watched()) {
        return Ok(false);
    }
    error(question);
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}

/// Whether somebody watches what goes to stderr.
pub(super) fn is_watched() -> bool {
    io::stderr().is_terminal()
}

/// The time that is left, on one line of stderr that is written over and over; without a terminal, a line now and then.
#[derive(Debug)]
pub(super) struct Countdown {
    watched: bool,
    /// Says what it is that is counted, and what ends it.
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

    /// Makes room for other output; the next `show` begins a line again.
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
    let steers = |c: char| c.is_control() && c != '\n';
    if text.contains(steers) { text.replace(steers, "\u{fffd}").into() } else { text.into() }
}

/// JSON has control characters below U+0020 only between its tokens and the others only inside its strings, where an
/// escape means the same.
fn printable_json(raw: &str) -> Cow<'_, str> {
    let steers = |c: char| c.is_control() && !c.is_ascii_whitespace();
    if !raw.contains(steers) {
        return raw.into();
    }
    let escaped = |c: char| if steers(c) { format!("\\u{:04x}", u32::from(c)) } else { c.to_string() };
    raw.chars().map(escaped).collect::<String>().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_from_elsewhere_steers_the_terminal() {
        assert_eq!(printable("two\nlines"), "two\nlines");
        assert_eq!(printable("\x1b]0;title\x07\r\u{9b}2J"), "\u{fffd}]0;title\u{fffd}\u{fffd}\u{fffd}2J");
    }

    #[test]
    fn json_keeps_its_meaning() {
        let raw = "{\"a\": \"x\u{9b}\u{7f}\"}\n";
        let printed = printable_json(raw);
        assert_eq!(printed, "{\"a\": \"x\\u009b\\u007f\"}\n");
        let value = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        assert_eq!(value(&printed), value(raw));
    }

    #[test]
    fn a_closed_pipe_is_a_quiet_end_and_a_full_disk_is_not() {
        assert!(quietly(Err(io::ErrorKind::BrokenPipe.into())).is_ok());
        assert!(quietly(Err(io::ErrorKind::StorageFull.into())).is_err());
    }
}

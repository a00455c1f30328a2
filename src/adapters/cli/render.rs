//! Printing. Results go to stdout, everything else to stderr.
//!
//! A closed pipe (`goclaw providers list | head -1`) is not an error. Control and invisible characters are replaced, so
//! text from the network cannot send escape sequences to the terminal or change how other text looks. A terminal shows
//! headings in bold and failures in red, unless `NO_COLOR` is set; `anstream` checks both.

use std::{
    io::{self, IsTerminal, Write},
    process::ExitCode,
    time::Duration,
};

use anstyle::{AnsiColor, Style};
use clap::Args;
use rustix::termios::tcgetwinsize;

use super::{error::CliError, transport::ApiResponse, words};
use crate::{adapters::contract::ToJSON, domain::invisible::is_invisible};

/// How often the countdown prints a line if stderr is not a terminal.
const LINE_INTERVAL: Duration = Duration::from_secs(30);

const HEADING: Style = Style::new().bold();
const FAILURE: Style = AnsiColor::Red.on_default().bold();

/// Prints a result to stdout.
///
/// # Errors
///
/// The output cannot be written. A closed pipe is not an error.
pub fn line(text: &str) -> io::Result<()> {
    ignoring_closed_pipe(writeln!(io::stdout().lock(), "{}", printable(text)))
}

/// Prints a table. Its first line has the headings.
///
/// # Errors
/// As for [`line`].
pub fn table(text: &str) -> io::Result<()> {
    ignoring_closed_pipe(write_with_styled_first_line(anstream::stdout().lock(), HEADING, text))
}

/// Prints a result that needs the user's action. Its first line says what is wrong.
///
/// # Errors
/// As for [`line`].
pub fn trouble(text: &str) -> io::Result<()> {
    ignoring_closed_pipe(write_with_styled_first_line(anstream::stdout().lock(), FAILURE, text))
}

fn write_with_styled_first_line(mut output: impl Write, style: Style, text: &str) -> io::Result<()> {
    let text = printable(text);
    let (first, rest) = text.split_at(text.find('\n').unwrap_or(text.len()));
    writeln!(output, "{style}{first}{style:#}{rest}")
}

/// Prints an error or a notice to stderr.
pub fn error(text: &str) {
    // A failure to write to stderr cannot be reported anywhere.
    writeln!(io::stderr().lock(), "{}", printable(text)).ok();
}

#[derive(Debug, Args)]
pub struct Output {
    /// Print the gateway's response as JSON. Errors still go to stderr as text
    #[arg(long)]
    pub json: bool,
}

impl Output {
    /// Prints a response: with `--json` unchanged, else as the text that `text` returns.
    pub fn print<T>(&self, response: &ApiResponse<T>, text: impl FnOnce(&T) -> String) -> io::Result<()> {
        if self.json { json(&response.raw) } else { line(&text(&response.body)) }
    }

    /// Prints a response with a secret that is shown only once, like [`Output::print`].
    ///
    /// # Errors
    /// The output cannot be written, or the pipe is closed, so that nobody has read the secret.
    pub fn print_once<T>(&self, response: &ApiResponse<T>, text: impl FnOnce(&T) -> String) -> io::Result<()> {
        let text = if self.json { printable_json(response.raw.trim()) } else { printable(&text(&response.body)) };
        writeln!(io::stdout().lock(), "{text}")
    }
}

/// Prints a line of an endless list. Returns false if the reader has closed the pipe.
///
/// # Errors
/// The output cannot be written.
pub fn line_of_stream(text: &str) -> io::Result<bool> {
    write_to_stream(&printable(text))
}

/// Prints JSON like [`line_of_stream`].
///
/// # Errors
/// As for [`line_of_stream`].
pub fn json_of_stream(raw: &str) -> io::Result<bool> {
    write_to_stream(&printable_json(raw))
}

fn write_to_stream(text: &str) -> io::Result<bool> {
    match writeln!(io::stdout().lock(), "{text}") {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        written => written.map(|()| true),
    }
}

/// Prints a list that was read page by page, as JSON.
pub fn list_as_json(list: &impl ToJSON) -> io::Result<()> {
    json(&list.to_json_string())
}

/// Prints the JSON of a response unchanged, except for control characters.
pub fn json(raw: &str) -> io::Result<()> {
    ignoring_closed_pipe(writeln!(io::stdout().lock(), "{}", printable_json(raw.trim())))
}

/// Prints an error and what to do about it.
pub fn failure(failure: &CliError) {
    // A failure to write to stderr cannot be reported anywhere.
    write_with_styled_first_line(anstream::stderr().lock(), FAILURE, &failure.to_string()).ok();
    for advice in failure.advice() {
        error(&advice);
    }
}

/// Prints clap's output for invalid usage, `--help` or `--version`, and returns the exit code.
pub fn usage(usage: &clap::Error) -> ExitCode {
    match ignoring_closed_pipe(usage.print()) {
        Ok(()) => u8::try_from(usage.exit_code()).unwrap_or(1).into(),
        Err(_lost) => ExitCode::FAILURE,
    }
}

/// Asks a yes-or-no question. Returns false without a terminal.
pub fn confirm(question: &str) -> io::Result<bool> {
    Ok(ask(question)?.unwrap_or_default())
}

/// Asks a yes-or-no question. Returns `None` without a terminal.
pub fn ask(question: &str) -> io::Result<Option<bool>> {
    if !(io::stdin().is_terminal() && io::stderr().is_terminal()) {
        return Ok(None);
    }
    error(question);
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    Ok(Some(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes")))
}

/// Shows the remaining time on stderr: on a terminal in one line that is rewritten, otherwise in a line every 30 s.
#[derive(Debug)]
pub struct Countdown {
    on_terminal: bool,
    /// The text before the remaining time.
    subject: &'static str,
    last_shown: Option<Duration>,
}

impl Countdown {
    pub fn new(subject: &'static str) -> Self {
        Self { on_terminal: io::stderr().is_terminal(), subject, last_shown: None }
    }

    pub fn show(&mut self, left: Duration, remark: &str) {
        let text = format!("{}: {} left{remark}", self.subject, words::duration(left));
        if self.on_terminal {
            rewrite_line(&text);
        } else if self.last_shown.is_none_or(|shown| shown.abs_diff(left) >= LINE_INTERVAL) {
            error(&text);
        } else {
            return;
        }
        self.last_shown = Some(left);
    }

    /// Erases the line to make room for other output.
    pub fn clear(&mut self) {
        if self.on_terminal && self.last_shown.take().is_some() {
            rewrite_line("");
        }
    }
}

/// Erases the current line (ECMA-48, EL 2) and writes the text. Cuts the text to the width of the terminal, because the
/// next call would erase only the last row of a wrapped line.
fn rewrite_line(text: &str) {
    let mut stderr = io::stderr().lock();
    let columns = tcgetwinsize(&stderr).map_or(0, |size| usize::from(size.ws_col));
    let max_chars = if columns == 0 { usize::MAX } else { columns - 1 };
    let text: String = printable(text).chars().take(max_chars).collect();
    write!(stderr, "\r\x1b[2K{text}").and_then(|()| stderr.flush()).ok();
}

/// Turns the error of a closed pipe into success.
pub fn ignoring_closed_pipe(written: io::Result<()>) -> io::Result<()> {
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

/// Replaces control characters except line breaks, and invisible characters, which make different names look alike.
pub fn printable(text: &str) -> String {
    text.replace(|c: char| c.is_control() && c != '\n' || is_invisible(c), "\u{fffd}")
}

/// Escapes control and invisible characters. In valid JSON, those below U+0020 are white space between tokens and stay;
/// all others occur only inside strings, where the escape is equivalent.
pub fn printable_json(raw: &str) -> String {
    let is_unsafe = |c: char| c.is_control() && !c.is_ascii_whitespace() || is_invisible(c);
    let escaped = |c: char| c.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")).collect::<String>();
    raw.chars().map(|c| if is_unsafe(c) { escaped(c) } else { c.to_string() }).collect()
}

//! Reads lines that the user pastes while the command waits for something else.
//!
//! `tokio::io::stdin` reads on a thread that cannot be stopped, so the program would not exit until the user presses
//! Enter. This module reads stdin only when stdin is readable.

use std::{
    io::{self, BufRead},
    os::fd::AsFd,
};

use rustix::{
    process::getpgrp,
    termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcgetpgrp, tcsetattr},
};
use secrecy::{ExposeSecret, SecretString};
use tokio::net::unix::pipe::Receiver;

/// Far longer than any redirect URL.
pub const MAX_LINE_BYTES: usize = 16 * 1024;

/// A pasted line. It is a secret because a redirect URL carries an authorization code.
#[derive(Debug)]
pub enum Pasted {
    Line(SecretString),
    TooLong,
}

impl Pasted {
    /// Appends the next line of the same paste.
    pub fn followed_by(self, next: Self) -> Self {
        match (self, next) {
            (Self::Line(before), Self::Line(line)) => {
                let (before, line) = (before.expose_secret(), line.expose_secret());
                let fits = before.len() + line.len() < MAX_LINE_BYTES;
                if fits { Self::Line(SecretString::from(format!("{before}\n{line}"))) } else { Self::TooLong }
            }
            (Self::TooLong, _) | (_, Self::TooLong) => Self::TooLong,
        }
    }
}

/// The lines of stdin. While this value exists, the terminal does not echo input: the lines are secrets, and the
/// countdown would overwrite them.
#[derive(Debug)]
pub struct PastedLines {
    lines: Lines,
    at_end: bool,
    _echo: Option<EchoOff>,
}

impl PastedLines {
    pub fn open() -> Self {
        Self { lines: Lines::default(), at_end: false, _echo: EchoOff::begin() }
    }

    /// Returns the next line that is not blank. At the end of stdin, it never completes. Cancel safe.
    pub async fn next(&mut self) -> Pasted {
        loop {
            if let Some(pasted) = self.lines.take() {
                return pasted;
            }
            if self.at_end {
                return std::future::pending().await;
            }
            match read_available().await {
                Ok(bytes) if !bytes.is_empty() => self.lines.bytes.extend(bytes),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // Treat an unreadable stdin as the end.
                Ok(_) | Err(_) => {
                    self.at_end = true;
                    self.lines.bytes.push(b'\n');
                }
            }
        }
    }
}

/// Turns the terminal's echo off. Dropping it restores the former mode.
#[derive(Debug)]
struct EchoOff(Termios);

impl EchoOff {
    /// Returns `None` without a terminal, and in a background job: the kernel would stop it for changing the terminal.
    fn begin() -> Option<Self> {
        let stdin = io::stdin();
        let before = tcgetattr(&stdin).ok()?;
        if tcgetpgrp(&stdin).ok()? != getpgrp() {
            return None;
        }
        let mut silent = before.clone();
        silent.local_modes.remove(LocalModes::ECHO);
        tcsetattr(&stdin, OptionalActions::Now, &silent).ok()?;
        Some(Self(before))
    }
}

impl Drop for EchoOff {
    fn drop(&mut self) {
        // Ignore a failure: `drop` cannot report it.
        tcsetattr(io::stdin(), OptionalActions::Now, &self.0).ok();
    }
}

/// Waits until stdin is readable. Returns the available bytes, or none at the end of stdin.
async fn read_available() -> io::Result<Vec<u8>> {
    // Register stdin again for each read. Readiness is edge-triggered: a registration has to be read until it would
    // block, which a blocking stdin never reports. `Receiver` only waits here, so stdin need not be a pipe.
    match Receiver::from_owned_fd_unchecked(io::stdin().as_fd().try_clone_to_owned()?) {
        Ok(stdin) => stdin.readable().await?,
        // epoll rejects regular files and /dev/null; they are always readable.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {}
        Err(error) => return Err(error),
    }
    let mut stdin = io::stdin().lock();
    let bytes = stdin.fill_buf()?.to_vec();
    stdin.consume(bytes.len());
    Ok(bytes)
}

/// Splits a stream of bytes into lines of bounded length.
#[derive(Debug, Default)]
pub struct Lines {
    pub bytes: Vec<u8>,
    /// Whether the current line is too long. Its bytes are discarded up to the line break.
    overlong: bool,
}

impl Lines {
    /// Removes and returns the next line that is not blank.
    pub fn take(&mut self) -> Option<Pasted> {
        while let Some(end) = self.bytes.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.bytes.drain(..=end).collect();
            if std::mem::take(&mut self.overlong) || line.len() > MAX_LINE_BYTES {
                return Some(Pasted::TooLong);
            }
            let text = String::from_utf8_lossy(&line);
            if !text.trim().is_empty() {
                return Some(Pasted::Line(SecretString::from(text.trim())));
            }
        }
        if self.bytes.len() > MAX_LINE_BYTES {
            self.overlong = true;
            self.bytes.clear();
        }
        None
    }
}

/// Appends `line` to the lines before it, because the terminal may have wrapped the URL. Returns `None` if `line` has
/// an authorization code of its own, or if the result is too long.
pub fn join_wrapped(before: &SecretString, line: &SecretString) -> Option<SecretString> {
    let (before, line) = (before.expose_secret(), line.expose_secret());
    let is_separate = line.contains("code=") || before.len() + line.len() >= MAX_LINE_BYTES;
    if is_separate { None } else { Some(SecretString::from(format!("{before}\n{line}"))) }
}

//! Reads the passphrase of an archive from the terminal, without echo, or from stdin. The composition root reads
//! passphrase files. A passphrase is never an argument or an environment variable.

use std::{
    io::{self, IsTerminal, Read},
    path::PathBuf,
};

use clap::Args;
use secrecy::{ExposeSecret, SecretString};
use tokio::signal::unix::{SignalKind, signal};

/// Minimum length of a new passphrase, in characters. An attacker with a copy of the archive can guess it offline.
const MIN_CHARS: usize = 12;
/// Stdin must be shorter than this, although only its first line is the passphrase.
const MAX_INPUT_BYTES: u64 = 4_096;

#[derive(Debug, Args)]
pub struct PassphraseOptions {
    /// Read the passphrase from the first line of a file; `-` is stdin (by default it is prompted for)
    #[arg(long, value_name = "FILE")]
    pub passphrase_file: Option<PathBuf>,
}

/// Whether a passphrase opens an archive or is chosen for a new one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PassphraseFor {
    Existing,
    New,
}

#[derive(Debug, thiserror::Error)]
pub enum PassphraseError {
    #[error("the passphrase cannot be read")]
    Input(#[from] io::Error),
    #[error("there is no passphrase; type it at the prompt, or pass a file with --passphrase-file")]
    Missing,
    #[error("the passphrase has fewer than {MIN_CHARS} characters and can be guessed; take several random words")]
    TooShort,
    #[error("the passphrase has {MAX_INPUT_BYTES} bytes or more")]
    TooLong,
    #[error("the two passphrases differ; nothing was done")]
    Differs,
}

/// Prompts for the passphrase, twice for a new one. Reads it from stdin if stdin is not a terminal.
///
/// # Errors
/// [`PassphraseError`].
pub fn ask(purpose: PassphraseFor) -> Result<SecretString, PassphraseError> {
    let stdin = io::stdin();
    if !stdin.is_terminal() {
        let mut text = String::new();
        stdin.lock().take(MAX_INPUT_BYTES).read_to_string(&mut text)?;
        if text.len() as u64 == MAX_INPUT_BYTES {
            return Err(PassphraseError::TooLong);
        }
        return checked(&text.into(), purpose);
    }
    // Without a handler, Ctrl-C would end the process with the echo off. With one, the prompt returns an error.
    let _handler = signal(SignalKind::interrupt())?;
    let prompt = |text: &str| rpassword::prompt_password(text).map(SecretString::from);
    let first = checked(&prompt("Passphrase (not shown): ")?, purpose)?;
    if purpose == PassphraseFor::New && first.expose_secret() != prompt("Again: ")?.expose_secret() {
        return Err(PassphraseError::Differs);
    }
    Ok(first)
}

/// Returns the first line of a text as the passphrase, without surrounding white space.
///
/// # Errors
/// [`PassphraseError::Missing`], [`PassphraseError::TooShort`].
pub fn checked(text: &SecretString, purpose: PassphraseFor) -> Result<SecretString, PassphraseError> {
    let line = text.expose_secret().lines().next().unwrap_or_default().trim();
    match line.chars().count() {
        0 => Err(PassphraseError::Missing),
        count if count < MIN_CHARS && purpose == PassphraseFor::New => Err(PassphraseError::TooShort),
        _ => Ok(line.into()),
    }
}

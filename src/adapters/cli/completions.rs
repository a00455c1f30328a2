//! `goclaw completions`: prints a completion script for a shell, generated from the command-line definition.

use std::io::{self, Write};

use clap::CommandFactory;
use clap_complete::{aot, generate};

use super::{Cli, args::Shell, render::ignoring_closed_pipe};

/// Prints the completion script of `shell`.
///
/// # Errors
///
/// The output cannot be written. A closed pipe is not an error.
pub fn print(shell: Shell) -> io::Result<()> {
    let shell = match shell {
        Shell::Bash => aot::Shell::Bash,
        Shell::Zsh => aot::Shell::Zsh,
        Shell::Fish => aot::Shell::Fish,
    };
    // The generator panics if its writer fails, so let it write to memory.
    let mut script = Vec::new();
    generate(shell, &mut Cli::command(), "goclaw", &mut script);
    ignoring_closed_pipe(io::stdout().lock().write_all(&script))
}

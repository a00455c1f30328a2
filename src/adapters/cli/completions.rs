//! `goclaw completions`: the completions of a shell, made from the grammar.

use std::io::{self, Write};

use clap::CommandFactory;
use clap_complete::{aot, generate};

use super::{Cli, args::Shell, render::ignoring_closed_pipe};

/// Prints the completions.
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
    // The generator does not return errors of the writer.
    let mut script = Vec::new();
    generate(shell, &mut Cli::command(), "goclaw", &mut script);
    ignoring_closed_pipe(io::stdout().lock().write_all(&script))
}

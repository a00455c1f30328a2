//! Runs a command in a pseudo-terminal, with util-linux's `script` command.

use std::process::Command;

/// Returns `command` in a pseudo-terminal, with the variables that were set on it and its working
/// directory. Its stdout and stderr are one stream.
pub(crate) fn in_terminal(command: &Command) -> Command {
    let words = [command.get_program()].into_iter().chain(command.get_args());
    let words: Vec<_> = words.map(|word| format!("'{}'", word.to_str().expect("text"))).collect();
    let mut terminal = Command::new("script");
    // With `exec`, signals reach the command and not a shell.
    terminal.args(["-q", "-e", "-c", &format!("exec {}", words.join(" ")), "/dev/null"]).env_clear();
    terminal.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    if let Some(folder) = command.get_current_dir() {
        terminal.current_dir(folder);
    }
    terminal
}

//! Writes the files that the packages need and that are generated from the code: `goclaw.1` and one manual page for
//! each command, and the example configuration `config.toml`.
//!
//!     cargo run --package goclaw-package-files FOLDER
//!
//! This is not a command of `goclaw`: only packagers need it, and `goclaw` would have to contain the generator and the
//! README. Completions are a command of `goclaw`, because `cargo install` does not install them.

mod config_file;

use std::{error::Error, fs, path::PathBuf};

use clap::CommandFactory;
use goclaw::adapters::cli::Cli;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args_os().nth(1).map(PathBuf::from).ok_or("usage: goclaw-package-files FOLDER")?;
    fs::create_dir_all(&folder)?;
    fs::write(folder.join("config.toml"), config_file::text(include_str!("../../../README.md"))?)?;
    clap_mangen::generate_to(Cli::command(), &folder)?;
    Ok(())
}

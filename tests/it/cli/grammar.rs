//! Tests of parsing the command line.

use std::{ffi::OsString, path::PathBuf};

use clap::CommandFactory;
use goclaw::adapters::cli::{Cli, ClientCommand, Command, args::AuthCommand};

fn parse(line: &str) -> Result<Cli, clap::Error> {
    Cli::from_arguments(line.split(' ').map(OsString::from))
}

#[test]
fn the_command_definition_is_valid() {
    Cli::command().debug_assert();
}

#[test]
fn the_default_command_is_serve() {
    let cli = parse("goclaw --config a.toml").unwrap();
    assert_eq!(cli.config, Some(PathBuf::from("a.toml")));
    assert!(matches!(cli.command.unwrap_or_default(), Command::Serve));
    assert!(matches!(parse("goclaw serve --config a.toml").unwrap().command, Some(Command::Serve)));
}

#[test]
fn the_default_account_is_openai() {
    for (line, expected) in [("goclaw auth logout", "openai"), ("goclaw auth logout suno --json", "suno")] {
        let Some(Command::Client(ClientCommand::Auth(AuthCommand::Logout(target)))) = parse(line).unwrap().command
        else {
            panic!("{line}");
        };
        assert_eq!((target.provider.as_str(), target.output.json), (expected, expected == "suno"));
    }
    assert_eq!(parse("goclaw auth status Open/AI").unwrap_err().exit_code(), 2);
}

#[test]
fn secret_arguments_are_rejected_and_not_repeated() {
    for line in [
        "goclaw providers set-secret suno canary",
        "goclaw providers set-secret suno --api-key canary",
        "goclaw providers set-secret suno --api-key=canary",
        "goclaw providers set-secret suno --secret=canary",
        "goclaw providers set-secret suno -canary",
    ] {
        let error = parse(line).unwrap_err();
        assert_eq!(error.exit_code(), 2, "{line}");
        assert!(!error.to_string().contains("canary"), "{error}");
    }
    assert!(parse("goclaw providers set-secret suno --api-key --session-token").is_err());
    assert!(parse("goclaw providers set-secret suno-band --type suno --session-token").is_ok());
}

#[test]
fn values_out_of_range_are_rejected_with_the_range() {
    for (line, range) in [
        ("goclaw tokens create bot --expires-in 10s", "from 1 min to 3650 d"),
        ("goclaw tokens rotate bot --overlap 31d", "from 0 s to 30 d"),
        ("goclaw requests list --limit 0", "1.."),
        ("goclaw audit list --limit 0", "1.."),
    ] {
        let error = parse(line).unwrap_err();
        assert_eq!(error.exit_code(), 2, "{line}");
        assert!(error.to_string().contains(range), "{error}");
    }
    assert!(parse("goclaw tokens create bot --expires-in 1m").is_ok());
    assert!(parse("goclaw tokens rotate bot --overlap 0s").is_ok());
}

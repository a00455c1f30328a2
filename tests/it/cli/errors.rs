//! Tests of command errors: exit codes, documented messages and advice.

use std::{io, process::ExitCode};

use goclaw::{
    adapters::cli::{
        address::InvalidAddress,
        error::{Cause, CliError, Exit, TokenLookup},
    },
    domain::secret::InvalidSecret,
};

fn unreachable() -> CliError {
    let url = "http://127.0.0.1:3577".to_owned();
    CliError::Unreachable { url, source: Cause::ConnectionRefused, on_this_machine: true }
}

#[test]
fn each_error_has_its_exit_code() {
    let refusal = |status| CliError::Refused { message: "unknown provider: xyz".into(), detail: None, status };
    for (error, code) in [
        (CliError::from(io::Error::other("x")), 1),
        (CliError::InvalidAddress(InvalidAddress::NotAUrl), 2),
        (CliError::from(InvalidSecret::Empty), 2),
        (unreachable(), 3),
        (CliError::Unauthorized { message: "no".into(), token: TokenLookup::Missing }, 4),
        (refusal(403), 4),
        (refusal(404), 4),
        (refusal(500), 4),
    ] {
        assert_eq!(ExitCode::from(error.exit()), ExitCode::from(code), "{error:?}");
    }
    assert_eq!(ExitCode::from(Exit::Yes), ExitCode::SUCCESS);
}

#[test]
fn an_unreachable_gateway_is_reported_in_the_documented_words() {
    assert_eq!(unreachable().to_string(), "cannot reach gateway at http://127.0.0.1:3577");
    let advice = ["Cause: connection refused: nothing listens there.", "Start it with: goclaw"];
    assert_eq!(unreachable().advice(), advice);
    assert_eq!(CliError::from(io::Error::other("x")).advice(), ["Cause: x."]);
    assert!(CliError::from(InvalidSecret::Empty).advice().is_empty());
}

#[test]
fn a_rejected_token_is_reported_with_its_source() {
    let missing = TokenLookup::MissingFile("data/gateway.token".into());
    assert_eq!(missing.to_string(), "GOCLAW_TOKEN is not set, and there is no token in data/gateway.token.");
    let wrong = TokenLookup::FoundInFile("data/gateway.token".into()).to_string();
    assert!(wrong.contains("data/gateway.token") && wrong.contains("GOCLAW_TOKEN"), "{wrong}");
}

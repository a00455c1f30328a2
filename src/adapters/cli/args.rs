//! The command-line grammar. No argument takes a secret: arguments are visible to every process on the machine and end
//! up in the shell's history.

use std::{ffi::OsString, path::PathBuf, process::ExitCode};

use clap::{Args, Parser, Subcommand, error::ErrorKind};

use super::render;
use crate::{
    adapters::contract::TokenScope,
    domain::{
        ids::{AccountName, InvalidAccountName},
        provider::openai_codex,
    },
};

const EXAMPLES: &str = "\
Examples:
  goclaw                              start the gateway
  goclaw open                         print a link that opens the gateway's page
  goclaw onboard                      write .env.local, then: source .env.local
  goclaw auth login                   sign in to ChatGPT in the browser
  goclaw auth status                  show whether the sign-in is active
  goclaw providers set-secret suno    connect Suno with a session token
  goclaw tokens create my-editor      create a token for a program

Environment:
  GOCLAW_GATEWAY_URL    the gateway's address; takes precedence over host and port
  GOCLAW_HOST           default 127.0.0.1
  GOCLAW_PORT           default 3577
  GOCLAW_TOKEN          the gateway's token; by default read from the token file on this machine
  GOCLAW_CONFIG         the configuration file, like --config

Exit codes: 0 yes or done, 1 no, 2 usage, 3 gateway unreachable, 4 refused.";

const AUTH_EXAMPLES: &str = "\
Examples:
  goclaw auth status
  goclaw auth login --no-browser
  goclaw auth login openai-work --type openai-codex --name 'Work account'
  goclaw auth logout openai

`openai` is short for `openai-codex`, and the default.";

const LOGIN_HELP: &str = "\
The command prints a URL, opens it in a browser if possible, and waits. If the browser ends at an address that does not
load (the gateway is on another machine, or port 1455 is in use), paste that whole address into the waiting command.

With --json, stdout gets one line when the sign-in starts (with `auth_url`) and one line with the status when it ends.";

const TOKENS_HELP: &str = "\
A program needs a gateway token to use a model. Create one for each program: it permits only the models and the proxy,
and can be revoked separately.

Examples:
  OPENAI_API_KEY=$(goclaw tokens create my-editor)
  goclaw tokens list";

const KEYS_HELP: &str = "\
The commands work on the database itself. To replace the key of a gateway with its own key file:

  goclaw keys rotate        then restart the gateway
  goclaw keys reseal
  goclaw keys list          until nothing is left under the old key; then delete its line in the key file";

const SET_SECRET_HELP: &str = "\
The secret is read from stdin, or prompted for without echo if stdin is a terminal. It is never an argument.

Examples:
  goclaw providers set-secret suno
  goclaw providers set-secret dashscope < key.txt
  goclaw providers set-secret suno-band --type suno";

/// A self-hosted gateway that signs in to AI providers for you and never loses the login.
#[derive(Debug, Parser)]
#[command(name = "goclaw", version, after_help = EXAMPLES)]
pub struct Cli {
    /// The configuration file [env: GOCLAW_CONFIG]
    #[arg(long, value_name = "FILE", global = true)]
    pub config: Option<PathBuf>,
    /// Defaults to `serve`
    #[command(subcommand)]
    pub command: Option<Command>,
}

#[derive(Debug, Default, Subcommand)]
pub enum Command {
    /// Start the gateway (the default)
    #[default]
    Serve,
    #[command(flatten)]
    Client(ClientCommand),
    /// Migrate the database to the schema of this version
    Migrate,
    /// Show, replace and adopt the encryption keys of the database
    #[command(subcommand, after_help = KEYS_HELP)]
    Keys(KeysCommand),
    /// Print the OpenAPI document of the HTTP API
    Openapi,
}

#[derive(Debug, Clone, Copy, Subcommand)]
pub enum KeysCommand {
    /// List the keys, and how many values only each of them opens
    List,
    /// Write a new first key; for configured keys, print how to replace one
    Rotate,
    /// Seal every value again that the first key has not sealed
    Reseal,
    /// Take over a database of an earlier version, once, with all gateways stopped
    Adopt,
}

/// The commands that [`super::run`] runs.
#[derive(Debug, Subcommand)]
pub enum ClientCommand {
    /// Sign in and out, and show the state of a sign-in
    #[command(subcommand, after_help = AUTH_EXAMPLES)]
    Auth(AuthCommand),
    /// List accounts, switch them on and off, connect them with keys
    #[command(subcommand)]
    Providers(ProvidersCommand),
    /// Create, list and revoke tokens for programs
    #[command(subcommand, after_help = TOKENS_HELP)]
    Tokens(TokensCommand),
    /// Print a link that opens the gateway's page once
    ///
    /// It is valid for ten minutes and signs in anyone who opens it. Do not share it.
    Open(Output),
    /// Write .env.local with the gateway's address and token, for `source .env.local`
    Onboard(OnboardOptions),
}

#[derive(Debug, Subcommand)]
pub enum AuthCommand {
    /// Show whether the sign-in is active. Exit code 0: yes, 1: no
    Status(Target),
    /// Sign in in the browser
    #[command(after_help = LOGIN_HELP)]
    Login(LoginOptions),
    /// Refresh the access token now
    Refresh(RefreshOptions),
    /// Delete the stored tokens and unregister the account
    Logout(Target),
    /// Cancel a pending sign-in
    Cancel(Target),
}

#[derive(Debug, Args)]
pub struct RefreshOptions {
    #[command(flatten)]
    pub target: Target,
    /// If the last refresh is in doubt, retry it without asking. This may end the login
    #[arg(long)]
    pub yes: bool,
}

#[derive(Debug, Args)]
pub struct Target {
    /// The account's name
    #[arg(default_value = openai_codex::ALIAS, value_parser = provider_name)]
    pub provider: AccountName,
    #[command(flatten)]
    pub output: Output,
}

#[derive(Debug, Args)]
pub struct Output {
    /// Print the gateway's response as JSON. Errors still go to stderr as text
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct LoginOptions {
    #[command(flatten)]
    pub target: Target,
    /// Sign in again even if the sign-in is active. The old tokens stay in use until the new ones are saved
    #[arg(long)]
    pub force: bool,
    /// The provider type of a new account, e.g. openai-codex
    #[arg(long = "type", value_name = "TYPE")]
    pub provider_type: Option<String>,
    /// The account's display name
    #[arg(long = "name", value_name = "DISPLAY")]
    pub display_name: Option<String>,
    /// Only print the URL
    #[arg(long)]
    pub no_browser: bool,
}

#[derive(Debug, Subcommand)]
pub enum ProvidersCommand {
    /// List all accounts and their states
    List(Output),
    /// Switch an account on
    Enable(Named),
    /// Switch an account off. Nothing is deleted
    Disable(Named),
    /// Connect an account with an API key or a session token
    #[command(after_help = SET_SECRET_HELP)]
    SetSecret(SetSecretOptions),
}

#[derive(Debug, Args)]
pub struct Named {
    /// The account's name
    #[arg(value_parser = provider_name)]
    pub name: AccountName,
    #[command(flatten)]
    pub output: Output,
}

#[derive(Debug, Args)]
pub struct SetSecretOptions {
    #[command(flatten)]
    pub target: Named,
    /// The provider type of a new account, e.g. suno
    #[arg(long = "type", value_name = "TYPE")]
    pub provider_type: Option<String>,
    /// The secret is an API key (by default the provider decides)
    #[arg(long, conflicts_with = "session_token")]
    pub api_key: bool,
    /// The secret is a session token (by default the provider decides)
    #[arg(long)]
    pub session_token: bool,
    /// Also read the browser's cookie, with which the gateway refreshes the session token. It is the second prompt, or
    /// the second line of stdin
    #[arg(long, conflicts_with = "api_key")]
    pub client_cookie: bool,
    /// Save the secret without checking it at the provider
    #[arg(long)]
    pub unchecked: bool,
}

#[derive(Debug, Subcommand)]
pub enum TokensCommand {
    /// Create a token. It is printed once
    Create(CreateTokenOptions),
    /// List all tokens, without their values
    List(Output),
    /// Revoke a token
    Revoke(RevokeTokenOptions),
}

#[derive(Debug, Args)]
pub struct CreateTokenOptions {
    /// The name of the program that uses the token
    #[arg(default_value = "program")]
    pub name: String,
    /// The operations that the token permits
    #[arg(long, value_enum, default_value_t = TokenScope::Proxy)]
    pub scope: TokenScope,
    #[command(flatten)]
    pub output: Output,
}

#[derive(Debug, Args)]
pub struct RevokeTokenOptions {
    /// The token's id, as listed (not the token itself)
    pub id: String,
    #[command(flatten)]
    pub output: Output,
}

#[derive(Debug, Args)]
pub struct OnboardOptions {
    /// Replace an existing .env.local
    #[arg(long)]
    pub force: bool,
}

fn provider_name(text: &str) -> Result<AccountName, InvalidAccountName> {
    AccountName::parse(text)
}

impl Cli {
    /// Parses the command line.
    ///
    /// # Errors
    ///
    /// For invalid usage, `--help` and `--version`, prints clap's output and returns the exit code.
    pub fn from_command_line() -> Result<Self, ExitCode> {
        Self::from_arguments(std::env::args_os()).map_err(|error| render::usage(&error))
    }

    fn from_arguments(arguments: impl IntoIterator<Item = OsString>) -> Result<Self, clap::Error> {
        let arguments: Vec<_> = arguments.into_iter().collect();
        Self::try_parse_from(&arguments).map_err(|error| {
            // clap quotes unknown arguments, and here such an argument may be the secret.
            let surplus = matches!(error.kind(), ErrorKind::UnknownArgument | ErrorKind::TooManyValues);
            if surplus && arguments.iter().any(|argument| argument == "set-secret") {
                let message = "set-secret takes no secret as an argument: it is read from stdin or prompted for\n\n\
                               For more information, try 'goclaw providers set-secret --help'.\n";
                return clap::Error::raw(error.kind(), message);
            }
            error
        })
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

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
}

//! What may be typed after `goclaw`. No argument ever takes a secret: arguments are visible to every process of the
//! machine and end up in the shell's history.

use std::{ffi::OsString, path::PathBuf, process::ExitCode};

use clap::{Args, Parser, Subcommand, error::ErrorKind};

use super::render;
use crate::{
    adapters::contract::TokenScope,
    domain::{
        ids::{InvalidProviderName, ProviderName},
        provider::openai_codex,
    },
};

const EXAMPLES: &str = "\
Examples:
  goclaw                              start the gateway
  goclaw open                         a link that opens the gateway's page
  goclaw onboard                      write .env.local, then: source .env.local
  goclaw auth login                   sign in to ChatGPT in the browser
  goclaw auth status                  is the sign-in active?
  goclaw providers set-secret suno    connect Suno with a session token
  goclaw tokens create my-editor      a token for a program

Environment:
  GOCLAW_GATEWAY_URL    where the gateway is; wins over host and port
  GOCLAW_HOST           default 127.0.0.1
  GOCLAW_PORT           default 3577
  GOCLAW_TOKEN          the gateway's token; without it, the token file of a gateway on this machine
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
The command prints a URL, opens it in a browser if it can, and waits. If the browser ends at an address that does not
load (the gateway is on another machine, or port 1455 is taken), paste that whole address into the waiting command.

With --json, stdout gets one line when the sign-in has started (it holds `auth_url`) and one line, the status, when it
has ended.";

const TOKENS_HELP: &str = "\
A program needs a token of the gateway to use a model, and should have one of its own: it opens the models and the
pass-through and nothing else, and can be taken back alone.

Examples:
  OPENAI_API_KEY=$(goclaw tokens create my-editor)
  goclaw tokens list";

const SET_SECRET_HELP: &str = "\
The secret is read from stdin, or asked for without echo if stdin is a terminal. It is never an argument.

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
    /// Without a command, the gateway is started.
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
    /// Bring the database to the version of this program
    Migrate,
    /// Print the OpenAPI document of the HTTP API
    Openapi,
}

/// The commands that [`super::run`] runs.
#[derive(Debug, Subcommand)]
pub enum ClientCommand {
    /// Sign in and out, and see where a sign-in stands
    #[command(subcommand, after_help = AUTH_EXAMPLES)]
    Auth(AuthCommand),
    /// List the providers, switch them on and off, hand in keys
    #[command(subcommand)]
    Providers(ProvidersCommand),
    /// Make, list and revoke tokens for programs
    #[command(subcommand, after_help = TOKENS_HELP)]
    Tokens(TokensCommand),
    /// Print a link that opens the gateway's page once
    ///
    /// It is good for ten minutes, and whoever opens it is let in: give it to nobody.
    Open(Output),
    /// Write .env.local: how to reach this gateway, for `source .env.local`
    Onboard(OnboardOptions),
}

#[derive(Debug, Subcommand)]
pub enum AuthCommand {
    /// Is the sign-in active? Exit code 0: yes, 1: no
    Status(Target),
    /// Sign in in the browser
    #[command(after_help = LOGIN_HELP)]
    Login(LoginOptions),
    /// Refresh the access token now
    Refresh(RefreshOptions),
    /// Delete the stored tokens and unregister the provider
    Logout(Target),
    /// End a sign-in that is still waiting
    Cancel(Target),
}

#[derive(Debug, Args)]
pub struct RefreshOptions {
    #[command(flatten)]
    pub target: Target,
    /// If the last refresh is in doubt, try it once more without asking, at the risk of ending the login
    #[arg(long)]
    pub yes: bool,
}

#[derive(Debug, Args)]
pub struct Target {
    /// The account's name
    #[arg(default_value = openai_codex::ALIAS, value_parser = provider_name)]
    pub provider: ProviderName,
    #[command(flatten)]
    pub output: Output,
}

#[derive(Debug, Args)]
pub struct Output {
    /// Print the gateway's answer as JSON; errors still go to stderr, in words
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct LoginOptions {
    #[command(flatten)]
    pub target: Target,
    /// Sign in anew although the sign-in is active; the old one serves until the new one is saved
    #[arg(long)]
    pub force: bool,
    /// What a new account name is to be, e.g. openai-codex
    #[arg(long = "type", value_name = "TYPE")]
    pub provider_type: Option<String>,
    /// How to call the account in lists
    #[arg(long = "name", value_name = "DISPLAY")]
    pub display_name: Option<String>,
    /// Only print the URL
    #[arg(long)]
    pub no_browser: bool,
}

#[derive(Debug, Subcommand)]
pub enum ProvidersCommand {
    /// All providers and where each stands
    List(Output),
    /// Switch a provider on
    Enable(Named),
    /// Switch a provider off; nothing is deleted
    Disable(Named),
    /// Connect a provider with an API key or a session token
    #[command(after_help = SET_SECRET_HELP)]
    SetSecret(SetSecretOptions),
}

#[derive(Debug, Args)]
pub struct Named {
    /// The account's name
    #[arg(value_parser = provider_name)]
    pub name: ProviderName,
    #[command(flatten)]
    pub output: Output,
}

#[derive(Debug, Args)]
pub struct SetSecretOptions {
    #[command(flatten)]
    pub target: Named,
    /// What a new account name is to be, e.g. suno
    #[arg(long = "type", value_name = "TYPE")]
    pub provider_type: Option<String>,
    /// The secret is an API key (by default the provider decides)
    #[arg(long, conflicts_with = "session_token")]
    pub api_key: bool,
    /// The secret is a session token (by default the provider decides)
    #[arg(long)]
    pub session_token: bool,
    /// Hand in the browser's cookie too, with which the gateway refreshes the session token: asked for second, or on the second
    /// line of what is piped in
    #[arg(long, conflicts_with = "api_key")]
    pub client_cookie: bool,
    /// Save it without asking the provider whether it takes it
    #[arg(long)]
    pub unchecked: bool,
}

#[derive(Debug, Subcommand)]
pub enum TokensCommand {
    /// Make a token; it is printed once
    Create(CreateTokenOptions),
    /// All tokens, without the tokens themselves
    List(Output),
    /// Take a token back
    Revoke(RevokeTokenOptions),
}

#[derive(Debug, Args)]
pub struct CreateTokenOptions {
    /// What to call the program that gets it
    #[arg(default_value = "program")]
    pub name: String,
    /// What it may be used for
    #[arg(long, value_enum, default_value_t = TokenScope::Proxy)]
    pub scope: TokenScope,
    #[command(flatten)]
    pub output: Output,
}

#[derive(Debug, Args)]
pub struct RevokeTokenOptions {
    /// The token's id, as listed; never the token itself
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

fn provider_name(text: &str) -> Result<ProviderName, InvalidProviderName> {
    ProviderName::parse(text)
}

impl Cli {
    /// Reads the command line. On a mistake, `--help` and `--version` it prints what there is to say and returns the
    /// exit code.
    pub fn from_command_line() -> Result<Self, ExitCode> {
        Self::from_arguments(std::env::args_os()).map_err(|error| render::usage(&error))
    }

    fn from_arguments(arguments: impl IntoIterator<Item = OsString>) -> Result<Self, clap::Error> {
        let arguments: Vec<_> = arguments.into_iter().collect();
        Self::try_parse_from(&arguments).map_err(|error| {
            // clap quotes what it does not understand, and here that may well be the secret.
            let surplus = matches!(error.kind(), ErrorKind::UnknownArgument | ErrorKind::TooManyValues);
            if surplus && arguments.iter().any(|argument| argument == "set-secret") {
                let message = "set-secret takes no secret as an argument: it is read from stdin, or asked for\n\n\
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
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn without_a_command_the_gateway_is_started() {
        let cli = parse("goclaw --config a.toml").unwrap();
        assert_eq!(cli.config, Some(PathBuf::from("a.toml")));
        assert!(matches!(cli.command.unwrap_or_default(), Command::Serve));
        assert!(matches!(parse("goclaw serve --config a.toml").unwrap().command, Some(Command::Serve)));
    }

    #[test]
    fn the_default_provider_is_openai() {
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
    fn a_secret_is_neither_taken_from_an_argument_nor_repeated() {
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

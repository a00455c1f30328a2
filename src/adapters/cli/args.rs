//! The command-line grammar. No argument takes a secret: arguments are visible to every process on the machine and end
//! up in the shell's history.

use std::{ffi::OsString, path::PathBuf, process::ExitCode, time::Duration};

use clap::{ArgGroup, Args, Parser, Subcommand, ValueEnum, error::ErrorKind};

use super::{
    archive_args::ArchiveCommand,
    help::{
        AUDIT_HELP, AUTH_EXAMPLES, COMPLETIONS_HELP, DOCTOR_HELP, KEYS_HELP, LOGIN_HELP, SET_SECRET_HELP, TOKENS_HELP,
        examples,
    },
    render::{self, Output},
    requests::RequestsCommand,
    values::{parse_duration, parse_scopes, positive},
};
use crate::{
    adapters::contract::{LIFETIMES, OVERLAPS},
    domain::{audit::Checkpoint, ids::AccountName, provider::openai_codex, scope::Scopes},
};

/// A self-hosted gateway that signs in to AI providers for you and never loses the login.
#[derive(Debug, Parser)]
#[command(name = "goclaw", version, after_help = examples())]
pub struct Cli {
    /// The configuration file [env: GOCLAW_CONFIG]
    #[arg(long, value_name = "FILE", global = true)]
    pub config: Option<PathBuf>,
    /// Send the token without encryption to another machine, or to another user on this one [env: GOCLAW_INSECURE=1]
    #[arg(long, global = true)]
    pub insecure: bool,
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
    /// Read and verify the log of who changed what
    #[command(subcommand, after_help = AUDIT_HELP)]
    Audit(AuditCommand),
    #[command(flatten)]
    Archive(ArchiveCommand),
    /// Try the gateway with a simulated provider: no account, nothing leaves this machine, nothing is kept
    #[cfg(feature = "demo")]
    Demo,
    /// Print the OpenAPI document of the HTTP API
    Openapi,
    /// Show the configuration, and check it
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Check what the gateway needs on this machine, and say what to do about each problem
    #[command(after_help = DOCTOR_HELP)]
    Doctor,
    /// Print the completions of a shell
    #[command(after_help = COMPLETIONS_HELP)]
    Completions { shell: Shell },
}

#[derive(Debug, Clone, Copy, Subcommand)]
pub enum ConfigCommand {
    /// Show each setting, and whether it comes from the file, a variable, or is the default. Secrets are not shown
    Show,
    /// List the errors of the configuration. Exit code 0: none, 2: some
    ///
    /// An error can hide others, which are listed once it is mended.
    /// It also reads the files of the key and the token. It starts nothing and opens no database.
    Check,
}

/// The shells with completions.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Shell {
    Bash,
    Zsh,
    Fish,
}

#[derive(Debug, Clone, Copy, Subcommand)]
pub enum KeysCommand {
    /// List the keys, and how many values only each of them opens
    List,
    /// Write a new first key and reseal the stored values with it; for configured keys, print how to replace one
    Rotate,
    /// Reseal the stored values that another key than the first has sealed
    Reseal,
    /// Take over a database of an earlier version, once, with all gateways stopped
    Adopt,
}

#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    #[command(flatten)]
    Query(AuditQuery),
    /// Check in the database itself that no entry was changed or removed. Exit code 0: intact, 1: not
    Verify {
        /// A checkpoint from the gateway's log, to find also whether the newest entries were cut off
        #[arg(long, value_name = "ID:DIGEST")]
        checkpoint: Option<Checkpoint>,
    },
}

#[derive(Debug, Subcommand)]
pub enum AuditQuery {
    /// List the newest entries
    List {
        /// How many
        #[arg(long, default_value_t = 50, value_parser = positive())]
        limit: usize,
        #[command(flatten)]
        output: Output,
    },
    /// Print every entry as a line of JSON, oldest first
    Export,
}

/// The commands that [`super::run`] runs.
#[derive(Debug, Subcommand)]
pub enum ClientCommand {
    /// Read the audit log of the running gateway
    #[command(skip)]
    Audit(AuditQuery),
    /// Log in and out, and show the state of a login
    #[command(subcommand, after_help = AUTH_EXAMPLES)]
    Auth(AuthCommand),
    /// List accounts, switch them on and off, connect them with keys
    #[command(subcommand)]
    Providers(ProvidersCommand),
    /// Create, list, rotate and revoke tokens for programs
    #[command(subcommand, visible_alias = "token", after_help = TOKENS_HELP)]
    Tokens(TokensCommand),
    /// Show the newest requests: who asked what, how it ended and how long it took
    #[command(subcommand)]
    Requests(RequestsCommand),
    /// Show how many requests and tokens each program has used
    Usage {
        /// How many days, today included
        #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u16).range(1..=400))]
        days: u16,
        #[command(flatten)]
        output: Output,
    },
    /// List and end the sessions of the page and the links to it
    #[command(subcommand)]
    Sessions(SessionsCommand),
    /// Open the gateway's page in a browser, and print the link that does it once
    ///
    /// It is valid for ten minutes and signs in anyone who opens it. Do not share it.
    Open {
        /// Only print the link
        #[arg(long)]
        no_browser: bool,
        #[command(flatten)]
        output: Output,
    },
    /// Ask the gateway whether it is up. Exit code 0: yes, 3: no
    ///
    /// It needs no token. Containers call it as their health check.
    Health,
    /// Write .env.local with the gateway's address and token, for `source .env.local`
    Onboard {
        /// Replace an existing .env.local
        #[arg(long)]
        force: bool,
    },
}

#[derive(Debug, Subcommand)]
pub enum AuthCommand {
    /// Show whether the login is active. Exit code 0: yes, 1: no
    Status(Target),
    /// Log in through the browser
    #[command(after_help = LOGIN_HELP)]
    Login(LoginOptions),
    /// Refresh the access token now
    Refresh {
        #[command(flatten)]
        target: Target,
        /// If the last refresh is in doubt, retry it without asking. This may end the login
        #[arg(long)]
        yes: bool,
    },
    /// Choose which account stays after another user or workspace has signed in
    Confirm {
        #[command(flatten)]
        target: Target,
        #[command(flatten)]
        answer: Answer,
    },
    /// Delete the stored tokens and unregister the account
    Logout(Target),
    /// Cancel a pending login
    Cancel(Target),
}

#[derive(Debug, Args)]
#[group(multiple = false)]
pub struct Answer {
    /// Replace the connected account without asking
    #[arg(long)]
    replace: bool,
    /// Keep the connected account without asking, and discard the new tokens
    #[arg(long)]
    keep: bool,
}

impl Answer {
    /// Returns the given answer; `None` if the user must be asked.
    pub fn decision(&self) -> Option<bool> {
        (self.replace || self.keep).then_some(self.replace)
    }
}

#[derive(Debug, Args)]
pub struct Target {
    /// The account's name
    #[arg(default_value = openai_codex::ALIAS, value_parser = AccountName::parse)]
    pub provider: AccountName,
    #[command(flatten)]
    pub output: Output,
}

#[derive(Debug, Args)]
pub struct LoginOptions {
    #[command(flatten)]
    pub target: Target,
    /// Log in again even if the login is active. The old tokens stay in use until the new ones are saved
    #[arg(long)]
    pub force: bool,
    /// Replace the account without asking, even if another user or workspace signs in
    #[arg(long)]
    pub replace: bool,
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
    #[arg(value_parser = AccountName::parse)]
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
    /// Also read the browser's cookie, with which the gateway gets and refreshes the session token. It is the second
    /// prompt, or the rest of stdin after the session token's line; it suffices alone
    #[arg(long, conflicts_with = "api_key")]
    pub client_cookie: bool,
    /// Save the secret without checking it at the provider
    #[arg(long)]
    pub unchecked: bool,
}

#[derive(Debug, Subcommand)]
pub enum TokensCommand {
    /// Create a token. It is printed once
    Create {
        /// The name of the program that uses the token
        #[arg(default_value = "program")]
        name: String,
        /// What the token permits; may be given several times. `models`, `status:read`, `auth:write`, each for all accounts
        /// or for one (`models:work`), `models:work/gpt-5.5` for one model, `proxy:suno` for the proxy of an account,
        /// `admin` for everything but opening the page
        #[arg(long, default_value = "models", value_parser = parse_scopes)]
        scope: Vec<Scopes>,
        /// When the token expires, e.g. 90d or 12h; at least 1m (by default it is valid until it is revoked)
        #[arg(long, value_name = "DURATION", value_parser = |text: &str| parse_duration(text, LIFETIMES))]
        expires_in: Option<Duration>,
        #[command(flatten)]
        output: Output,
    },
    /// List all tokens, without their values
    List(Output),
    /// Replace a token. The old one stays valid for a while. The new one is printed once
    Rotate {
        /// The token's name or id; without it, the gateway's own token, in its file on this machine
        name: Option<String>,
        /// How long the old token stays valid, at most 30d
        #[arg(long, value_name = "DURATION", default_value = "24h",
            value_parser = |text: &str| parse_duration(text, OVERLAPS))]
        overlap: Duration,
        #[command(flatten)]
        output: Output,
    },
    /// Revoke a token
    Revoke {
        /// The token's name or its id, as listed (not the token itself); the first six digits of the id suffice
        #[arg(value_name = "NAME_OR_ID")]
        id: String,
        #[command(flatten)]
        output: Output,
    },
}

#[derive(Debug, Subcommand)]
pub enum SessionsCommand {
    /// List the sessions, and the links that have not been opened
    List(Output),
    /// End a session or a link, with everything that was opened with its links
    #[command(group(ArgGroup::new("which").required(true).args(["id", "all"])))]
    End {
        /// The id, as listed
        id: Option<String>,
        /// End all of them
        #[arg(long)]
        all: bool,
        /// With --all: revoke the tokens of programs too
        #[arg(long, requires = "all")]
        tokens: bool,
        #[command(flatten)]
        output: Output,
    },
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

    pub fn from_arguments(arguments: impl IntoIterator<Item = OsString>) -> Result<Self, clap::Error> {
        let arguments: Vec<_> = arguments.into_iter().collect();
        Self::try_parse_from(&arguments).map_err(|error| {
            // clap's message quotes unknown arguments, and such an argument may be the secret.
            let is_unknown = matches!(error.kind(), ErrorKind::UnknownArgument | ErrorKind::TooManyValues);
            if is_unknown && arguments.iter().any(|argument| argument == "set-secret") {
                let message = "set-secret takes no secret as an argument: it is read from stdin or prompted for\n\n\
                               For more information, try 'goclaw providers set-secret --help'.\n";
                return clap::Error::raw(error.kind(), message);
            }
            error
        })
    }
}

//! The command line: a client of the running gateway's public HTTP API.
//!
//! It reads no keys, opens no database and calls no use case, so any other client can do the same. [`args`] defines the
//! arguments, and `client` sends requests over `transport`. Each group of commands has a module. Only [`render`] and
//! [`completions`] print, apart from the prompts for secrets. Commands that are not clients, such as `serve` and
//! `migrate`, are parsed here and run by the composition root.

use std::{net::SocketAddr, path::PathBuf, process::ExitCode, sync::Arc};

use secrecy::SecretString;

use crate::ports::Clock;

pub mod address;
mod archive_args;
pub mod args;
pub mod audit;
pub mod auth;
pub mod browser;
pub mod client;
pub mod completions;
mod confirm;
pub mod error;
mod health;
mod help;
pub mod login;
pub mod login_wait;
pub mod onboard;
pub mod page_link;
pub mod passphrase;
pub mod pasted_lines;
pub mod providers;
pub mod render;
mod requests;
pub mod sessions;
pub mod shell;
pub mod status_text;
pub mod tokens;
pub mod transport;
mod values;
pub mod words;

pub use archive_args::{ArchiveCommand, BackupOptions, ExportOptions, ImportFrom, ImportOptions, RestoreOptions};
pub use args::{AuditCommand, Cli, ClientCommand, Command, ConfigCommand, KeysCommand};

use args::{AuditQuery, AuthCommand};
use client::GatewayClient;
use error::{CliError, Exit};
use words::TimeFormatter;

/// How to reach the gateway, as resolved from settings and environment.
#[derive(Debug, Default)]
pub struct Connection {
    /// `GOCLAW_GATEWAY_URL`, or built from `GOCLAW_HOST` and `GOCLAW_PORT`, or from the settings.
    pub url: String,
    /// The local listener to connect to, instead of resolving the host name in `url`. `url` keeps the name, because TLS
    /// compares it with the certificate.
    pub reached_at: Option<SocketAddr>,
    /// The gateway's address for browsers, if it differs from `url` (`server.public_url`).
    pub public_url: Option<String>,
    /// A PEM file with certificate authorities to trust besides the system's (`tls.ca_file`).
    pub ca_file: Option<PathBuf>,
    /// The configuration file in which the gateway's address was found, if there is one.
    pub config: Option<PathBuf>,
    /// From `GOCLAW_TOKEN`, else from `server.token` or `token_file`.
    pub token: Option<SecretString>,
    /// The file that was searched for the token. `None` if the token came from elsewhere, or if no file applies to this
    /// gateway.
    pub token_file: Option<PathBuf>,
    /// Whether the token may be sent over a network without encryption (`--insecure`, `GOCLAW_INSECURE=1`).
    pub insecure: bool,
}

/// What commands need from the machine.
pub struct Environment {
    pub clock: Arc<dyn Clock>,
    /// False over SSH, where a browser would open on the remote machine.
    pub can_open_browser: bool,
    /// The names of goclaw's environment variables. Programs that a command starts must not inherit them.
    pub own_variables: Vec<String>,
}

/// Runs a client command, prints its error, and returns the exit code. Requires an installed rustls crypto provider.
pub async fn run(command: ClientCommand, connection: Connection, environment: Environment) -> ExitCode {
    match dispatch(command, connection, &environment).await {
        Ok(exit) => exit.into(),
        Err(error) => {
            render::failure(&error);
            error.exit().into()
        }
    }
}

async fn dispatch(command: ClientCommand, connection: Connection, environment: &Environment) -> Result<Exit, CliError> {
    let client = || GatewayClient::new(&connection);
    let times = &TimeFormatter::local(environment.clock.now());
    match command {
        ClientCommand::Onboard { force } => onboard::onboard(force, &connection),
        ClientCommand::Health => health::health(&client()?).await,
        ClientCommand::Open { no_browser, output } => {
            page_link::open(&output, no_browser, &client()?, times, environment).await
        }
        ClientCommand::Audit(AuditQuery::List { limit, output }) => {
            audit::list(limit, &output, &client()?, times).await
        }
        ClientCommand::Audit(AuditQuery::Export) => audit::export(&client()?).await,
        ClientCommand::Tokens(command) => tokens::run(&command, &client()?, times).await,
        ClientCommand::Requests(command) => requests::run(&command, &client()?, times, &environment.clock).await,
        ClientCommand::Usage { days, output } => requests::usage(days, &output, &client()?, times).await,
        ClientCommand::Sessions(command) => sessions::run(&command, &client()?, times).await,
        ClientCommand::Providers(command) => providers::run(&command, &client()?, times).await,
        ClientCommand::Auth(command) => {
            let client = &client()?;
            match command {
                AuthCommand::Login(options) => login::login(&options, client, environment).await,
                AuthCommand::Status(target) => auth::status(&target, client, times).await,
                AuthCommand::Refresh { target, yes } => auth::refresh(&target, yes, client, times).await,
                AuthCommand::Confirm { target, answer } => {
                    confirm::confirm(&target, answer.decision(), client, times).await
                }
                AuthCommand::Logout(target) => auth::logout(&target, client).await,
                AuthCommand::Cancel(target) => auth::cancel(&target, client).await,
            }
        }
    }
}

//! The command line, a client of the running gateway's public HTTP API.
//!
//! It has no keys, opens no database and calls no use case, so other clients have the same capabilities. [`args`]
//! defines the grammar, and `client` sends requests over `transport`. The commands are in `auth`, `login`, `providers`,
//! `tokens`, `page_link` and `onboard`. Only [`render`] prints. `serve`, `migrate` and `openapi` are parsed here and
//! run by the composition root.

use std::{fmt, path::PathBuf, process::ExitCode, sync::Arc};

use secrecy::SecretString;

use crate::ports::Clock;

mod address;
pub mod args;
mod auth;
mod browser;
mod client;
mod error;
mod login;
mod login_wait;
mod onboard;
mod page_link;
mod pasted_lines;
mod providers;
pub mod render;
mod shell;
mod status_text;
mod tokens;
mod transport;
pub mod words;

pub use args::{Cli, ClientCommand, Command, KeysCommand};

use args::AuthCommand;
use client::GatewayClient;
use error::{CliError, Exit};

/// How to reach the gateway, as resolved from settings and environment.
#[derive(Debug)]
pub struct Connection {
    /// `GOCLAW_GATEWAY_URL`, or `http://` and `GOCLAW_HOST`, `GOCLAW_PORT`.
    pub url: String,
    /// From `GOCLAW_TOKEN` or else from `token_file`.
    pub token: Option<SecretString>,
    /// The file that was searched for the token. `None` if `GOCLAW_TOKEN` is set, or if no file applies to this
    /// gateway.
    pub token_file: Option<PathBuf>,
}

/// The clock and the desktop, as the commands use them.
pub struct Environment {
    pub clock: Arc<dyn Clock>,
    /// False over SSH, where a browser would open on the remote machine.
    pub can_open_browser: bool,
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Environment").field("can_open_browser", &self.can_open_browser).finish_non_exhaustive()
    }
}

/// Runs a client command and returns its exit code: 0 yes or done, 1 no, 2 usage, 3 gateway unreachable, 4 refused.
/// Requires an installed rustls crypto provider.
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
    match command {
        ClientCommand::Onboard(options) => onboard::onboard(&options, &connection),
        ClientCommand::Auth(AuthCommand::Login(options)) => {
            login::login(&options, &GatewayClient::new(connection)?, environment).await
        }
        ClientCommand::Auth(AuthCommand::Status(target)) => {
            auth::status(&target, &GatewayClient::new(connection)?, environment.clock.now()).await
        }
        ClientCommand::Auth(AuthCommand::Refresh(options)) => {
            auth::refresh(&options, &GatewayClient::new(connection)?, environment.clock.now()).await
        }
        ClientCommand::Auth(AuthCommand::Logout(target)) => {
            auth::logout(&target, &GatewayClient::new(connection)?).await
        }
        ClientCommand::Auth(AuthCommand::Cancel(target)) => {
            auth::cancel(&target, &GatewayClient::new(connection)?).await
        }
        ClientCommand::Open(output) => {
            page_link::make(&output, &GatewayClient::new(connection)?, environment.clock.now()).await
        }
        ClientCommand::Tokens(command) => {
            tokens::run(&command, &GatewayClient::new(connection)?, environment.clock.now()).await
        }
        ClientCommand::Providers(command) => {
            providers::run(&command, &GatewayClient::new(connection)?, environment.clock.now()).await
        }
    }
}

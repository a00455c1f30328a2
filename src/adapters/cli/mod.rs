//! The command line: a client of the running gateway's public HTTP API, and nothing more.
//!
//! It holds no key, opens no database and calls no use case, so whatever it can do, any other client can do too.
//! [`args`] says what may be typed, `client` speaks HTTP over `transport`, `auth`, `login`, `providers`, `tokens`,
//! `page_link` and `onboard` are the commands, [`render`] is the only place that prints. `serve`, `migrate` and `openapi` are
//! parsed here and run by the composition root.

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

pub use args::{Cli, ClientCommand, Command};

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
    /// The file the token was looked for in. None if `GOCLAW_TOKEN` decided, or if no file counts for this gateway.
    pub token_file: Option<PathBuf>,
}

/// What the commands need of the world around them.
pub struct Environment {
    pub clock: Arc<dyn Clock>,
    /// False over SSH: a browser over there is not in front of the person over here.
    pub can_open_browser: bool,
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Environment").field("can_open_browser", &self.can_open_browser).finish_non_exhaustive()
    }
}

/// Runs one client command to its end and says how it went: 0 yes or done, 1 no, 2 usage, 3 gateway unreachable,
/// 4 refused. Wants a rustls crypto provider to be installed.
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

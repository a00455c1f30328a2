//! The composition root: reads the settings, builds the adapters, passes them to the core, and runs the command.
//!
//! Only this module imports every layer. [`serve`] runs the gateway, and `connection` finds it for client commands. The
//! other commands need no running gateway. Most have a module of their own; `offline` has the shortest ones.

mod audit;
mod backup;
mod banner;
mod configuration;
mod connection;
#[cfg(feature = "demo")]
mod demo;
mod doctor;
mod errors;
mod export;
mod first_start;
mod gateway_token;
mod keys;
mod offline;
mod reload;
mod restore;
pub mod serve;
mod stores;
mod take_over;

use std::{io, path::PathBuf, process::ExitCode, sync::Arc};

use tokio::select;

use crate::adapters::{
    cli::{
        self, ArchiveCommand, AuditCommand, Cli, ClientCommand, Command, ConfigCommand, ImportFrom,
        args::TokensCommand, error::Exit, render,
    },
    logging, prometheus,
    service_manager::ServiceManager,
    settings::{Environment, LogFormat, Settings},
    store,
    store::OpenStoreError,
    system::{SystemClock, keep_memory_private},
};
use crate::app::describe_metrics;

pub use errors::{StartError, sentence};

/// The exit code for an invalid configuration, as for invalid arguments.
const EXIT_INVALID: u8 = 2;

/// Runs the command of this process's command line.
pub fn run() -> ExitCode {
    let cli = match Cli::from_command_line() {
        Ok(cli) => cli,
        Err(exit) => return exit,
    };
    // Most commands handle tokens or keys.
    keep_memory_private();
    // Fails only if a crypto provider is installed already, for example by a test.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&StartError::Runtime(error)),
    };
    match runtime.block_on(dispatch(cli, &Environment::of_process())) {
        Ok(exit) => exit,
        Err(error) => fail(&error),
    }
}

async fn dispatch(cli: Cli, environment: &Environment) -> Result<ExitCode, StartError> {
    match cli.command.unwrap_or_default() {
        Command::Serve => {
            let config = cli.config;
            let settings = Settings::load(config.clone(), environment)?;
            let is_json = settings.log.format == LogFormat::Json;
            let log = logging::start(&settings.log.filter, environment.text("RUST_LOG"), is_json);
            // Again, because a failure before the log started was not logged.
            keep_memory_private();
            prometheus::start(|| {
                describe_metrics();
                store::describe_metrics();
            })
            .map_err(|error| StartError::Runtime(io::Error::other(error)))?;
            let reloads = reload::prepare(config.clone(), environment.clone())?;
            // A start may wait for the database, and the first process of a container has no default signal handlers.
            let stop = serve::listen_for_stop_signals()?;
            let started = select! {
                started = serve::start(&settings) => started?,
                () = stop.begin.cancelled() => return Ok(ExitCode::SUCCESS),
            };
            reload::listen(reloads, log, started.certificate.clone());
            let announced = banner::announce(&settings, config.as_deref(), started.address, &started.app).await;
            announced.map_err(StartError::Output)?;
            let manager = ServiceManager::at(environment.text("NOTIFY_SOCKET"));
            manager.ready(started.address);
            let stopping = async {
                stop.begin.cancelled().await;
                manager.stopping();
            };
            tokio::join!(serve::run(started, stop.clone()), stopping);
        }
        Command::Migrate => offline::migrate(&Settings::load(cli.config, environment)?).await?,
        Command::Keys(command) => return keys::run(command, &Settings::load(cli.config, environment)?).await,
        Command::Archive(command) => select! {
            done = run_archive_command(command, cli.config, environment) => done?,
            // The passphrase prompt installs a SIGINT handler that tokio never removes, so the signal is handled here.
            _ = tokio::signal::ctrl_c() => return Err(StartError::Interrupted),
        },
        #[cfg(feature = "demo")]
        Command::Demo => demo::run().await?,
        Command::Openapi => offline::print_openapi()?,
        Command::Config(ConfigCommand::Show) => configuration::show(cli.config, environment)?,
        Command::Config(ConfigCommand::Check) => return configuration::check(cli.config, environment),
        Command::Doctor => return doctor::examine(cli.config, environment).await,
        Command::Completions { shell } => cli::completions::print(shell).map_err(StartError::Output)?,
        Command::Audit(AuditCommand::Verify { checkpoint }) => {
            return audit::verify(checkpoint, &Settings::load(cli.config, environment)?).await;
        }
        Command::Audit(AuditCommand::Query(query)) => {
            return run_client_command(ClientCommand::Audit(query), cli.config, cli.insecure, environment).await;
        }
        Command::Client(ClientCommand::Tokens(TokensCommand::Rotate { name: None, overlap, output })) => {
            let settings = Settings::load(cli.config, environment)?;
            gateway_token::rotate(&settings, environment, overlap, output.json).await?;
        }
        Command::Client(command) => return run_client_command(command, cli.config, cli.insecure, environment).await,
    }
    Ok(ExitCode::SUCCESS)
}

/// Runs a command that writes or reads an archive.
async fn run_archive_command(
    command: ArchiveCommand,
    config: Option<PathBuf>,
    environment: &Environment,
) -> Result<(), StartError> {
    let load_settings = |config| Settings::load(config, environment);
    match command {
        ArchiveCommand::Backup(options) => backup::run(&options, config, environment).await,
        ArchiveCommand::Restore(options) => restore::run(&options, &load_settings(config)?).await,
        ArchiveCommand::Export(options) => export::export(&options, &load_settings(config)?).await,
        ArchiveCommand::Import(options) => {
            let settings = load_settings(config)?;
            match options.from {
                ImportFrom::Export => export::import(&options, &settings).await,
                ImportFrom::Codex => take_over::codex_cli(&options, &settings).await,
                ImportFrom::Goclaw => take_over::go_service(&options, &settings).await,
            }
        }
    }
}

/// Runs a command that is a client of the running gateway.
async fn run_client_command(
    command: ClientCommand,
    config: Option<PathBuf>,
    insecure: bool,
    environment: &Environment,
) -> Result<ExitCode, StartError> {
    // A damaged token file must not make a container's health check fail.
    let sends_token = !matches!(command, ClientCommand::Health);
    let connection = connection::resolve(config, insecure, sends_token, environment)?;
    let can_open_browser = environment.text("SSH_CONNECTION").is_none();
    let own_variables = environment.own_names();
    let environment = cli::Environment { clock: Arc::new(SystemClock), can_open_browser, own_variables };
    Ok(cli::run(command, connection, environment).await)
}

/// Prints an error and returns the exit code: 2 for an invalid configuration, as for invalid arguments, and 3 if another
/// program listens instead of the gateway.
fn fail(error: &StartError) -> ExitCode {
    render::error(&sentence(error));
    if matches!(error, StartError::ForeignListener { .. }) {
        return Exit::Unreachable.into();
    }
    let is_invalid = matches!(
        error,
        StartError::Settings(_)
            | StartError::InvalidKey { .. }
            | StartError::Authorities(_)
            | StartError::Certificate(_)
            | StartError::OpenStore(OpenStoreError::InvalidUrl { .. })
    );
    if is_invalid { EXIT_INVALID.into() } else { ExitCode::FAILURE }
}

//! Announces that the gateway is running. On a terminal, prints its addresses and files, the state of ChatGPT, and the
//! next command. Otherwise writes one line to the log.

use std::{
    io::{self, IsTerminal},
    net::SocketAddr,
    path::Path,
};

use secrecy::ExposeSecret;

use super::connection::local_url;
use crate::{
    adapters::{
        cli::{render, words::TimeFormatter},
        settings::Settings,
        system::SystemClock,
    },
    app::{AccountStatus, App, IssuedToken, account_name},
    domain::{credential::AccountState, ids::Principal, provider::openai_codex},
    ports::Clock,
};

/// Announces a gateway that listens on `address`.
///
/// # Errors
/// Writing to the terminal failed.
pub(super) async fn announce(
    settings: &Settings,
    config: Option<&Path>,
    address: SocketAddr,
    app: &App,
) -> io::Result<()> {
    if io::stdout().is_terminal() {
        return render::line(&text(settings, config, address, app).await);
    }
    let version = env!("CARGO_PKG_VERSION");
    tracing::info!(version, %address, data = %settings.data_dir.display(), "goclaw is running");
    Ok(())
}

async fn text(settings: &Settings, config: Option<&Path>, address: SocketAddr, app: &App) -> String {
    let local_base = || local_url(&settings.server, address.ip(), address.port());
    let base = settings.server.public_url.as_ref().map_or_else(local_base, ToString::to_string);
    let status = async { app.accounts.status(&account_name(openai_codex::NAME)?, &Principal::gateway_token()).await };
    let status = status.await.ok();
    let token = match &settings.server.token {
        Some(_) => "as configured".to_owned(),
        None => settings.token_file().display().to_string(),
    };
    let goclaw = match config {
        None => program_name(),
        Some(file) => format!("{} --config {}", program_name(), file.display()),
    };
    let page = page_address(&base, &goclaw, app).await;
    let connected = status.as_ref().is_some_and(|status| status.authenticated);
    let next = if connected { format!("{goclaw} auth status") } else { format!("{goclaw} auth login") };
    format!(
        "goclaw {version} is running. Stop it with ctrl-c.\n\
         \n  Page      {page}\n  API       {base}/v1\n  API docs  {base}/docs\n  Token     {token}\n  Data      {data}\n  ChatGPT   {chatgpt}\n\
         \n  Next      {next}\n\n",
        version = env!("CARGO_PKG_VERSION"),
        data = settings.data_dir.display(),
        chatgpt = status.map_or_else(|| "unknown, see the log".to_owned(), |status| in_words(&status)),
    )
}

/// Returns the address of the page, with a link that opens it once. The link is a secret, so it must not be logged.
async fn page_address(base: &str, goclaw: &str, app: &App) -> String {
    match app.access.create_page_link(None).await {
        Ok(IssuedToken { secret, .. }) => {
            format!("{base}/#link={} (opens it once, for 10 minutes)", secret.expose_secret())
        }
        Err(_) => format!("{base}/ (a link that opens it: {goclaw} open)"),
    }
}

fn in_words(status: &AccountStatus) -> String {
    let account = &status.account;
    let whom = account.email.as_ref().map(|email| format!(" as {email}")).unwrap_or_default();
    let plan = account.plan_type.as_ref().map(|plan| format!(", plan {plan}")).unwrap_or_default();
    match status.state {
        AccountState::Absent => "not connected".to_owned(),
        AccountState::Disabled => "switched off".to_owned(),
        AccountState::InDoubt => format!("refresh unconfirmed{whom}; see auth status"),
        AccountState::Unreadable => "cannot be read; see auth status".to_owned(),
        AccountState::Refused => format!("refused by its provider{whom}; see auth status"),
        AccountState::NeedsReauth => format!("needs a new sign-in{whom}"),
        AccountState::Active | AccountState::Refreshing => {
            let times = TimeFormatter::local(SystemClock.now());
            let end = status.expires_at.map(|at| format!(", access token {}", times.expiry(at.unix_seconds())));
            format!("connected{whom}{plan}{}", end.unwrap_or_default())
        }
    }
}

/// Returns the program's path as it was called, so that the next command can be copied.
fn program_name() -> String {
    std::env::args().next().filter(|name| !name.contains(char::is_whitespace)).unwrap_or_else(|| "goclaw".to_owned())
}

//! `goclaw auth login`: starts a login, opens the browser, waits, and prints the outcome.

use std::{
    future,
    io::{self, IsTerminal},
    time::Duration,
};

use tokio::signal::unix::{SignalKind, signal};
use url::Url;

use super::{
    Environment,
    args::LoginOptions,
    auth, browser,
    client::GatewayClient,
    confirm,
    error::{CliError, Exit},
    login_wait::{LoginEnd, LoginWait, PendingLogin},
    render::{self, Countdown},
    shell,
    status_text::status_text,
    words::TimeFormatter,
};
use crate::{
    adapters::contract::{AuthStatus, CancelStatus, StartLoginRequest},
    domain::{ids::AccountName, time::Timestamp},
};

/// Time until the redirect file is removed. The browser has to read it before then.
const REDIRECT_FILE_LIFETIME: Duration = Duration::from_secs(60);
/// Timeout for the cancel request after Ctrl-C.
const CANCEL_TIMEOUT: Duration = Duration::from_secs(2);
const PRESS_ENTER: &str = "Then press Enter; it is not shown.";

pub async fn login(
    options: &LoginOptions,
    client: &GatewayClient,
    environment: &Environment,
) -> Result<Exit, CliError> {
    let (account, output) = (&options.target.provider, &options.target.output);
    let pending_before = pending_login_id(account, client).await?;
    let request = StartLoginRequest {
        force: Some(options.force || options.replace),
        replace: Some(options.replace),
        display_name: options.display_name.as_deref().map(Into::into),
        provider_type: options.provider_type.as_deref().map(Into::into),
    };
    let response = client.start(account, &request).await?;
    output.print(&response, |started| match &started.auth_url {
        Some(auth_url) => format!("Open this URL in your browser to sign in:\n\n  {auth_url}\n"),
        None => format!(
            "Already signed in (provider: {}).\nTo sign in again: goclaw auth login {account} --force",
            started.provider_name
        ),
    })?;
    let Some(login) = PendingLogin::of(response.body) else { return Ok(Exit::Yes) };
    let mut redirect_file = None;
    if !output.json {
        render::error(&paste_hint(&login));
        if environment.can_open_browser && !options.no_browser && io::stderr().is_terminal() {
            redirect_file = browser::open(&login.auth_url, &environment.own_variables).ok();
            let failure = "Cannot open a browser from here. Open the URL yourself.";
            render::error(if redirect_file.is_some() { "Opening it in your browser." } else { failure });
        }
    }

    // `start` returns a login that is already pending. Ctrl-C here must not cancel what another client has started.
    let is_ours = pending_before.as_deref() != Some(login.login_id.as_str());
    let remark = if is_ours { " (Ctrl-C cancels)" } else { " (Ctrl-C stops waiting only)" };
    let mut countdown = Countdown::new("Waiting for the sign-in");
    let wait = LoginWait { account, client, clock: &*environment.clock, login: &login, remark };
    // Removes the redirect file while the command waits. It never completes, so it does not end the wait.
    let remove_redirect_file = async {
        environment.clock.sleep(REDIRECT_FILE_LIFETIME).await;
        drop(redirect_file);
        future::pending().await
    };
    let end = tokio::select! {
        end = wait.until_end(&mut countdown) => Some(end),
        () = wait_for_interrupt() => None,
        () = remove_redirect_file => None,
    };
    countdown.clear();
    let now = environment.clock.now();
    match end {
        Some(end) => report(&end?, options, client, now).await,
        None if is_ours => Ok(cancel(account, client).await),
        None => {
            let left = TimeFormatter::local(now).left(login.expires_at);
            render::error(&format!(
                "Stopped waiting. The sign-in stays open for {left}. Cancel it with: goclaw auth cancel {account}"
            ));
            Ok(Exit::No)
        }
    }
}

/// Waits for SIGINT, SIGTERM, or SIGHUP, which a closed terminal sends. Without a handler, the process would end with
/// the echo off and the redirect file left.
pub(super) async fn wait_for_interrupt() {
    let received = async |kind| match signal(kind) {
        Ok(mut signals) => _ = signals.recv().await,
        Err(_no_handler) => future::pending().await,
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        () = received(SignalKind::terminate()) => {}
        () = received(SignalKind::hangup()) => {}
    }
}

/// Returns the id of the pending login. A refusal means that there is none: a new account has no status yet.
async fn pending_login_id(account: &AccountName, client: &GatewayClient) -> Result<Option<String>, CliError> {
    match client.status(account).await {
        Ok(response) => Ok(response.body.pending.map(|pending| pending.login_id)),
        Err(CliError::Refused { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Returns instructions for pasting the redirect URL, in case the redirect does not reach the gateway.
pub fn paste_hint(login: &PendingLogin) -> String {
    let starts_with = Url::parse(&login.auth_url).ok().and_then(|url| {
        let redirect = url.query_pairs().find(|(name, _)| name == "redirect_uri");
        redirect.map(|(_, address)| format!(" (it starts with {address}?code=...)"))
    });
    let address = starts_with.unwrap_or_default();
    if login.callback.listening {
        format!(
            "If the browser ends at a page that does not load, paste its whole address here{address}. {PRESS_ENTER}"
        )
    } else {
        let why = login.callback.error.as_deref().unwrap_or("The gateway does not listen for the redirect.");
        format!(
            "{why}\nYou can still sign in: the browser will end at a page that does not load.\n\
             Paste its whole address here{address}. {PRESS_ENTER}"
        )
    }
}

/// Prints how the login ended. If it needs a confirmation, asks the user.
async fn report(
    end: &LoginEnd,
    options: &LoginOptions,
    client: &GatewayClient,
    now: Timestamp,
) -> Result<Exit, CliError> {
    let LoginEnd { status, failure } = end;
    if let (None, Some(question)) = (failure, &status.body.confirmation) {
        let times = TimeFormatter::local(now);
        return confirm::answer(&options.target, &status.body, question, None, client, &times).await;
    }
    if options.target.output.json {
        render::json(&status.raw)?;
    } else if failure.is_none() {
        render::line(&success_text(&status.body, &options.target.provider, client, now).await)?;
    }
    let Some(reason) = failure else { return Ok(Exit::Yes) };
    render::error(&format!("Sign-in failed: {reason}"));
    Ok(Exit::No)
}

async fn success_text(status: &AuthStatus, account: &AccountName, client: &GatewayClient, now: Timestamp) -> String {
    let subject = auth::subject(account, client).await;
    let text = status_text(status, &subject, &TimeFormatter::local(now));
    let curl = shell::curl(&client.status_url(account), client.token_file.as_deref());
    format!("Signed in.\n\n{text}\n\nCheck it at any time:\n  {curl}")
}

/// Cancels the login that this command started.
async fn cancel(account: &AccountName, client: &GatewayClient) -> Exit {
    let response = tokio::time::timeout(CANCEL_TIMEOUT, client.cancel(account)).await;
    let cancelled = matches!(response, Ok(Ok(response)) if response.body.status == CancelStatus::Cancelled);
    let unknown = format!("Stopped waiting. See how the sign-in ended with: goclaw auth status {account}");
    render::error(if cancelled { "Sign-in cancelled." } else { &unknown });
    Exit::No
}

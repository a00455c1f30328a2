//! `goclaw auth login`: starts a login, opens the browser, waits, and prints the outcome.

use std::time::Duration;

use url::Url;

use super::{
    Environment,
    args::LoginOptions,
    auth, browser,
    client::GatewayClient,
    error::{CliError, Exit},
    login_wait::{End, StartedLogin, Wait},
    render::{self, Countdown},
    shell,
    status_text::status_text,
    words::{self, HereAndNow},
};
use crate::{
    adapters::contract::{AuthStatus, CancelStatus, StartLoginRequest},
    domain::{ids::AccountName, time::Timestamp},
};

/// Timeout for the cancel request after Ctrl-C.
const CANCEL_WITHIN: Duration = Duration::from_secs(2);

pub(super) async fn login(
    options: &LoginOptions,
    client: &GatewayClient,
    environment: &Environment,
) -> Result<Exit, CliError> {
    let (provider, json) = (&options.target.provider, options.target.output.json);
    let waiting_before = waiting_login(provider, client).await?;
    let request = StartLoginRequest {
        force: Some(options.force),
        display_name: options.display_name.as_deref().map(Into::into),
        provider_type: options.provider_type.as_deref().map(Into::into),
    };
    let answer = client.start(provider, &request).await?;
    if json {
        render::json(&answer.raw)?;
    }
    let name = answer.body.provider_name.clone();
    let Some(started) = StartedLogin::of(answer.body) else {
        if !json {
            render::line(&already_text(provider, &name))?;
        }
        return Ok(Exit::Yes);
    };
    invite(&started, options, environment)?;

    // A second `start` returns the login that is already pending. Another terminal or the page started that one, so
    // Ctrl-C here must not cancel it.
    let is_ours = waiting_before.as_deref() != Some(started.login_id.as_str());
    let remark = if is_ours { " (Ctrl-C cancels)" } else { " (Ctrl-C stops waiting only)" };
    let mut countdown = Countdown::new("Waiting for the sign-in");
    let mut wait = Wait { provider, client, clock: &*environment.clock, started: &started, remark };
    let end = tokio::select! {
        end = wait.until_it_ends(&mut countdown) => end,
        _ = tokio::signal::ctrl_c() => Ok(End::Interrupted),
    };
    countdown.clear();
    let now = environment.clock.now();
    match end? {
        End::Signed(status) => {
            if json {
                render::json(&status.raw)?;
            } else {
                let text = success(&status.body, options, client, now).await;
                render::line(&text)?;
            }
            Ok(Exit::Yes)
        }
        End::Failed { reason, status } => {
            if json {
                render::json(&status.raw)?;
            }
            render::error(&format!("Sign-in failed: {reason}"));
            Ok(Exit::No)
        }
        End::Interrupted if is_ours => {
            let cancelled = tokio::time::timeout(CANCEL_WITHIN, client.cancel(provider)).await;
            let cancelled = matches!(cancelled, Ok(Ok(answer)) if answer.body.status == CancelStatus::Cancelled);
            render::error(if cancelled {
                "Sign-in cancelled."
            } else {
                "Stopped waiting. See how the sign-in ended with: goclaw auth status"
            });
            Ok(Exit::No)
        }
        End::Interrupted => {
            let left = words::duration(HereAndNow::local(now).until(started.expires_at));
            render::error(&format!(
                "Stopped waiting. The sign-in stays open for {left}. Cancel it with: goclaw auth cancel"
            ));
            Ok(Exit::No)
        }
    }
}

/// Returns the id of the login that was pending before this command. A new account has no status yet, so a refusal is
/// not an error.
async fn waiting_login(provider: &AccountName, client: &GatewayClient) -> Result<Option<String>, CliError> {
    match client.status(provider).await {
        Ok(answer) => Ok(answer.body.pending.map(|pending| pending.login_id)),
        Err(CliError::Refused { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

fn already_text(provider: &AccountName, provider_name: &str) -> String {
    format!(
        "Already signed in (provider: {provider_name}).\nTo sign in again: goclaw auth login {} --force",
        provider.as_str()
    )
}

/// Prints the authorization URL, and opens it if stderr is a terminal.
fn invite(started: &StartedLogin, options: &LoginOptions, environment: &Environment) -> Result<(), CliError> {
    if options.target.output.json {
        return Ok(());
    }
    render::line(&format!("Open this URL in your browser to sign in:\n\n  {}\n", started.auth_url))?;
    render::error(&paste_hint(started));
    if environment.can_open_browser && !options.no_browser && render::is_watched() {
        match browser::open(&started.auth_url) {
            Ok(()) => render::error("Opening it in your browser."),
            Err(_no_browser) => render::error("Cannot open a browser from here. Open the URL yourself."),
        }
    }
    Ok(())
}

/// Returns the instructions for the case that the redirect does not reach the gateway.
fn paste_hint(started: &StartedLogin) -> String {
    let starts_with = Url::parse(&started.auth_url).ok().and_then(|url| {
        let redirect = url.query_pairs().find(|(name, _)| name == "redirect_uri");
        redirect.map(|(_, address)| format!(" (it starts with {address}?code=...)"))
    });
    let address = starts_with.unwrap_or_default();
    if started.callback.listening {
        format!("If the browser ends at a page that does not load, paste its whole address here{address}.")
    } else {
        let why = started.callback.error.as_deref().unwrap_or("The gateway does not listen for the redirect.");
        format!(
            "{why}\nYou can still sign in: the browser will end at a page that does not load.\n\
             Paste its whole address here{address}."
        )
    }
}

async fn success(status: &AuthStatus, options: &LoginOptions, client: &GatewayClient, now: Timestamp) -> String {
    let provider = &options.target.provider;
    let subject = auth::subject(provider, client).await;
    let text = status_text(status, &subject, &HereAndNow::local(now));
    let curl = shell::curl(&client.status_url(provider), client.token_file().map(AsRef::as_ref));
    format!("Signed in.\n\n{text}\n\nCheck it at any time:\n  {curl}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn started(callback: &str) -> StartedLogin {
        let redirect = "http%3A%2F%2Flocalhost%3A1455%2Fauth%2Fcallback";
        let started = format!(
            r#"{{"status":"pending","auth_url":"https://auth.example/authorize?redirect_uri={redirect}&state=s",
                 "provider_name":"openai-codex","login_id":"1","expires_at":9,"callback":{callback}}}"#
        );
        StartedLogin::of(serde_json::from_str(&started).unwrap()).unwrap()
    }

    #[test]
    fn the_hint_tells_where_to_paste() {
        assert_eq!(
            paste_hint(&started(r#"{"listening":true}"#)),
            "If the browser ends at a page that does not load, paste its whole address here \
             (it starts with http://localhost:1455/auth/callback?code=...)."
        );
        let busy = r#"{"listening":false,"error":"failed to start OAuth flow (is port 1455 available?)"}"#;
        let hint = paste_hint(&started(busy));
        assert!(hint.starts_with("failed to start OAuth flow (is port 1455 available?)\n"), "{hint}");
    }
}

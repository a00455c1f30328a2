//! `goclaw auth login`: start a sign-in, send its owner to the browser, wait, and say how it ended.

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
    domain::{ids::ProviderName, time::Timestamp},
};

/// A person who pressed Ctrl-C wants out.
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

    // The gateway answers a second `start` with the sign-in that is waiting already. That one belongs to somebody
    // else's terminal or page, and is not this command's to cancel.
    let is_ours = waiting_before.as_deref() != Some(started.login_id.as_str());
    let remark = if is_ours { " (Ctrl-C cancels)" } else { " (Ctrl-C leaves it waiting)" };
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
                "Stopped waiting. The sign-in stays open for {left}; end it with: goclaw auth cancel"
            ));
            Ok(Exit::No)
        }
    }
}

/// The sign-in that was waiting before this command came. A new account has no status yet, which is no error.
async fn waiting_login(provider: &ProviderName, client: &GatewayClient) -> Result<Option<String>, CliError> {
    match client.status(provider).await {
        Ok(answer) => Ok(answer.body.pending.map(|pending| pending.login_id)),
        Err(CliError::Refused { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

fn already_text(provider: &ProviderName, provider_name: &str) -> String {
    format!(
        "Already signed in (provider: {provider_name}).\nTo sign in anew: goclaw auth login {} --force",
        provider.as_str()
    )
}

/// Shows where to go, and opens it if somebody is there to see it.
fn invite(started: &StartedLogin, options: &LoginOptions, environment: &Environment) -> Result<(), CliError> {
    if options.target.output.json {
        return Ok(());
    }
    render::line(&format!("Open this URL in your browser to sign in:\n\n  {}\n", started.auth_url))?;
    render::error(&paste_hint(started));
    if environment.can_open_browser && !options.no_browser && render::is_watched() {
        match browser::open(&started.auth_url) {
            Ok(()) => render::error("A browser was asked to open it."),
            Err(_no_browser) => render::error("No browser could be started from here: open the URL yourself."),
        }
    }
    Ok(())
}

/// What to do if the browser cannot come back by itself.
fn paste_hint(started: &StartedLogin) -> String {
    let returns_to = Url::parse(&started.auth_url).ok().and_then(|url| {
        let redirect = url.query_pairs().find(|(name, _)| name == "redirect_uri");
        redirect.map(|(_, address)| format!(" (it starts with {address}?code=...)"))
    });
    let address = returns_to.unwrap_or_default();
    if started.callback.listening {
        format!("If the browser ends at a page that does not load, paste its whole address here{address}.")
    } else {
        let why = started.callback.error.as_deref().unwrap_or("The gateway does not listen for the browser's return.");
        format!(
            "{why}\nYou can sign in all the same: the browser will end at a page that does not load.\n\
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
    fn where_to_paste_is_always_said() {
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

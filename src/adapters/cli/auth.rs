//! `goclaw auth status`, `refresh`, `logout` and `cancel`: one request each, with the response rendered as text.

use std::time::Duration;

use super::{
    args::{RefreshOptions, Target},
    client::GatewayClient,
    error::{CliError, Exit},
    render,
    status_text::{Subject, status_text, usage_text},
    words::HereAndNow,
};
use crate::{
    adapters::contract::{AccountState, CancelStatus, LogoutResult, RefreshRequest, Revocation, Usage},
    domain::{ids::AccountName, time::Timestamp},
};

/// Timeout for the optional usage line of `auth status`.
const USAGE_TIMEOUT: Duration = Duration::from_secs(3);

/// Presenting a refresh token twice may end the login, so a retry needs consent.
const RETRY_QUESTION: &str =
    "The provider may have processed the last refresh. Retrying may end the login. Retry? [y/N]";

pub(super) async fn status(target: &Target, client: &GatewayClient, now: Timestamp) -> Result<Exit, CliError> {
    let answer = client.status(&target.provider).await?;
    if target.output.json {
        render::json(&answer.raw)?;
    } else {
        let (subject, here) = (subject(&target.provider, client).await, HereAndNow::local(now));
        let usage = if answer.body.authenticated { usage(&target.provider, client).await } else { None };
        let used = usage.and_then(|usage| usage_text(&usage, &here));
        let lines = [Some(status_text(&answer.body, &subject, &here)), used];
        render::line(&lines.into_iter().flatten().collect::<Vec<_>>().join("\n"))?;
    }
    Ok(if answer.body.authenticated { Exit::Yes } else { Exit::No })
}

/// Returns the plan usage. Errors and timeouts are ignored: the usage is optional in the output.
async fn usage(provider: &AccountName, client: &GatewayClient) -> Option<Usage> {
    let asked = tokio::time::timeout(USAGE_TIMEOUT, client.usage(provider)).await;
    Some(asked.ok()?.ok()?.body)
}

/// Returns how to describe an account. It only affects the wording, so a failed request is not an error.
pub(super) async fn subject(provider: &AccountName, client: &GatewayClient) -> Subject {
    if let Some(openai) = Subject::openai(provider) {
        return openai;
    }
    let list = client.providers().await.map(|list| list.providers).unwrap_or_default();
    let listed = list.iter().find(|listed| listed.name == provider.as_str());
    listed.map_or_else(|| Subject::unlisted(provider), Subject::listed)
}

pub(super) async fn refresh(
    options: &RefreshOptions,
    client: &GatewayClient,
    now: Timestamp,
) -> Result<Exit, CliError> {
    let target = &options.target;
    let mut answer = client.refresh(&target.provider, &RefreshRequest::default()).await?;
    if answer.body.state == AccountState::InDoubt && (options.yes || render::confirms(RETRY_QUESTION)?) {
        let consent = RefreshRequest { login_id: answer.body.login_id, generation: answer.body.generation };
        answer = client.refresh(&target.provider, &consent).await?;
    }
    if target.output.json {
        render::json(&answer.raw)?;
    } else {
        let subject = subject(&target.provider, client).await;
        render::line(&status_text(&answer.body, &subject, &HereAndNow::local(now)))?;
    }
    Ok(if answer.body.authenticated { Exit::Yes } else { Exit::No })
}

pub(super) async fn logout(target: &Target, client: &GatewayClient) -> Result<Exit, CliError> {
    let answer = client.logout(&target.provider).await?;
    if target.output.json {
        render::json(&answer.raw)?;
    } else {
        let name = Subject::openai(&target.provider).map(|openai| openai.name().to_owned());
        render::line(&logout_text(&answer.body, name.as_deref().unwrap_or(target.provider.as_str())))?;
    }
    Ok(Exit::Yes)
}

fn logout_text(answer: &LogoutResult, name: &str) -> String {
    if !answer.removed {
        return format!("Nothing was stored for {name}.");
    }
    let done = format!("Logged out of {name}: the stored tokens are deleted.");
    match answer.revocation {
        Revocation::Revoked => format!("{done}\nThe provider has revoked them too."),
        Revocation::Pending => {
            format!("{done}\nThe provider did not respond. The gateway retries the revocation for up to a day.")
        }
        Revocation::Failed => {
            format!("{done}\nThe provider did not revoke them. To be sure, end the session in your account there.")
        }
        Revocation::NotApplicable => done,
    }
}

pub(super) async fn cancel(target: &Target, client: &GatewayClient) -> Result<Exit, CliError> {
    let answer = client.cancel(&target.provider).await?;
    if target.output.json {
        render::json(&answer.raw)?;
    } else if answer.body.status == CancelStatus::Cancelled {
        render::line("The pending sign-in is cancelled.")?;
    } else {
        render::line("No sign-in was pending.")?;
    }
    Ok(Exit::Yes)
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;
    use crate::adapters::contract::LogoutStatus;

    #[test]
    fn a_logout_reports_the_revocation() {
        let text = |removed, revocation| {
            let result = LogoutResult { status: LogoutStatus::LoggedOut, removed, revocation };
            logout_text(&result, "openai-codex")
        };
        assert_snapshot!(text(false, Revocation::NotApplicable), @"Nothing was stored for openai-codex.");
        assert_snapshot!(text(true, Revocation::NotApplicable), @"Logged out of openai-codex: the stored tokens are deleted.");
        assert_snapshot!(text(true, Revocation::Revoked), @r"
        Logged out of openai-codex: the stored tokens are deleted.
        The provider has revoked them too.
        ");
        assert_snapshot!(text(true, Revocation::Pending), @r"
        Logged out of openai-codex: the stored tokens are deleted.
        The provider did not respond. The gateway retries the revocation for up to a day.
        ");
        assert_snapshot!(text(true, Revocation::Failed), @r"
        Logged out of openai-codex: the stored tokens are deleted.
        The provider did not revoke them. To be sure, end the session in your account there.
        ");
    }
}

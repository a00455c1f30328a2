//! `goclaw auth status`, `refresh`, `logout` and `cancel`: each calls the API and prints the response.

use std::time::Duration;

use super::{
    args::Target,
    client::GatewayClient,
    error::{CliError, Exit},
    render,
    status_text::{Subject, status_text, usage_text},
    words::TimeFormatter,
};
use crate::{
    adapters::contract::{AccountState, CancelStatus, LogoutResult, RefreshRequest, Revocation, Usage},
    domain::ids::AccountName,
};

/// Timeout for the optional usage line of `auth status`.
const USAGE_TIMEOUT: Duration = Duration::from_secs(3);

/// Presenting a refresh token twice may end the login, so a retry needs consent.
const RETRY_QUESTION: &str =
    "The provider may have processed the last refresh. Retrying may end the login. Retry? [y/N]";

pub async fn status(target: &Target, client: &GatewayClient, times: &TimeFormatter) -> Result<Exit, CliError> {
    let mut response = client.status(&target.provider).await?;
    let prints_usage = response.body.authenticated && !target.output.json;
    let usage = if prints_usage { usage(&target.provider, client).await } else { None };
    if prints_usage && usage.is_none() {
        // The provider may have refused this request and so have ended the login.
        response = client.status(&target.provider).await?;
    }
    let status = &response.body;
    if target.output.json {
        render::json(&response.raw)?;
    } else {
        let subject = subject(&target.provider, client).await;
        let used = usage.and_then(|usage| usage_text(&usage, times));
        let lines = [Some(status_text(status, &subject, times)), used];
        let print = if status.authenticated { render::line } else { render::trouble };
        print(&lines.into_iter().flatten().collect::<Vec<_>>().join("\n"))?;
    }
    Ok(if status.authenticated { Exit::Yes } else { Exit::No })
}

/// Returns the plan usage, or `None` after an error or timeout: the output is useful without it.
async fn usage(account: &AccountName, client: &GatewayClient) -> Option<Usage> {
    let response = tokio::time::timeout(USAGE_TIMEOUT, client.usage(account)).await;
    Some(response.ok()?.ok()?.body)
}

/// Returns how to describe an account in the output. If the list of accounts cannot be read, uses the name alone.
pub async fn subject(account: &AccountName, client: &GatewayClient) -> Subject {
    if let Some(openai) = Subject::openai(account) {
        return openai;
    }
    let list = client.providers().await.map(|list| list.providers).unwrap_or_default();
    let listed = list.iter().find(|listed| listed.name == account.as_str());
    listed.map_or_else(|| Subject::unlisted(account), Subject::listed)
}

/// Refreshes the access token. If the last refresh is in doubt, retries it if `consent` is true or the user agrees at a
/// prompt.
pub async fn refresh(
    target: &Target,
    consent: bool,
    client: &GatewayClient,
    times: &TimeFormatter,
) -> Result<Exit, CliError> {
    let before = client.status(&target.provider).await?.body;
    let mut response = client.refresh(&target.provider, &RefreshRequest::default()).await?;
    let is_in_doubt = response.body.state == AccountState::InDoubt;
    let is_agreed = is_in_doubt && (consent || render::confirm(RETRY_QUESTION)?);
    if is_agreed {
        let consent = RefreshRequest { login_id: response.body.login_id, generation: response.body.generation };
        response = client.refresh(&target.provider, &consent).await?;
    }
    if target.output.json {
        render::json(&response.raw)?;
    } else {
        let subject = subject(&target.provider, client).await;
        render::line(&status_text(&response.body, &subject, times))?;
    }
    if is_in_doubt && !is_agreed {
        render::error(&format!("Not refreshed. To retry it: goclaw auth refresh {} --yes", target.provider));
        return Ok(Exit::No);
    }
    let after = &response.body;
    let is_refreshed = (&before.login_id, before.generation) != (&after.login_id, after.generation);
    Ok(if after.authenticated && is_refreshed { Exit::Yes } else { Exit::No })
}

pub async fn logout(target: &Target, client: &GatewayClient) -> Result<Exit, CliError> {
    let response = client.logout(&target.provider).await?;
    let name = Subject::openai(&target.provider).map_or_else(|| target.provider.to_string(), |openai| openai.name);
    target.output.print(&response, |result| logout_text(result, &name))?;
    Ok(Exit::Yes)
}

pub fn logout_text(result: &LogoutResult, name: &str) -> String {
    if !result.removed {
        return format!("Nothing was stored for {name}.");
    }
    let revocation = match result.revocation {
        Revocation::Revoked => "\nThe provider has revoked them too.",
        Revocation::Pending => "\nThe provider did not respond. The gateway retries the revocation for up to a day.",
        Revocation::Waiting => {
            "\nRevoking them would end another account of the same user, so the gateway waits for up to a day."
        }
        Revocation::Failed => "\nThe provider did not revoke them. To be sure, end the session in your account there.",
        Revocation::NotApplicable => "",
    };
    format!("Logged out of {name}: the stored tokens are deleted.{revocation}")
}

pub async fn cancel(target: &Target, client: &GatewayClient) -> Result<Exit, CliError> {
    let response = client.cancel(&target.provider).await?;
    target.output.print(&response, |result| match result.status {
        CancelStatus::Cancelled => "The pending sign-in is cancelled.".to_owned(),
        CancelStatus::NoPendingLogin => "No sign-in was pending.".to_owned(),
    })?;
    Ok(Exit::Yes)
}

//! `goclaw auth status`, `logout` and `cancel`: one request each, and what it answered, in words.

use std::time::Duration;

use super::{
    api::{LoggedOut, Usage},
    args::{RefreshOptions, Target},
    client::GatewayClient,
    error::{CliError, Exit},
    render,
    status_text::{Subject, status_text, usage_text},
    words::HereAndNow,
};
use crate::domain::{ids::ProviderName, time::Timestamp};

/// How long a provider has to tell how much of the plan is used up.
const USAGE_TIMEOUT: Duration = Duration::from_secs(3);

/// A token that is presented twice may end the login, so nobody does it by accident.
const RETRY_QUESTION: &str =
    "The provider may have taken the last refresh: trying once more may end the login. Try? [y/N]";

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

/// How much of the plan is used up, where the provider tells and does so soon: it is no part of the question.
async fn usage(provider: &ProviderName, client: &GatewayClient) -> Option<Usage> {
    let asked = tokio::time::timeout(USAGE_TIMEOUT, client.usage(provider)).await;
    Some(asked.ok()?.ok()?.body)
}

/// What is known about an account. It only helps to choose words, so that it cannot be asked is no error.
pub(super) async fn subject(provider: &ProviderName, client: &GatewayClient) -> Subject {
    if let Some(openai) = Subject::openai(provider) {
        return openai;
    }
    let list = client.providers().await.map(|answer| answer.body.providers).unwrap_or_default();
    let listed = list.iter().find(|listed| listed.name == provider.as_str());
    listed.map_or_else(|| Subject::unlisted(provider), Subject::listed)
}

pub(super) async fn refresh(
    options: &RefreshOptions,
    client: &GatewayClient,
    now: Timestamp,
) -> Result<Exit, CliError> {
    let target = &options.target;
    let mut answer = client.refresh(&target.provider, None).await?;
    if let ("in_doubt", Some(login_id), Some(generation)) =
        (answer.body.state.as_str(), answer.body.login_id.as_deref(), answer.body.generation)
        && (options.yes || render::confirms(RETRY_QUESTION)?)
    {
        answer = client.refresh(&target.provider, Some((login_id, generation))).await?;
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

fn logout_text(answer: &LoggedOut, name: &str) -> String {
    if !answer.removed {
        return format!("Nothing was stored for {name}.");
    }
    let done = format!("Logged out of {name}: the stored tokens are deleted.");
    match answer.revocation.as_str() {
        "revoked" => format!("{done}\nThe provider has revoked them too."),
        "pending" => format!(
            "{done}\nThe provider did not answer. The gateway goes on asking it to revoke them, for up to a day."
        ),
        "failed" => {
            format!("{done}\nThe provider did not revoke them. To be sure, end the session in your account there.")
        }
        _ => done,
    }
}

pub(super) async fn cancel(target: &Target, client: &GatewayClient) -> Result<Exit, CliError> {
    let answer = client.cancel(&target.provider).await?;
    if target.output.json {
        render::json(&answer.raw)?;
    } else if answer.body.there_was_one() {
        render::line("The waiting sign-in is cancelled.")?;
    } else {
        render::line("No sign-in was waiting.")?;
    }
    Ok(Exit::Yes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_logout_says_what_became_of_the_tokens() {
        let text = |removed, revocation: &str| {
            logout_text(&LoggedOut { removed, revocation: revocation.to_owned() }, "openai-codex")
        };
        assert_eq!(text(false, "not_applicable"), "Nothing was stored for openai-codex.");
        assert_eq!(text(true, "not_applicable"), "Logged out of openai-codex: the stored tokens are deleted.");
        assert!(text(true, "revoked").ends_with("\nThe provider has revoked them too."));
        assert!(text(true, "pending").contains("goes on asking"));
        assert!(text(true, "failed").contains("end the session in your account there"));
    }
}

//! Asks whether a login by another user or workspace replaces the connected account: `goclaw auth confirm`, and the end
//! of `goclaw auth login`.

use super::{
    args::Target,
    auth,
    client::GatewayClient,
    error::{CliError, Exit},
    render,
    status_text::status_text,
    words::TimeFormatter,
};
use crate::{
    adapters::contract::{AuthStatus, ConfirmRequest, Confirmation},
    domain::ids::AccountName,
};

const QUESTION: &str = "Replace the connected account? [y/N]";

/// Answers the pending confirmation with `replace`, or prompts for the answer if `replace` is `None`.
pub(super) async fn confirm(
    target: &Target,
    replace: Option<bool>,
    client: &GatewayClient,
    times: &TimeFormatter,
) -> Result<Exit, CliError> {
    let status = client.status(&target.provider).await?.body;
    let Some(question) = status.confirmation.clone() else {
        render::error("No sign-in waits for a confirmation.");
        return Ok(Exit::No);
    };
    answer(target, &status, &question, replace, client, times).await
}

/// Sends `replace`, or prompts for the answer if it is `None`. Without a terminal to prompt on, sends nothing: the
/// login stays unconfirmed.
pub(super) async fn answer(
    target: &Target,
    status: &AuthStatus,
    question: &Confirmation,
    replace: Option<bool>,
    client: &GatewayClient,
    times: &TimeFormatter,
) -> Result<Exit, CliError> {
    let is_decided = replace.is_some();
    let replace = match replace {
        Some(replace) => replace,
        None => {
            render::error(&question_text(status));
            match render::ask(QUESTION)? {
                Some(replace) => replace,
                None => {
                    render::error(&how_to_answer(&target.provider));
                    return Ok(Exit::No);
                }
            }
        }
    };
    let request =
        ConfirmRequest { login_id: question.login_id.clone(), replaces: Some(question.replaces.clone()), replace };
    let response = client.confirm(&target.provider, &request).await?;
    let subject = auth::subject(&target.provider, client).await;
    let done = if replace { "Replaced." } else { "Kept the connected account. The new tokens are discarded." };
    target.output.print(&response, |status| format!("{done}\n\n{}", status_text(status, &subject, times)))?;
    Ok(if replace || is_decided { Exit::Yes } else { Exit::No })
}

/// Returns the gateway's sentence about the account that signed in and the connected account.
fn question_text(status: &AuthStatus) -> String {
    status.last_login.as_ref().map(|login| login.reason.clone()).unwrap_or_default()
}

fn how_to_answer(account: &AccountName) -> String {
    format!("Answer with: goclaw auth confirm {account} --replace, or --keep")
}

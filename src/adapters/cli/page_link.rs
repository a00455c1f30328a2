//! `goclaw open`: a link that opens the gateway's page once.

use super::{
    args::Output,
    client::GatewayClient,
    error::{CliError, Exit},
    render,
    words::HereAndNow,
};
use crate::domain::time::Timestamp;

pub(super) async fn make(output: &Output, client: &GatewayClient, now: Timestamp) -> Result<Exit, CliError> {
    let answer = client.make_page_link().await?;
    if output.json {
        render::json(&answer.raw)?;
    } else {
        render::line(&format!("{}/#link={}", client.url(), answer.body.link))?;
        let until = HereAndNow::local(now).time(answer.body.expires_at);
        render::error(&format!("Opens the page once, until {until}. Give it to nobody: whoever opens it is let in."));
    }
    Ok(Exit::Yes)
}

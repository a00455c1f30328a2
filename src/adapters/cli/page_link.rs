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
        render::error(&format!("Valid once, until {until}. Do not share it: it signs in anyone who opens it."));
    }
    Ok(Exit::Yes)
}

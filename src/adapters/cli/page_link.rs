//! `goclaw open`: a link that opens the gateway's page once.

use super::{
    args::Output,
    client::GatewayClient,
    error::{CliError, Exit},
    render,
    words::TimeFormatter,
};

pub async fn open(output: &Output, client: &GatewayClient, times: &TimeFormatter) -> Result<Exit, CliError> {
    let response = client.create_page_link().await?;
    output.print(&response, |link| format!("{}/#link={}", client.url(), link.link))?;
    if !output.json {
        let until = times.time(response.body.expires_at);
        render::error(&format!("Valid once, until {until}. Do not share it: it signs in anyone who opens it."));
    }
    Ok(Exit::Yes)
}

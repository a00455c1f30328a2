//! `goclaw open`: opens the gateway's page in a browser, with a link that works once.

use std::{
    io::{self, IsTerminal},
    time::Duration,
};

use super::{
    Environment, browser,
    client::GatewayClient,
    error::{CliError, Exit},
    login::wait_for_interrupt,
    render::{self, Output},
    words::TimeFormatter,
};

/// How long the command waits before it removes the redirect file, which the browser has to read.
const REDIRECT_FILE_LIFETIME: Duration = Duration::from_secs(5);

pub async fn open(
    output: &Output,
    no_browser: bool,
    client: &GatewayClient,
    times: &TimeFormatter,
    environment: &Environment,
) -> Result<Exit, CliError> {
    let response = client.create_page_link().await?;
    let address = format!("{}/#link={}", client.page_url(), response.body.link);
    output.print(&response, |_| address.clone())?;
    if output.json {
        return Ok(Exit::Yes);
    }
    let until = times.time(response.body.expires_at);
    render::error(&format!("Valid once, until {until}. Do not share it: it signs in anyone who opens it."));
    if environment.can_open_browser && !no_browser && io::stdout().is_terminal() {
        match browser::open(&address, &environment.own_variables) {
            Ok(redirect_file) => {
                render::error("Opening it in your browser.");
                // The file has the link, so it must not stay behind.
                tokio::select! {
                    () = environment.clock.sleep(REDIRECT_FILE_LIFETIME) => {}
                    () = wait_for_interrupt() => {}
                }
                drop(redirect_file);
            }
            Err(_no_browser) => render::error("Cannot open a browser from here. Open the link yourself."),
        }
    }
    Ok(Exit::Yes)
}

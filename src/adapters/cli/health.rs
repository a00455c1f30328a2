//! `goclaw health`: asks the gateway whether it is up.

use super::{
    client::GatewayClient,
    error::{CliError, Exit},
    render,
};

pub(super) async fn health(client: &GatewayClient) -> Result<Exit, CliError> {
    client.health().await?;
    render::line(&format!("The gateway at {} is up.", client.url()))?;
    Ok(Exit::Yes)
}

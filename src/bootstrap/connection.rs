//! How a client command finds the gateway and its token, as the seed says: `GOCLAW_GATEWAY_URL`, else `GOCLAW_HOST` and
//! `GOCLAW_PORT`; `GOCLAW_TOKEN`, else the token file of a gateway on this machine and account.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
};

use super::StartError;
use crate::adapters::{
    cli::Connection,
    secret_file::read_secret_file,
    settings::{Environment, Settings},
};

pub(super) fn resolve(config: Option<PathBuf>, environment: &Environment) -> Result<Connection, StartError> {
    let token = environment.secret("GOCLAW_TOKEN");
    if let Some(url) = environment.text("GOCLAW_GATEWAY_URL") {
        return Ok(Connection { url: url.to_owned(), token, token_file: None });
    }
    // For the CLI these three are about the gateway it talks to, not about one it would start.
    let settings = Settings::load(config, &environment.without(&["GOCLAW_TOKEN", "GOCLAW_HOST", "GOCLAW_PORT"]))?;
    let port = environment.text("GOCLAW_PORT").map_or_else(|| settings.server.port.to_string(), str::to_owned);
    if let Some(host) = environment.text("GOCLAW_HOST") {
        return Ok(Connection { url: format!("http://{host}:{port}"), token, token_file: None });
    }
    let host = reachable(settings.server.host);
    let url = format!("http://{}:{port}", SocketAddr::new(host, 0).to_string().trim_end_matches(":0"));
    let token_file = (token.is_none() && host.is_loopback()).then_some(settings.server.token_file);
    let token = match (token, settings.server.token, &token_file) {
        (Some(token), _, _) => Some(token),
        (None, Some(configured), Some(_)) => Some(configured),
        (None, None, Some(path)) => read_secret_file(path)?,
        (None, _, None) => None,
    };
    Ok(Connection { url, token, token_file })
}

/// The address to reach a server that listens on `host`.
fn reachable(host: IpAddr) -> IpAddr {
    if host.is_unspecified() { IpAddr::V4(Ipv4Addr::LOCALHOST) } else { host }
}

//! Finds the gateway and its token for a client command. The URL is `GOCLAW_GATEWAY_URL`, else it is built from
//! `GOCLAW_HOST` and `GOCLAW_PORT`, else from the settings. The token is `GOCLAW_TOKEN`, else for a gateway on this
//! machine the one in the settings or in the token file.

use std::{
    fmt::Display,
    net::{IpAddr, Ipv4Addr},
    path::PathBuf,
};

use super::{StartError, first_start::token_file_of};
use crate::adapters::{
    cli::Connection,
    secret_file::read_secret_file,
    settings::{Environment, ServerSettings, Settings},
};

pub(super) fn resolve(
    config: Option<PathBuf>,
    insecure: bool,
    environment: &Environment,
) -> Result<Connection, StartError> {
    let insecure = insecure || environment.text("GOCLAW_INSECURE") == Some("1");
    let token = environment.secret("GOCLAW_TOKEN");
    if let Some(url) = environment.text("GOCLAW_GATEWAY_URL") {
        return Ok(Connection {
            url: url.to_owned(),
            public_url: None,
            ca_file: None,
            token,
            token_file: None,
            insecure,
        });
    }
    // For the CLI, these three variables describe the gateway to connect to, not one to start.
    let settings = Settings::load(config, &environment.without(&["GOCLAW_TOKEN", "GOCLAW_HOST", "GOCLAW_PORT"]))?;
    let port = environment.text("GOCLAW_PORT").map_or_else(|| settings.server.port.to_string(), str::to_owned);
    if let Some(host) = environment.text("GOCLAW_HOST") {
        let host = host.parse().map_or_else(|_a_name| host.to_owned(), in_url);
        let url = format!("http://{host}:{port}");
        return Ok(Connection { url, public_url: None, ca_file: None, token, token_file: None, insecure });
    }
    let is_local = reachable(settings.server.host).is_loopback();
    let own = to_gateway_of(&settings, &port);
    let (own_file, of) = (settings.token_file(), token_file_of(&settings));
    let configured = token.or_else(|| settings.server.token.filter(|_| is_local));
    let token_file = (configured.is_none() && is_local).then_some(own_file);
    let token = match (configured, &token_file) {
        (None, Some(path)) => read_secret_file(path, of)?,
        (configured, _) => configured,
    };
    Ok(Connection { token, token_file, insecure, ..own })
}

/// Returns how this machine reaches the gateway with these settings at `port`, without a token.
pub(super) fn to_gateway_of(settings: &Settings, port: &str) -> Connection {
    let server = &settings.server;
    let public_url = server.public_url.as_ref().map(ToString::to_string);
    // The certificate has the public name, not the address that the gateway listens on.
    let public = public_url.clone().filter(|_| server.tls_files().is_some());
    let url = public.unwrap_or_else(|| local_url(server, server.host, port));
    let ca_file = settings.outbound.ca_file.clone();
    Connection { url, public_url, ca_file, token: None, token_file: None, insecure: false }
}

/// Returns the URL at which this machine reaches a gateway that listens on `host`.
pub(super) fn local_url(server: &ServerSettings, host: IpAddr, port: impl Display) -> String {
    let scheme = if server.tls_files().is_some() { "https" } else { "http" };
    format!("{scheme}://{}:{port}", in_url(reachable(host)))
}

/// Returns an address as the host of a URL: IPv6 in brackets.
pub(super) fn in_url(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("[{ip}]"),
    }
}

/// Returns the address at which this machine reaches a server that listens on `host`: 0.0.0.0 cannot be opened.
pub(super) fn reachable(host: IpAddr) -> IpAddr {
    if host.is_unspecified() { IpAddr::V4(Ipv4Addr::LOCALHOST) } else { host }
}

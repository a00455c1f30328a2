//! Finds the gateway and its token for a client command. The URL is `GOCLAW_GATEWAY_URL`, or else it is built from
//! `GOCLAW_HOST` and `GOCLAW_PORT`, or else from the settings. The token is `GOCLAW_TOKEN`. For a gateway that
//! listens on a loopback address or on all addresses, it may also come from the settings or the token file.

use std::{
    fmt::Display,
    fs,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use rustix::process::geteuid;

use super::{StartError, first_start::token_file_manager};
use crate::adapters::{
    cli::Connection,
    diagnosis::user_listening_at,
    secret_file::read_secret_file,
    settings::{Environment, ServerSettings, Settings},
};

/// The id of the user that may do everything on the machine.
const ROOT: u32 = 0;

/// Returns the connection for a client command. Reads no token file unless the command `sends_token`, and checks who
/// receives a token of this machine.
///
/// # Errors
/// Invalid settings, a token file that cannot be read, or [`StartError::ForeignListener`].
pub(super) fn resolve(
    config: Option<PathBuf>,
    insecure: bool,
    sends_token: bool,
    environment: &Environment,
) -> Result<Connection, StartError> {
    let insecure = insecure || is_insecure(environment);
    let token = environment.secret("GOCLAW_TOKEN");
    // For client commands, these three variables describe the gateway to connect to, not one to start.
    let others = environment.without(&["GOCLAW_TOKEN", "GOCLAW_HOST", "GOCLAW_PORT"]);
    if let Some(url) = environment.text("GOCLAW_GATEWAY_URL") {
        let ca_file = Settings::ca_file(config, &others)?;
        return Ok(Connection { url: url.to_owned(), token, insecure, ca_file, ..Connection::default() });
    }
    let config = config.or_else(|| environment.path("GOCLAW_CONFIG"));
    let settings = Settings::load_for_client(config.clone(), &others)?;
    let port = environment.text("GOCLAW_PORT").map_or_else(|| settings.server.port.to_string(), str::to_owned);
    if let Some(host) = environment.text("GOCLAW_HOST") {
        return Ok(Connection { token, insecure, config, ..to_host(&settings, host, &port) });
    }
    let is_local = reachable_address(settings.server.host).is_loopback();
    let own = to_gateway_of(&settings, &port);
    let (own_file, managed_by) = (settings.token_file(), token_file_manager(&settings));
    let is_from_this_machine = token.is_none();
    let configured = token.or_else(|| settings.server.token.clone().filter(|_| is_local));
    let token_file = (configured.is_none() && is_local).then_some(own_file);
    let token = match (configured, &token_file) {
        (None, Some(path)) if sends_token => read_secret_file(path, managed_by)?,
        (configured, _) => configured.filter(|_| sends_token),
    };
    if token.is_some() && is_from_this_machine && !insecure {
        check_listener(&settings, &port)?;
    }
    Ok(Connection { token, token_file, insecure, config, ..own })
}

/// Whether the environment permits what `--insecure` does.
pub(super) fn is_insecure(environment: &Environment) -> bool {
    environment.text("GOCLAW_INSECURE") == Some("1")
}

/// Checks that nobody else receives the token of this machine's gateway: while the gateway does not run, any user of the
/// machine can listen on its port.
///
/// # Errors
/// [`StartError::ForeignListener`].
pub(super) fn check_listener(settings: &Settings, port: &str) -> Result<(), StartError> {
    let Ok(port) = port.parse() else { return Ok(()) };
    let (address, token_file) = (SocketAddr::new(reachable_address(settings.server.host), port), settings.token_file());
    let Some(user) = user_listening_at(address) else { return Ok(()) };
    // A service has a user of its own, who owns the data folder. The token may be a credential of root.
    let owner_of = |path: &Path| fs::metadata(path).ok().map(|found| found.uid());
    let owners = [owner_of(&token_file), owner_of(&settings.data_dir), Some(geteuid().as_raw()), Some(ROOT)];
    if owners.contains(&Some(user)) {
        return Ok(());
    }
    Err(StartError::ForeignListener { address, user, token_file })
}

/// Returns the connection, without a token, to the gateway of this machine with these settings at `port`.
pub(super) fn to_gateway_of(settings: &Settings, port: &str) -> Connection {
    let public_url = settings.server.public_url.as_ref().map(ToString::to_string);
    Connection { public_url, ..to_listener(settings, reachable_address(settings.server.host), port) }
}

/// Returns the connection to a gateway with these settings on the machine that `GOCLAW_HOST` names.
fn to_host(settings: &Settings, host: &str, port: &str) -> Connection {
    let address = host.parse::<IpAddr>();
    let has_tls = settings.server.tls_files().is_some();
    match address {
        Ok(ip) if has_tls && (ip.is_loopback() || ip.is_unspecified()) => {
            to_listener(settings, reachable_address(ip), port)
        }
        address => {
            let (scheme, ca_file) = (if has_tls { "https" } else { "http" }, settings.outbound.ca_file.clone());
            let host = address.map_or_else(|_a_name| host.to_owned(), in_url);
            Connection { url: format!("{scheme}://{host}:{port}"), ca_file, ..Connection::default() }
        }
    }
}

/// Returns the connection to a listener of this machine. Connects to its address, because the public name may lead to a
/// proxy or another replica, or may not resolve here.
fn to_listener(settings: &Settings, ip: IpAddr, port: &str) -> Connection {
    let server = &settings.server;
    if server.tls_files().is_none() {
        return Connection { url: local_url(server, ip, port), ..Connection::default() };
    }
    let public = server.public_url.as_ref().map(|url| url.host().to_owned());
    let name = public.or_else(|| server.allowed_hosts.first().cloned());
    Connection {
        url: name.as_ref().map_or_else(|| local_url(server, ip, port), |name| format!("https://{name}:{port}")),
        reached_at: name.and(port.parse().ok()).map(|port| SocketAddr::new(ip, port)),
        ca_file: settings.outbound.ca_file.clone(),
        ..Connection::default()
    }
}

/// Returns the URL at which this machine reaches a gateway that listens on `host`.
pub(super) fn local_url(server: &ServerSettings, host: IpAddr, port: impl Display) -> String {
    let scheme = if server.tls_files().is_some() { "https" } else { "http" };
    format!("{scheme}://{}:{port}", in_url(reachable_address(host)))
}

/// Formats an address as the host of a URL, with IPv6 in brackets.
fn in_url(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("[{ip}]"),
    }
}

/// Returns the address at which this machine reaches a server that listens on `host`: the loopback address if `host` is
/// unspecified, such as 0.0.0.0.
pub(super) fn reachable_address(host: IpAddr) -> IpAddr {
    if host.is_unspecified() { IpAddr::V4(Ipv4Addr::LOCALHOST) } else { host }
}

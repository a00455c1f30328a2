//! The sections `server` and `callback`: where the gateway listens, and who may come in.

use std::{
    net::{IpAddr, Ipv4Addr},
    path::{Path, PathBuf},
    time::Duration,
};

use secrecy::SecretString;
use url::Url;

use super::{SettingsError, sources::Sources};
use crate::ports::CallbackAddress;

const DEFAULT_PORT: u16 = 3577;
/// What OpenAI's server has registered for this client: no other port works there.
const DEFAULT_CALLBACK_PORT: u16 = 1455;
const DEFAULT_LOGIN_LIFETIME: Duration = Duration::from_secs(6 * 60);
/// RFC 6749 recommends ten minutes for a code; a login that waits longer was forgotten.
const LONGEST_LOGIN_LIFETIME: Duration = Duration::from_secs(10 * 60);

const AN_IP: &str = "it must be an IP address, e.g. 127.0.0.1, or localhost";
const A_HOST: &str = "it must be a name or an address alone, in lower case, e.g. gateway.example";
const A_PORT: &str = "it must be a port number, 1 to 65535";

#[derive(Debug)]
pub struct ServerSettings {
    pub host: IpAddr,
    pub port: u16,
    /// Names by which the API may be called, besides the loopback ones and `host`: without ports.
    pub allowed_hosts: Vec<String>,
    /// The token, if it was configured itself.
    pub token: Option<SecretString>,
    /// Where it lies otherwise.
    pub token_file: PathBuf,
    /// Whether that place was configured: then the file must be there, it is not made.
    pub token_file_is_configured: bool,
}

impl ServerSettings {
    pub(super) fn read(sources: &Sources, data_dir: &Path) -> Result<Self, SettingsError> {
        let (token, token_file) = one_of(sources, "server.token", "server.token_file")?;
        if sources.text("server.token").is_some_and(|token| !token.bytes().all(|byte| byte.is_ascii_graphic())) {
            let allowed = "it must be visible ASCII without spaces, so that it can be sent in an HTTP header";
            return Err(SettingsError::bad_secret("server.token", allowed));
        }
        Ok(Self {
            host: sources.parsed("server.host", AN_IP, ip)?.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST)),
            port: sources.parsed("server.port", A_PORT, port)?.unwrap_or(DEFAULT_PORT),
            allowed_hosts: hosts(sources)?,
            token,
            token_file_is_configured: token_file.is_some(),
            token_file: token_file.unwrap_or_else(|| data_dir.join("gateway.token")),
        })
    }
}

#[derive(Debug)]
pub struct CallbackSettings {
    /// None: both loopback addresses.
    pub bind: Option<IpAddr>,
    pub port: u16,
    /// How long a login waits for its callback.
    pub timeout: Duration,
}

impl CallbackSettings {
    pub(super) fn read(sources: &Sources) -> Result<Self, SettingsError> {
        let timeout = |text: &str| {
            humantime::parse_duration(text).ok().filter(|time| !time.is_zero() && *time <= LONGEST_LOGIN_LIFETIME)
        };
        let a_timeout = "it must be a duration like 6m or 90s, at most 10m";
        Ok(Self {
            bind: sources.parsed("callback.bind", AN_IP, ip)?,
            port: sources.parsed("callback.port", A_PORT, port)?.unwrap_or(DEFAULT_CALLBACK_PORT),
            timeout: sources.parsed("callback.timeout", a_timeout, timeout)?.unwrap_or(DEFAULT_LOGIN_LIFETIME),
        })
    }

    pub fn address(&self) -> CallbackAddress {
        match self.bind {
            None => CallbackAddress::Loopback { port: self.port },
            Some(ip) => CallbackAddress::Explicit { ip, port: self.port },
        }
    }
}

/// A secret given itself or as a file, never both.
pub(super) fn one_of(
    sources: &Sources,
    itself: &str,
    file: &str,
) -> Result<(Option<SecretString>, Option<PathBuf>), SettingsError> {
    match (sources.secret(itself), sources.text(file)) {
        (Some(_), Some(_)) => Err(SettingsError::Both { one: itself.to_owned(), other: file.to_owned() }),
        (secret, path) => Ok((secret, path.map(PathBuf::from))),
    }
}

fn ip(text: &str) -> Option<IpAddr> {
    if text == "localhost" { Some(IpAddr::V4(Ipv4Addr::LOCALHOST)) } else { text.parse().ok() }
}

fn hosts(sources: &Sources) -> Result<Vec<String>, SettingsError> {
    let hosts = sources.list("server.allowed_hosts").unwrap_or_default();
    // As the name of a URL's host: without a scheme, a port or a path.
    let is_bare = |host: &&String| {
        Url::parse(&format!("http://{host}/")).is_ok_and(|url| {
            url.host_str() == Some(host.as_str())
                && url.port().is_none()
                && url.path() == "/"
                && url.username().is_empty()
        })
    };
    match hosts.iter().find(|host| !is_bare(host)) {
        None => Ok(hosts),
        Some(bad) => Err(SettingsError::bad("server.allowed_hosts", bad, A_HOST)),
    }
}

fn port(text: &str) -> Option<u16> {
    text.parse().ok().filter(|port| *port != 0)
}

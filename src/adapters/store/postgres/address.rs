//! The URL of a PostgreSQL database. Parses libpq's TLS parameters (`sslmode`, `sslrootcert`, `sslcert`, `sslkey`),
//! which `tokio_postgres` does not have.

use std::{net::IpAddr, path::PathBuf};

use percent_encoding::percent_decode_str;
use secrecy::{ExposeSecret, SecretString, zeroize::Zeroizing};
use strum::EnumString;
use tokio_postgres::{
    Config,
    config::{ChannelBinding, Host, SslMode},
};

use crate::domain::networks::is_this_machine;

/// The name that the server shows for the gateway's connections, unless the URL has one.
const APPLICATION_NAME: &str = "goclaw";

/// Why a URL cannot be used. The texts name parameters and never their values: these may be secret.
#[derive(Debug, thiserror::Error)]
pub(super) enum InvalidAddress {
    #[error("its address is not valid")]
    Url(#[from] tokio_postgres::Error),
    #[error("sslmode must be disable, allow, prefer, require, verify-ca or verify-full")]
    SslMode,
    #[error(
        "sslmode=verify-ca needs sslrootcert=FILE: any owner of a certificate that this machine trusts could pose as the \
         server; use verify-full, or name the file of its authority"
    )]
    VerifyCaWithoutFile,
    #[error("sslrootcert=system needs sslmode=verify-full, as in libpq")]
    SystemNeedsVerifyFull,
    #[error("sslcert and sslkey need each other")]
    IncompleteClientCertificate,
    #[error("sslmode=disable contradicts sslrootcert and sslcert")]
    NoTlsToConfigure,
}

/// `sslmode`, as libpq defines it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumString)]
#[strum(serialize_all = "kebab-case")]
enum Mode {
    Disable,
    Allow,
    Prefer,
    Require,
    VerifyCa,
    VerifyFull,
}

/// How the server's certificate is verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Proof {
    /// Not at all.
    None,
    /// It must be of an authority in this file, for any name.
    Authority(PathBuf),
    /// It must be for the server's name, of an authority in this file or of the system's.
    Name(Option<PathBuf>),
}

/// Where a database is and how connections to it are protected.
pub(super) struct Address {
    /// Everything except TLS.
    pub(super) config: Config,
    /// The kinds of connection to try, in this order.
    pub(super) attempts: Vec<SslMode>,
    pub(super) proof: Proof,
    /// The files of the client's certificate and its key.
    pub(super) client: Option<(PathBuf, PathBuf)>,
    /// Database and host, for messages.
    pub(super) name: String,
}

impl Address {
    pub(super) fn parse(url: &SecretString) -> Result<Self, InvalidAddress> {
        let Split { url, mut mode, root, cert, key, binding, names_application } = Split::of(url)?;
        let mut config: Config = url.parse()?;
        if !names_application {
            config.application_name(APPLICATION_NAME);
        }
        if config.get_hosts().iter().all(|host| matches!(host, Host::Unix(_))) && config.get_hostaddrs().is_empty() {
            // As in libpq: TLS protects nothing within a machine's own socket.
            mode = Some(Mode::Disable);
        }
        let is_system = root.as_deref() == Some("system");
        let root = root.filter(|_| !is_system).map(PathBuf::from);
        let mode = match mode {
            Some(Mode::VerifyFull) | None if is_system => Mode::VerifyFull,
            Some(_) if is_system => return Err(InvalidAddress::SystemNeedsVerifyFull),
            // An attacker in between could hide that the server offers TLS, so these modes would allow plain text.
            Some(Mode::Allow | Mode::Prefer) | None if !is_on_this_machine(&config) => Mode::VerifyFull,
            mode => mode.unwrap_or(Mode::Prefer),
        };
        let client = match (cert, key) {
            (Some(cert), Some(key)) => Some((cert, key)),
            (None, None) => None,
            (Some(_), None) | (None, Some(_)) => return Err(InvalidAddress::IncompleteClientCertificate),
        };
        if mode == Mode::Disable && (root.is_some() || client.is_some()) {
            return Err(InvalidAddress::NoTlsToConfigure);
        }
        let proof = match (mode, root) {
            (Mode::VerifyFull, root) => Proof::Name(root),
            (Mode::VerifyCa, None) => return Err(InvalidAddress::VerifyCaWithoutFile),
            (_, Some(root)) => Proof::Authority(root),
            (Mode::Disable | Mode::Allow | Mode::Prefer | Mode::Require, None) => Proof::None,
        };
        if mode == Mode::Require && proof == Proof::None && !binding {
            // Stricter than libpq: a server without a verified certificate proves that it knows the password.
            config.channel_binding(ChannelBinding::Require);
        }
        let attempts = match mode {
            Mode::Disable => vec![SslMode::Disable],
            Mode::Allow => vec![SslMode::Disable, SslMode::Require],
            Mode::Prefer => vec![SslMode::Prefer, SslMode::Disable],
            Mode::Require | Mode::VerifyCa | Mode::VerifyFull => vec![SslMode::Require],
        };
        let name = name(&config);
        Ok(Self { config, attempts, proof, client, name })
    }
}

/// A URL, split into the parameters that this module reads and the rest, for `tokio_postgres`.
struct Split {
    url: Zeroizing<String>,
    mode: Option<Mode>,
    root: Option<String>,
    cert: Option<PathBuf>,
    key: Option<PathBuf>,
    /// Whether the URL decides about channel binding.
    binding: bool,
    names_application: bool,
}

impl Split {
    fn of(url: &SecretString) -> Result<Self, InvalidAddress> {
        let url = url.expose_secret();
        // As `tokio_postgres` reads it: a password may contain a question mark.
        let host = url.find('@').unwrap_or_default();
        let query = url.get(host..).and_then(|rest| rest.find('?')).map_or(url.len(), |at| host.saturating_add(at));
        let (base, query) = url.split_at_checked(query).unwrap_or((url, ""));
        let mut split = Self {
            url: Zeroizing::new(base.to_owned()),
            mode: None,
            root: None,
            cert: None,
            key: None,
            binding: false,
            names_application: false,
        };
        let mut separator = '?';
        for parameter in query.trim_start_matches('?').split('&').filter(|parameter| !parameter.is_empty()) {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            let value = || percent_decode_str(value).decode_utf8_lossy().into_owned();
            match name {
                "sslmode" => split.mode = Some(value().parse().map_err(|_unknown| InvalidAddress::SslMode)?),
                "sslrootcert" => split.root = Some(value()),
                "sslcert" => split.cert = Some(value().into()),
                "sslkey" => split.key = Some(value().into()),
                _ => {
                    split.binding |= name == "channel_binding";
                    split.names_application |= name == "application_name";
                    split.url.push(separator);
                    split.url.push_str(parameter);
                    separator = '&';
                }
            }
        }
        Ok(split)
    }
}

/// Whether all of the servers are on this machine.
pub(in crate::adapters::store) fn is_on_this_machine(config: &Config) -> bool {
    match config.get_hostaddrs() {
        [] => config.get_hosts().iter().all(|host| match host {
            Host::Tcp(name) => is_this_machine(name),
            Host::Unix(_) => true,
        }),
        addresses => addresses.iter().all(|address| address.to_canonical().is_loopback()),
    }
}

/// Returns database and host, for messages: the URL may hold a password.
fn name(config: &Config) -> String {
    let host = match config.get_hosts().first() {
        Some(Host::Tcp(host)) => host.clone(),
        Some(Host::Unix(folder)) => folder.display().to_string(),
        None => config.get_hostaddrs().first().map(IpAddr::to_string).unwrap_or_default(),
    };
    format!("{} on {host}", config.get_dbname().unwrap_or("?"))
}

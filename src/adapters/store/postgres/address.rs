//! Parses the URL of a PostgreSQL database, including libpq's TLS parameters (`sslmode`, `sslrootcert`, `sslcert`,
//! `sslkey`). `tokio_postgres` itself supports only some values of `sslmode`.

use std::{net::IpAddr, path::PathBuf};

use percent_encoding::percent_decode_str;
use secrecy::{ExposeSecret, SecretString, zeroize::Zeroizing};
use strum::EnumString;
use tokio_postgres::{
    Config,
    config::{ChannelBinding, Host, SslMode},
};

use crate::domain::networks::is_this_machine;

/// The default `application_name`, by which the server lists the gateway's connections.
const APPLICATION_NAME: &str = "goclaw";

/// Why a URL is invalid. The messages contain no values of parameters, because these may be secret.
#[derive(Debug, thiserror::Error)]
pub(super) enum InvalidAddress {
    #[error("the URL is not valid")]
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
    #[error("sslcert and sslkey must be set together")]
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
pub(super) enum Verification {
    /// It is not verified.
    None,
    /// An authority in this file must have issued it. The name is not checked.
    Authority(PathBuf),
    /// It must be valid for the server's name. Without a file, the system's authorities are trusted.
    Name(Option<PathBuf>),
}

/// A parsed database URL.
pub(super) struct Address {
    /// All parameters except the TLS parameters of libpq.
    pub(super) config: Config,
    /// The TLS modes to try, in this order.
    pub(super) attempts: Vec<SslMode>,
    pub(super) verification: Verification,
    /// The PEM files of the client's certificate chain and private key.
    pub(super) client: Option<(PathBuf, PathBuf)>,
    /// `DATABASE on HOST`, for messages.
    pub(super) name: String,
}

impl Address {
    pub(super) fn parse(url: &SecretString) -> Result<Self, InvalidAddress> {
        let UrlParts { url, mut mode, mut root, mut cert, mut key, sets_channel_binding, sets_application_name } =
            UrlParts::of(url)?;
        let mut config: Config = url.parse()?;
        if !sets_application_name {
            config.application_name(APPLICATION_NAME);
        }
        if config.get_hosts().iter().all(|host| matches!(host, Host::Unix(_))) && config.get_hostaddrs().is_empty() {
            // As in libpq, connections over a Unix socket do not use TLS and ignore its parameters.
            (mode, root, cert, key) = (Some(Mode::Disable), None, None, None);
        }
        let is_system = root.as_deref() == Some("system");
        let root = root.filter(|_| !is_system).map(PathBuf::from);
        let mode = match mode {
            Some(Mode::VerifyFull) | None if is_system => Mode::VerifyFull,
            Some(_) if is_system => return Err(InvalidAddress::SystemNeedsVerifyFull),
            // `allow` and `prefer` fall back to plain text, and an attacker on the network could force that.
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
        let verification = match (mode, root) {
            (Mode::VerifyFull, root) => Verification::Name(root),
            (Mode::VerifyCa, None) => return Err(InvalidAddress::VerifyCaWithoutFile),
            (_, Some(root)) => Verification::Authority(root),
            (Mode::Disable | Mode::Allow | Mode::Prefer | Mode::Require, None) => Verification::None,
        };
        if mode == Mode::Require && verification == Verification::None && !sets_channel_binding {
            // Stricter than libpq: without a verified certificate, the server must prove that it knows the password.
            config.channel_binding(ChannelBinding::Require);
        }
        let attempts = match mode {
            Mode::Disable => vec![SslMode::Disable],
            Mode::Allow => vec![SslMode::Disable, SslMode::Require],
            Mode::Prefer => vec![SslMode::Prefer, SslMode::Disable],
            Mode::Require | Mode::VerifyCa | Mode::VerifyFull => vec![SslMode::Require],
        };
        let name = name(&config);
        Ok(Self { config, attempts, verification, client, name })
    }
}

/// The parameters that this module parses. `url` keeps the others, for `tokio_postgres`.
struct UrlParts {
    url: Zeroizing<String>,
    mode: Option<Mode>,
    root: Option<String>,
    cert: Option<PathBuf>,
    key: Option<PathBuf>,
    sets_channel_binding: bool,
    sets_application_name: bool,
}

impl UrlParts {
    fn of(url: &SecretString) -> Result<Self, InvalidAddress> {
        let url = url.expose_secret();
        // Like `tokio_postgres`, search after the `@`: a password may contain a question mark.
        let host_start = url.find('@').unwrap_or_default();
        let query_start =
            url.get(host_start..).and_then(|rest| rest.find('?')).map_or(url.len(), |at| host_start.saturating_add(at));
        let (base, query) = url.split_at_checked(query_start).unwrap_or((url, ""));
        let mut parts = Self {
            url: Zeroizing::new(base.to_owned()),
            mode: None,
            root: None,
            cert: None,
            key: None,
            sets_channel_binding: false,
            sets_application_name: false,
        };
        let mut separator = '?';
        for parameter in query.trim_start_matches('?').split('&').filter(|parameter| !parameter.is_empty()) {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            let value = || percent_decode_str(value).decode_utf8_lossy().into_owned();
            match name {
                "sslmode" => parts.mode = Some(value().parse().map_err(|_unknown| InvalidAddress::SslMode)?),
                "sslrootcert" => parts.root = Some(value()),
                "sslcert" => parts.cert = Some(value().into()),
                "sslkey" => parts.key = Some(value().into()),
                _ => {
                    parts.sets_channel_binding |= name == "channel_binding";
                    parts.sets_application_name |= name == "application_name";
                    parts.url.push(separator);
                    parts.url.push_str(parameter);
                    separator = '&';
                }
            }
        }
        Ok(parts)
    }
}

/// Returns whether all servers are on this machine.
pub(in crate::adapters::store) fn is_on_this_machine(config: &Config) -> bool {
    match config.get_hostaddrs() {
        [] => config.get_hosts().iter().all(|host| match host {
            Host::Tcp(name) => is_this_machine(name),
            Host::Unix(_) => true,
        }),
        addresses => addresses.iter().all(|address| address.to_canonical().is_loopback()),
    }
}

/// Returns `DATABASE on HOST`, for messages. They must not contain the URL, which may have a password.
fn name(config: &Config) -> String {
    let host = match config.get_hosts().first() {
        Some(Host::Tcp(host)) => host.clone(),
        Some(Host::Unix(folder)) => folder.display().to_string(),
        None => config.get_hostaddrs().first().map(IpAddr::to_string).unwrap_or_default(),
    };
    format!("{} on {host}", config.get_dbname().unwrap_or("?"))
}

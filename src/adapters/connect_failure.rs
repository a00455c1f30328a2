//! Derives from an HTTP client's error why a connection failed, for all adapters that connect to a provider.

use std::{error::Error, io, iter};

use crate::{
    domain::outbound_proxy::ProxyUrl,
    ports::{ConnectError, ConnectProblem},
};

/// The prefix of rustls' messages about an invalid certificate.
const INVALID_CERTIFICATE: &str = "invalid peer certificate: ";

/// Converts the error of a connection to `host`. The connection was made through `proxy`, if that is set.
pub(super) fn connect_error(host: &str, proxy: Option<&ProxyUrl>, error: &(dyn Error + 'static)) -> ConnectError {
    let causes = iter::successors(Some(error), |&cause| cause.source());
    let of_proxy = proxy.and_then(|_| causes.clone().find_map(problem_of_proxy));
    let problem = of_proxy.or_else(|| causes.clone().find_map(problem_of)).unwrap_or(ConnectProblem::Other);
    // The last cause is the system's or the TLS library's own error.
    let detail = causes.last().map(ToString::to_string).unwrap_or_default();
    let detail = match detail.strip_prefix(INVALID_CERTIFICATE) {
        Some("UnknownIssuer") => "it was issued by an authority that this machine does not trust".to_owned(),
        Some(other) => other.to_owned(),
        None => detail,
    };
    ConnectError { problem, host: host.to_owned(), proxy: proxy.map(ProxyUrl::address), detail }
}

/// Classifies one cause if it is an error of hyper-util's proxy connectors, by its message.
fn problem_of_proxy(cause: &(dyn Error + 'static)) -> Option<ConnectProblem> {
    let text = cause.to_string();
    let message = ["tunnel error: ", "SOCKS error: "].into_iter().find_map(|prefix| text.strip_prefix(prefix))?;
    Some(match message {
        "failed to create underlying connection" => ConnectProblem::ProxyUnreachable,
        // With `socks5`, this machine resolves the host name.
        "could not resolve to acceptable address type" => ConnectProblem::NameNotResolved,
        _ => ConnectProblem::ProxyRefused,
    })
}

/// Classifies one cause. The types of DNS and TLS errors are private to the clients, so match their messages.
fn problem_of(cause: &(dyn Error + 'static)) -> Option<ConnectProblem> {
    let text = cause.to_string();
    let kind = cause.downcast_ref::<io::Error>().map(io::Error::kind);
    if text.starts_with(INVALID_CERTIFICATE) {
        Some(ConnectProblem::CertificateRejected)
    } else if text == "dns error" || text.contains("failed to lookup address") {
        Some(ConnectProblem::NameNotResolved)
    } else if kind == Some(io::ErrorKind::ConnectionRefused) {
        Some(ConnectProblem::Refused)
    } else if kind == Some(io::ErrorKind::TimedOut)
        || cause.is::<tokio::time::error::Elapsed>()
        || text == "operation timed out"
    {
        Some(ConnectProblem::TimedOut)
    } else {
        None
    }
}

//! Finds out from a client's error why no connection could be made. Shared by all adapters that connect to a provider.

use std::{error::Error, io, iter};

use crate::{
    domain::outbound_proxy::ProxyUrl,
    ports::{ConnectError, ConnectProblem},
};

/// How rustls begins every text about a certificate.
const INVALID_CERTIFICATE: &str = "invalid peer certificate: ";

/// Returns the failure of a connection to `host`, which may lead through a proxy.
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

/// Returns what one cause says about the proxy, in the words of hyper-util's connectors.
fn problem_of_proxy(cause: &(dyn Error + 'static)) -> Option<ConnectProblem> {
    let text = cause.to_string();
    let said = ["tunnel error: ", "SOCKS error: "].into_iter().find_map(|prefix| text.strip_prefix(prefix))?;
    Some(match said {
        "failed to create underlying connection" => ConnectProblem::ProxyUnreachable,
        // This machine resolves names for socks5.
        "could not resolve to acceptable address type" => ConnectProblem::NameNotResolved,
        _ => ConnectProblem::ProxyRefused,
    })
}

/// Returns what one cause says. The clients wrap the errors of name resolution and TLS, so only the texts can be
/// matched.
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

//! Why the gateway could not connect to a server, and the remedy if one is known.

/// What failed before a request could be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConnectProblem {
    NameNotResolved,
    Refused,
    TimedOut,
    CertificateRejected,
    /// The outbound proxy cannot be reached.
    ProxyUnreachable,
    /// The outbound proxy did not connect to the host.
    ProxyRefused,
    Other,
}

/// No connection to `host` could be made, so nothing of a request was sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.sentence())]
pub struct ConnectError {
    pub problem: ConnectProblem,
    pub host: String,
    /// The outbound proxy without its credentials; None for a direct connection.
    pub proxy: Option<String>,
    /// The cause, as the system or the TLS library describes it.
    pub detail: String,
}

impl ConnectError {
    fn sentence(&self) -> String {
        let Self { problem, host, proxy, detail } = self;
        let proxy = proxy.as_deref().unwrap_or("(none)");
        let through = if self.proxy.is_some() { format!(" through the outbound proxy {proxy}") } else { String::new() };
        match problem {
            ConnectProblem::NameNotResolved => {
                format!("the name {host} cannot be resolved; check the network and the DNS of the gateway's machine")
            }
            ConnectProblem::Refused => format!("{host} refused the connection; check the address and the firewall"),
            ConnectProblem::TimedOut => format!(
                "{host} did not accept a connection{through} in time; check the network, the firewall, and whether an \
                 outbound proxy is needed"
            ),
            ConnectProblem::CertificateRejected => format!(
                "the certificate of {host} was rejected ({detail}); if a proxy of your network signs it, add that \
                 proxy's CA certificate to the system's, or to a file that tls.ca_file names, and restart the gateway"
            ),
            ConnectProblem::ProxyUnreachable => {
                format!("the outbound proxy {proxy} cannot be reached ({detail}); check its address and the network")
            }
            ConnectProblem::ProxyRefused => format!(
                "the outbound proxy {proxy} did not connect to {host} ({detail}); check its rules, and the credentials in \
                 its address"
            ),
            ConnectProblem::Other => format!("no connection to {host} could be made ({detail})"),
        }
    }
}

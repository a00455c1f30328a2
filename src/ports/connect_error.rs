//! Why no connection to a server could be made, in sentences that name the way out.

/// What failed before a request could be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConnectProblem {
    NameNotResolved,
    Refused,
    TimedOut,
    CertificateRejected,
    Other,
}

/// No connection to `host` could be made, so no byte of a request was sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.sentence())]
pub struct ConnectError {
    pub problem: ConnectProblem,
    pub host: String,
    /// The cause, in the words of the system or the TLS library.
    pub detail: String,
}

impl ConnectError {
    fn sentence(&self) -> String {
        let Self { problem, host, detail } = self;
        match problem {
            ConnectProblem::NameNotResolved => {
                format!("the name {host} cannot be resolved; check the network and the DNS of the gateway's machine")
            }
            ConnectProblem::Refused => format!("{host} refused the connection; check the address and the firewall"),
            ConnectProblem::TimedOut => format!(
                "{host} did not accept a connection in time; check the network and the firewall (the gateway uses no \
                 outbound proxy)"
            ),
            ConnectProblem::CertificateRejected => format!(
                "the certificate of {host} was rejected ({detail}); if a proxy of your network signs it, add that \
                 proxy's CA certificate to the system's, or to a file that SSL_CERT_FILE names, and restart the gateway"
            ),
            ConnectProblem::Other => format!("no connection to {host} could be made ({detail})"),
        }
    }
}

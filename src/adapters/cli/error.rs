//! The errors of client commands, with the exit code and the advice for each.

use std::{error::Error, io, path::PathBuf, process::ExitCode};

use super::address::InvalidAddress;
use crate::domain::{provider::AuthMethod, secret::InvalidSecret};

/// The exit codes, as documented in the help text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Success, or the answer "yes".
    Yes = 0,
    /// Failure, or the answer "no".
    No = 1,
    Usage = 2,
    /// No gateway responded.
    Unreachable = 3,
    /// The gateway responded with an error.
    Refused = 4,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// What to do if a gateway's certificate is not accepted.
pub const CERTIFICATE_ADVICE: &str = "If the gateway's certificate is self-signed, or of an authority of your own, name \
                                      a file with the certificate of its issuer: tls.ca_file (GOCLAW_TLS__CA_FILE).";

#[derive(Debug, thiserror::Error)]
pub enum CliError {
    #[error("the gateway's address is not usable: {0}")]
    InvalidAddress(InvalidAddress),
    #[error("{0} is not encrypted: others on the network could read the gateway's token")]
    Insecure(String),
    #[error("cannot reach gateway at {url}")]
    Unreachable { url: String, source: Cause, on_this_machine: bool },
    /// The response does not come from a gateway.
    #[error("invalid response from gateway")]
    InvalidResponse { url: String, problem: &'static str, status: u16 },
    #[error("{message}")]
    Unauthorized { message: String, token: TokenLookup },
    #[error("{message}")]
    Refused { message: String, detail: Option<String>, status: u16 },
    #[error("the gateway's token contains characters that an HTTP header cannot carry")]
    InvalidToken,
    #[error("no gateway token found")]
    NoToken(TokenLookup),
    #[error("name the token to rotate")]
    UnnamedToken,
    #[error("unknown provider: {0}")]
    UnknownProvider(String),
    #[error("{name} connects with {}", .method.in_words())]
    AuthMethodMismatch { name: String, method: AuthMethod },
    #[error("{0} accepts an API key or a session token: choose with --api-key or --session-token")]
    WhichSecret(String),
    #[error(transparent)]
    InvalidSecret(#[from] InvalidSecret),
    #[error("cannot read the secret")]
    SecretInput(#[source] io::Error),
    #[error("{} already exists", .0.display())]
    FileExists(PathBuf),
    #[error("cannot write {}", .path.display())]
    File { path: PathBuf, source: io::Error },
    #[error("cannot read {} of tls.ca_file", .path.display())]
    CaFile { path: PathBuf, source: io::Error },
    #[error("cannot set up the HTTP client")]
    HttpSetup(#[source] reqwest::Error),
    #[error("cannot write the output")]
    Output(#[from] io::Error),
}

/// Why the gateway is unreachable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Cause {
    #[error("connection refused: nothing listens there")]
    ConnectionRefused,
    #[error("no connection within {0} s")]
    ConnectTimeout(u64),
    #[error("no response within {0} s")]
    ResponseTimeout(u64),
    #[error("the server there does not use TLS, so its address begins with http://")]
    NotTls,
    #[error("the certificate of the server there is not accepted: {0}")]
    Certificate(String),
    #[error("{0}")]
    Other(String),
}

/// Where the gateway's token was looked up. The texts are advice for a missing or rejected token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenLookup {
    #[error("GOCLAW_TOKEN is not this gateway's token.")]
    FoundInEnvironment,
    #[error("The token in {} is not this gateway's. GOCLAW_TOKEN, which takes precedence, is not set.", .0.display())]
    FoundInFile(PathBuf),
    #[error("GOCLAW_TOKEN is not set, and there is no token in {}.", .0.display())]
    MissingFile(PathBuf),
    #[error("GOCLAW_TOKEN is not set. Set it to the gateway's token.")]
    Missing,
}

impl TokenLookup {
    /// `file` is `None` if the token came from the environment, or if no file applies.
    pub fn new(found: bool, file: Option<PathBuf>) -> Self {
        match (found, file) {
            (true, None) => Self::FoundInEnvironment,
            (true, Some(path)) => Self::FoundInFile(path),
            (false, Some(path)) => Self::MissingFile(path),
            (false, None) => Self::Missing,
        }
    }
}

impl CliError {
    /// Whether the same request may succeed later: no response arrived, or a server error (5xx).
    pub fn is_outage(&self) -> bool {
        matches!(self, Self::Unreachable { .. })
            || matches!(self, Self::Refused { status, .. } | Self::InvalidResponse { status, .. } if *status >= 500)
    }

    pub fn exit(&self) -> Exit {
        match self {
            Self::InvalidAddress(_)
            | Self::Insecure(_)
            | Self::InvalidToken
            | Self::InvalidSecret(_)
            | Self::WhichSecret(_) => Exit::Usage,
            // An invalid response probably comes from another server, so it counts as no response.
            Self::Unreachable { .. } | Self::InvalidResponse { .. } => Exit::Unreachable,
            Self::Unauthorized { .. } | Self::Refused { .. } | Self::UnknownProvider(_) => Exit::Refused,
            Self::NoToken(_)
            | Self::UnnamedToken
            | Self::AuthMethodMismatch { .. }
            | Self::SecretInput(_)
            | Self::FileExists(_)
            | Self::File { .. }
            | Self::CaFile { .. }
            | Self::HttpSetup(_)
            | Self::Output(_) => Exit::No,
        }
    }

    /// Returns the lines to print below the error: its cause and the next steps.
    pub fn advice(&self) -> Vec<String> {
        self.source().map(|cause| format!("Cause: {cause}.")).into_iter().chain(self.next_steps()).collect()
    }

    fn next_steps(&self) -> Vec<String> {
        match self {
            Self::Unreachable { source: Cause::Certificate(_), .. } => vec![CERTIFICATE_ADVICE.to_owned()],
            Self::Unreachable { on_this_machine, .. } => {
                let elsewhere = "The address is taken from GOCLAW_GATEWAY_URL, or GOCLAW_HOST and GOCLAW_PORT.";
                let elsewhere = (!on_this_machine).then(|| elsewhere.to_owned());
                ["Start it with: goclaw".to_owned()].into_iter().chain(elsewhere).collect()
            }
            Self::InvalidResponse { url, problem, status } => vec![
                format!("Cause: HTTP status {status}, {problem}."),
                format!("{url} may not be a goclaw gateway: check GOCLAW_GATEWAY_URL, GOCLAW_HOST and GOCLAW_PORT."),
            ],
            Self::Unauthorized { token, .. } => vec![token.to_string()],
            Self::NoToken(token) => {
                vec![token.to_string(), "Start the gateway once to create a token: goclaw".to_owned()]
            }
            Self::Refused { detail, .. } => detail.iter().cloned().collect(),
            Self::UnknownProvider(name) => vec![
                "List the accounts with: goclaw providers list".to_owned(),
                format!("Or create an account: goclaw providers set-secret {name} --type TYPE"),
            ],
            Self::AuthMethodMismatch { name, method: AuthMethod::OAuth } => {
                vec![format!("Sign in with: goclaw auth login {name}")]
            }
            Self::AuthMethodMismatch { name, .. } => {
                vec![format!("Connect it with: goclaw providers set-secret {name}")]
            }
            Self::FileExists(_) => vec!["Replace it with: goclaw onboard --force".to_owned()],
            Self::Insecure(_) => vec![
                "Use https or an SSH tunnel. If the network is yours alone: --insecure, or GOCLAW_INSECURE=1."
                    .to_owned(),
            ],
            Self::InvalidAddress(_) => {
                vec!["It is taken from GOCLAW_GATEWAY_URL, or GOCLAW_HOST and GOCLAW_PORT.".to_owned()]
            }
            Self::SecretInput(_) | Self::File { .. } | Self::CaFile { .. } | Self::HttpSetup(_) | Self::Output(_) => {
                Vec::new()
            }
            Self::InvalidToken | Self::UnnamedToken | Self::InvalidSecret(_) | Self::WhichSecret(_) => Vec::new(),
        }
    }
}

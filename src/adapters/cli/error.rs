//! The errors of commands, each with its exit code and advice.

use std::{fmt, io, path::PathBuf, process::ExitCode};

use crate::domain::{provider::AuthMethod, secret::InvalidSecret};

/// The exit codes, as documented in the help text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exit {
    /// Yes, or success.
    Yes,
    /// No, or failure.
    No,
    Usage,
    /// No gateway responded.
    Unreachable,
    /// The gateway responded with an error.
    Refused,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Yes => 0,
            Exit::No => 1,
            Exit::Usage => 2,
            Exit::Unreachable => 3,
            Exit::Refused => 4,
        })
    }
}

#[derive(Debug, thiserror::Error)]
pub(super) enum CliError {
    #[error("the gateway's address is not usable: {0}")]
    InvalidAddress(#[from] InvalidAddress),
    #[error("cannot reach gateway at {url}")]
    Unreachable { url: String, cause: Cause, on_this_machine: bool },
    /// The response does not come from a gateway.
    #[error("invalid response from gateway")]
    InvalidAnswer { url: String, answer: &'static str, status: u16 },
    #[error("{message}")]
    Unauthorized { message: String, token: TokenLookup },
    #[error("{message}")]
    Refused { message: String, detail: Option<String>, status: u16 },
    #[error("the gateway's token contains characters that an HTTP header cannot carry")]
    InvalidToken,
    #[error("no gateway token found")]
    NoToken(TokenLookup),
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
    #[error("{} is there already", .0.display())]
    FileExists(PathBuf),
    #[error("cannot write {}", .path.display())]
    File { path: PathBuf, source: io::Error },
    #[error("cannot set up the HTTP client")]
    HttpSetup(#[source] reqwest::Error),
    #[error("cannot write the output")]
    Output(#[from] io::Error),
}

/// Why a gateway address is invalid. The text is not repeated because it may contain a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum InvalidAddress {
    #[error("it is not a URL")]
    NotAUrl,
    #[error("it must begin with http:// or https://")]
    WrongScheme,
    #[error("it must not contain a user name or a password")]
    HoldsCredentials,
    #[error("it must not have a query or a fragment")]
    HoldsQuery,
}

/// Why the gateway is unreachable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Cause {
    #[error("connection refused: nothing listens there")]
    ConnectionRefused,
    #[error("no connection within {0} s")]
    ConnectTimeout(u64),
    #[error("no response within {0} s")]
    AnswerTimeout(u64),
    #[error("{0}")]
    Other(String),
}

/// Where the gateway's token was looked up, and whether it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum TokenLookup {
    FoundInEnvironment,
    FoundInFile(PathBuf),
    MissingFile(PathBuf),
    Missing,
}

impl TokenLookup {
    /// `file` is `None` if the token came from the environment, or if no file applies.
    pub(super) fn new(found: bool, file: Option<PathBuf>) -> Self {
        match (found, file) {
            (true, None) => Self::FoundInEnvironment,
            (true, Some(path)) => Self::FoundInFile(path),
            (false, Some(path)) => Self::MissingFile(path),
            (false, None) => Self::Missing,
        }
    }
}

impl fmt::Display for TokenLookup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FoundInEnvironment => f.write_str("GOCLAW_TOKEN is not this gateway's token."),
            Self::FoundInFile(path) => {
                let path = path.display();
                write!(
                    f,
                    "The token in {path} is not this gateway's. GOCLAW_TOKEN, which takes precedence, is not set."
                )
            }
            Self::MissingFile(path) => {
                write!(f, "GOCLAW_TOKEN is not set, and there is no token in {}.", path.display())
            }
            Self::Missing => f.write_str("GOCLAW_TOKEN is not set. Set it to the gateway's token."),
        }
    }
}

impl CliError {
    pub(super) fn exit(&self) -> Exit {
        match self {
            Self::InvalidAddress(_) | Self::InvalidToken | Self::InvalidSecret(_) | Self::WhichSecret(_) => Exit::Usage,
            // An invalid response does not come from the gateway, so the gateway itself was not reached.
            Self::Unreachable { .. } | Self::InvalidAnswer { .. } => Exit::Unreachable,
            Self::Unauthorized { .. } | Self::Refused { .. } | Self::UnknownProvider(_) => Exit::Refused,
            Self::NoToken(_)
            | Self::AuthMethodMismatch { .. }
            | Self::SecretInput(_)
            | Self::FileExists(_)
            | Self::File { .. }
            | Self::HttpSetup(_)
            | Self::Output(_) => Exit::No,
        }
    }

    /// Returns the lines to print below the error: its cause and the next step.
    pub(super) fn advice(&self) -> Vec<String> {
        match self {
            Self::Unreachable { cause, on_this_machine, .. } => {
                let mut lines = vec![format!("Cause: {cause}."), "Start it with: goclaw".to_owned()];
                if !on_this_machine {
                    lines.push("The address is taken from GOCLAW_GATEWAY_URL, or GOCLAW_HOST and GOCLAW_PORT.".into());
                }
                lines
            }
            Self::InvalidAnswer { url, answer, status } => vec![
                format!("Cause: HTTP status {status}, {answer}."),
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
            Self::AuthMethodMismatch { name, method } => match method {
                AuthMethod::OAuth => vec![format!("Sign in with: goclaw auth login {name}")],
                AuthMethod::ApiKey | AuthMethod::SessionToken => {
                    vec![format!("Connect it with: goclaw providers set-secret {name}")]
                }
            },
            Self::FileExists(_) => vec!["Replace it with: goclaw onboard --force".to_owned()],
            Self::SecretInput(source) | Self::File { source, .. } | Self::Output(source) => {
                vec![format!("Cause: {source}.")]
            }
            Self::HttpSetup(source) => vec![format!("Cause: {source}.")],
            Self::InvalidAddress(_) => {
                vec!["It is taken from GOCLAW_GATEWAY_URL, or GOCLAW_HOST and GOCLAW_PORT.".into()]
            }
            Self::InvalidToken | Self::InvalidSecret(_) | Self::WhichSecret(_) => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unreachable() -> CliError {
        let url = "http://127.0.0.1:3577".to_owned();
        CliError::Unreachable { url, cause: Cause::ConnectionRefused, on_this_machine: true }
    }

    #[test]
    fn each_error_has_its_exit_code() {
        let refused = |status| CliError::Refused { message: "unknown provider: xyz".into(), detail: None, status };
        for (error, code) in [
            (CliError::from(io::Error::other("x")), 1),
            (CliError::from(InvalidAddress::NotAUrl), 2),
            (CliError::from(InvalidSecret::Empty), 2),
            (unreachable(), 3),
            (CliError::Unauthorized { message: "no".into(), token: TokenLookup::Missing }, 4),
            (refused(403), 4),
            (refused(404), 4),
            (refused(500), 4),
        ] {
            assert_eq!(ExitCode::from(error.exit()), ExitCode::from(code), "{error:?}");
        }
        assert_eq!(ExitCode::from(Exit::Yes), ExitCode::SUCCESS);
    }

    #[test]
    fn an_unreachable_gateway_is_reported_in_the_documented_words() {
        assert_eq!(unreachable().to_string(), "cannot reach gateway at http://127.0.0.1:3577");
        let advice = ["Cause: connection refused: nothing listens there.", "Start it with: goclaw"];
        assert_eq!(unreachable().advice(), advice);
    }

    #[test]
    fn a_rejected_token_is_reported_with_its_source() {
        let missing = TokenLookup::MissingFile("data/gateway.token".into());
        assert_eq!(missing.to_string(), "GOCLAW_TOKEN is not set, and there is no token in data/gateway.token.");
        let wrong = TokenLookup::FoundInFile("data/gateway.token".into()).to_string();
        assert!(wrong.contains("data/gateway.token") && wrong.contains("GOCLAW_TOKEN"), "{wrong}");
    }
}

//! Connects to a PostgreSQL server, waits until it is up, and explains connection errors.

use std::{error::Error as _, io, iter, path::Path, time::Duration};

use tokio::time::timeout;
use tokio_postgres::{Client, Error, Socket, config::SslMode, error::SqlState, tls::MakeTlsConnect};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::{
    address::{Address, Verification},
    tls::{self, InvalidTls},
};
use crate::ports::Clock;

/// Time limit for a connection attempt, and for the acknowledgement of sent data.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Time limit for one address, so that a second one can be tried within [`CONNECT_TIMEOUT`].
const ADDRESS_TIMEOUT: Duration = Duration::from_secs(2);
/// Idle time before the first TCP keepalive probe.
const KEEPALIVE: Duration = Duration::from_secs(15);
/// The pause between two attempts to connect to a server that is not up.
const RETRY_PAUSE: Duration = Duration::from_millis(500);
/// The pause between two log lines about a server that is not up.
const LOG_PAUSE: Duration = Duration::from_secs(60);

type Tls = <MakeRustlsConnect as MakeTlsConnect<Socket>>::Stream;
type Connected = (Client, tokio_postgres::Connection<Socket, Tls>);

pub(super) struct Server {
    address: Address,
    tls: MakeRustlsConnect,
}

/// Why [`Server::wait_until_up`] failed.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct ServerError(String);

impl Server {
    pub(super) fn new(mut address: Address, ca_file: Option<&Path>) -> Result<Self, InvalidTls> {
        let tls = tls::connector(&address, ca_file)?;
        let config = &mut address.config;
        config.connect_timeout(ADDRESS_TIMEOUT).tcp_user_timeout(CONNECT_TIMEOUT).keepalives_idle(KEEPALIVE);
        Ok(Self { address, tls })
    }

    /// Returns `DATABASE on HOST`, for messages.
    pub(super) fn name(&self) -> &str {
        &self.address.name
    }

    /// Opens a connection in the first of the TLS modes `attempts` that the server accepts.
    pub(super) async fn connect(&self) -> Result<Connected, Error> {
        let (mut attempts, mut config) = (self.address.attempts.iter().peekable(), self.address.config.clone());
        loop {
            config.ssl_mode(attempts.next().copied().unwrap_or(SslMode::Require));
            match config.connect(self.tls.clone()).await {
                // pg_hba.conf may allow the next TLS mode.
                Err(error)
                    if error.code() == Some(&SqlState::INVALID_AUTHORIZATION_SPECIFICATION)
                        && attempts.peek().is_some() => {}
                connected => return connected,
            }
        }
    }

    /// Waits up to `max_wait` for a server that is not up, as [`may_come_up`] decides. Returns any other error at once.
    pub(super) async fn wait_until_up(&self, max_wait: Duration, clock: &dyn Clock) -> Result<(), ServerError> {
        let begin = clock.since_boot();
        let mut logged = None;
        loop {
            let waited = clock.since_boot().saturating_sub(begin);
            let reason = match timeout(CONNECT_TIMEOUT, self.connect()).await {
                Ok(Ok(_)) => {
                    if logged.is_some() {
                        tracing::info!("the database {} is available", self.name());
                    }
                    return Ok(());
                }
                Ok(Err(error)) if waited >= max_wait || !may_come_up(&error) => {
                    return Err(ServerError(self.explain(&error)));
                }
                Ok(Err(error)) => self.explain(&error),
                Err(_elapsed) if waited >= max_wait => {
                    return Err(ServerError("it did not respond in time".to_owned()));
                }
                Err(_elapsed) => "it did not respond in time".to_owned(),
            };
            if logged.is_none_or(|at| waited.saturating_sub(at) >= LOG_PAUSE) {
                logged = Some(waited);
                let left = max_wait.saturating_sub(waited).as_secs();
                tracing::warn!("the database {} is not available yet; waiting up to {left} s: {reason}", self.name());
            }
            clock.sleep(RETRY_PAUSE.min(max_wait.saturating_sub(waited))).await;
        }
    }

    /// Returns the error's text with its cause, which `Display` omits, and with advice if there is any.
    pub(super) fn explain(&self, error: &Error) -> String {
        let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
        let text = format!("{error}{cause}");
        let advice = if text.contains("did not use channel binding") || text.contains("channel binding not supported") {
            "; without a verified certificate, sslmode=require needs a password with scram-sha-256. Name the file of the \
             server's authority or certificate (sslrootcert=FILE), or allow any server with channel_binding=prefer"
        } else if text.contains("invalid peer certificate") {
            match self.address.verification {
                Verification::Name(_) => {
                    "; if the server's certificate is self-signed, use sslmode=require, or sslmode=verify-ca&sslrootcert=FILE \
                     with that certificate or its authority's"
                }
                Verification::Authority(_) | Verification::None => {
                    "; the file of sslrootcert must contain the certificate of the server's authority"
                }
            }
        } else {
            ""
        };
        format!("{text}{advice}")
    }
}

/// Returns whether a later attempt may succeed: the server is not reachable yet, is starting or stopping, has reached
/// its maximum number of connections, or does not have the role that `target_session_attrs` requires yet.
fn may_come_up(error: &Error) -> bool {
    if let Some(code) = error.code() {
        return [SqlState::CANNOT_CONNECT_NOW, SqlState::TOO_MANY_CONNECTIONS, SqlState::ADMIN_SHUTDOWN].contains(code);
    }
    let mut causes = iter::successors(error.source(), |&cause| cause.source());
    let cause = causes.find_map(|cause| cause.downcast_ref::<io::Error>());
    // TLS errors have the kind `InvalidData`.
    let lasting_kinds = [io::ErrorKind::InvalidData, io::ErrorKind::InvalidInput, io::ErrorKind::PermissionDenied];
    // tokio-postgres reports the wrong role as `PermissionDenied`, but not with an error number of the system.
    let has_other_role =
        |cause: &io::Error| cause.kind() == io::ErrorKind::PermissionDenied && cause.raw_os_error().is_none();
    error.is_closed() || cause.is_some_and(|cause| !lasting_kinds.contains(&cause.kind()) || has_other_role(cause))
}

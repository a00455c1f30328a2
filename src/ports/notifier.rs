//! How an account's owner is told that it needs them.

use async_trait::async_trait;

use crate::domain::history::CredentialEvent;

/// The notice did not get there.
#[derive(Debug, thiserror::Error)]
pub enum NotifyError {
    #[error("the receiver answered with HTTP {status}")]
    Refused { status: u16 },
    #[error("the receiver cannot be reached")]
    Unreachable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

#[async_trait]
pub trait Notifier: Send + Sync {
    /// Tells of an event, once.
    ///
    /// Contract: MUST carry no secret, MUST be recognisable as the same when it is told again, and MUST end within seconds.
    async fn notify(&self, event: &CredentialEvent) -> Result<(), NotifyError>;
}

//! Notifies the owner of an account that needs attention.

use async_trait::async_trait;

use crate::domain::history::CredentialEvent;

/// The notification was not delivered.
#[derive(Debug, thiserror::Error)]
pub enum NotifyError {
    #[error("the receiver responded with HTTP {status}")]
    Refused { status: u16 },
    #[error("the receiver cannot be reached")]
    Unreachable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

#[async_trait]
pub trait Notifier: Send + Sync {
    /// Sends an event, without a retry.
    ///
    /// Contract: MUST send no secret, MUST identify the event so that receivers can drop duplicates, and MUST end
    /// within seconds.
    async fn notify(&self, event: &CredentialEvent) -> Result<(), NotifyError>;
}

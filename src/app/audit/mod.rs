//! Reads and verifies the audit log, and writes checkpoints of it to the gateway's own log. The stores append each
//! entry in the transaction of the change that it records.

mod verify;
mod watch;

use std::sync::Arc;

pub use verify::AuditFindings;

use super::{AppError, Ports, Tasks, Vault};
use crate::{
    domain::{audit::AuditEntry, time::Timestamp},
    ports::{AuditLog, Clock},
};

/// The audit service. Its fields are public because the command that verifies the log builds it without an `App`.
pub struct Audit {
    pub log: Arc<dyn AuditLog>,
    pub clock: Arc<dyn Clock>,
    pub vault: Vault,
    pub tasks: Tasks,
}

impl Audit {
    pub(super) fn new(ports: &Ports, tasks: &Tasks) -> Self {
        Self {
            log: Arc::clone(&ports.audit),
            clock: Arc::clone(&ports.clock),
            vault: Vault::new(Arc::clone(&ports.cipher)),
            tasks: tasks.clone(),
        }
    }

    /// Returns at most `limit` entries with ids below `before`, newest first.
    ///
    /// # Errors
    /// [`AppError::Store`].
    #[tracing::instrument(name = "audit.entries", skip_all)]
    pub async fn entries(&self, before: Option<i64>, limit: usize) -> Result<Vec<AuditEntry>, AppError> {
        Ok(self.log.newest(before.unwrap_or(i64::MAX), limit).await?)
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

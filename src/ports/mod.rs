//! The traits that the core needs from the outside, one a file, with their errors.
//!
//! How to write a port:
//!
//! - Name the *role*, not the technology: `TokenStore`, not `Database`.
//! - One method is one atomic step that makes sense to the caller. No transaction object, lock or pooled connection
//!   leaves an adapter, so none can be held across a call to another port.
//! - "Not found" and lost races are values. An `Err` means that the system behind the port failed.
//! - Take single-use values by value; take values that must survive a failure by reference.
//! - Write the contract as MUST sentences. The contract suite in `tests/it` checks them for every implementation,
//!   including the in-memory one.

mod api_token_store;
mod audit_log;
mod callback_listener;
mod change_feed;
mod clock;
mod connect_error;
mod credential_history;
mod key_store;
mod login_store;
mod notifier;
mod oauth_endpoint;
mod random;
mod revocation_queue;
mod secret_cipher;
mod session_endpoint;
mod token_journal;
mod token_store;
mod upstream;

use crate::domain::unreadable::UnreadableRow;

pub use api_token_store::ApiTokenStore;
pub use audit_log::{AuditLog, Author};
pub use callback_listener::{
    BindError, BoundCallback, CallbackAddress, CallbackEvent, CallbackHit, CallbackListener, CallbackReply,
};
pub use change_feed::{ChangeFeed, ChangeMark, ChangeMarks};
pub use clock::Clock;
pub use connect_error::{ConnectError, ConnectProblem};
pub use credential_history::{CredentialHistory, NewEvents};
pub use key_store::KeyStore;
pub use login_store::{BeginOutcome, ClaimOutcome, LoginStore};
pub use notifier::{Notifier, NotifyError};
pub use oauth_endpoint::{Doubt, OAuthEndpoint, TokenEndpointError};
pub use random::{Random, RandomError};
pub use revocation_queue::RevocationQueue;
pub use secret_cipher::{OpenError, SealError, SecretCipher};
pub use session_endpoint::SessionEndpoint;
pub use token_journal::{EndedLogin, JournalError, JournalRecord, KEPT_ENDED, RecordState, TokenJournal};
pub use token_store::{Advanced, ProfileChange, Removal, SaveOutcome, StoredAccounts, StoredFeedback, TokenStore};
pub use upstream::{
    BodyError, BodyStream, ByteStream, RequestBody, Upstream, UpstreamError, UpstreamRequest, UpstreamResponse,
};

/// A store is broken or unreachable. The text goes to the log, never to a caller.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database is unreachable, full, read-only, or busy for too long. A retry may succeed.
    #[error("cannot {doing}: the database is unavailable")]
    Unavailable { doing: &'static str, source: Box<dyn std::error::Error + Send + Sync> },
    /// The database file itself is damaged. A retry fails too.
    #[error("cannot {doing}: the database is damaged; restore a backup, or move the database away and sign in again")]
    Damaged { doing: &'static str, source: Box<dyn std::error::Error + Send + Sync> },
    /// A row holds a value that the gateway never writes. A retry fails too; other rows are not affected.
    #[error("the database holds an unreadable row: {0}")]
    Unreadable(Box<UnreadableRow>),
}

impl From<UnreadableRow> for StoreError {
    fn from(row: UnreadableRow) -> Self {
        Self::Unreadable(Box::new(row))
    }
}

/// Returns an error with its sources in one line, for the log.
pub fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let sources = std::iter::successors(error.source(), |source| source.source());
    sources.fold(error.to_string(), |text, source| format!("{text}: {source}"))
}

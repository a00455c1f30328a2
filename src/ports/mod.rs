//! The traits that the core needs from the outside, with their errors.
//!
//! How to write a port:
//!
//! - Name the *role*, not the technology: `TokenStore`, not `Database`.
//! - One method is one atomic step that makes sense to the caller. No transaction object, lock or database connection
//!   leaves an adapter, so none can be held across a call to another port.
//! - "Not found" and lost races are values, not errors.
//! - Take single-use values by value; take values that must survive a failure by reference.
//! - Write the contract as MUST sentences. The contract suites in `tests/it` check them for every implementation,
//!   including the fakes of the tests.

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
mod request_log;
mod response_memory;
mod revocation_queue;
mod secret_cipher;
mod session_endpoint;
mod store_error;
mod token_journal;
mod token_store;
mod upstream;

pub use api_token_store::{ApiTokenStore, TokenStored};
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
pub use oauth_endpoint::{Doubt, OAuthEndpoint, TokenEndpointError, UNKNOWN_CODE};
pub use random::{Random, RandomError};
pub use request_log::{NumberedRecord, RequestLog};
pub use response_memory::ResponseMemory;
pub use revocation_queue::RevocationQueue;
pub use secret_cipher::{OpenError, SealError, SecretCipher};
pub use session_endpoint::{SessionEndpoint, SessionOutcome, SessionResponse};
pub use store_error::{StoreError, StoreTrouble, chain};
pub use token_journal::{
    EndedLogin, JournalError, JournalRecord, LoginRecord, MIN_ENDED_LOGINS, PresentedToken, RecordState, TokenJournal,
};
pub use token_store::{
    Advanced, MoveRequest, ProfileChange, Removal, SaveOutcome, StoredAccounts, StoredFeedback, TokenStore,
};
pub use upstream::{
    BodyError, BodyStream, ByteStream, RequestBody, Upstream, UpstreamError, UpstreamRequest, UpstreamResponse,
};

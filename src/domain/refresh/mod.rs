//! The refresh protocol: which events may change an account's tokens, and when.
//!
//! A refresh token may be single use: presenting it twice can end the login. Each account's row therefore records who
//! may present its token, and [`step`] computes every change that a refresh makes to the row. The function is pure: the
//! stores call it inside a transaction, and `tests/model` searches it exhaustively. `docs/refresh.md` describes the
//! protocol and lists its invariants.
//!
//! ```text
//! Active --refresh due--> Refreshing --new tokens--> Active, next generation
//!                         Refreshing --token not consumed--> the state before
//!                         Refreshing --no readable response, or lease over--> InDoubt --retry due--> Refreshing
//!                         Refreshing --definite rejection--> NeedsReauth
//! ```
//! A row that still has the presented version accepts new tokens of its account, or a rejection, in *any* state.

mod breaker;
mod event;
mod failure;
mod policy;
mod ready;
mod state;
mod step;

pub use breaker::Breaker;
pub use event::{Effect, Ending, RefreshEvent, RefreshTrigger, Rotation};
pub use failure::{Cause, Failure, classify};
pub use policy::{InvalidPolicy, RefreshPolicy, RevocationScope};
pub use state::{Lease, LeaseId, RefreshState, TokenState, TokenVersion};
pub use step::{Step, StepEvent, step};

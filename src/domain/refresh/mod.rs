//! The refresh protocol: what may happen to an account's tokens, and when.
//!
//! A refresh token is single use: presenting it twice can end the login. So one row per account says who may present it,
//! and every change of that row is one [`step`]: pure, run by the stores inside a transaction, and by the exhaustive
//! search in `tests/model`. `docs/refresh.md` tells the protocol in words and lists its invariants.
//!
//! ```text
//! Active --refresh due--> Refreshing --answer--> Active, one generation on
//!                         Refreshing --refused before any byte, 429--> where it came from
//!                         Refreshing --no readable answer, lease over--> InDoubt --retry due--> Refreshing
//!                         Refreshing --definite rejection--> NeedsReauth
//! ```
//! An answer for the current login and generation is stored from *any* of these phases: it is the only live token.

mod breaker;
mod event;
mod failure;
mod policy;
mod ready;
mod state;
mod step;

pub use breaker::Breaker;
pub use event::{Effect, RefreshEvent, RefreshTrigger, Rotation};
pub use failure::{Cause, Failure, classify};
pub use policy::{InvalidPolicy, RefreshPolicy, RevocationScope};
pub use state::{Lease, LeaseId, RefreshState, TokenState, TokenVersion};
pub use step::{Step, StepEvent, step};

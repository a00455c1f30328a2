//! A provider that behaves: it plays OpenAI's authorization server for the gateway's tests and for the demo.
//!
//! It exists because canned answers cannot show the faults that lose a login: this server rotates refresh tokens,
//! refuses their reuse, kills families, hangs, and loses answers *after* it has changed its state. Every token it
//! issues is worth nothing anywhere else.
//!
//! ```no_run
//! # async fn example() -> Result<(), goclaw_simulator::StartError> {
//! use goclaw_simulator::{Endpoint, Fault, FaultOrder, Options, Simulator};
//!
//! let simulator = Simulator::start(Options::default()).await?;
//! simulator.queue_fault(FaultOrder::once(Endpoint::Refresh, Fault::LoseAnswer));
//! // ... let the gateway at `simulator.issuer()` refresh, then look at what it really did:
//! let ledger = simulator.ledger();
//! # Ok(()) }
//! ```
//!
//! # Canaries: finding a leaked token
//!
//! Every secret carries a marker, so a test can search logs, answers and database bytes for it:
//!
//! - Authorization codes (`ac_CANARY…`), refresh tokens (`rt_CANARY_…`) and opaque access tokens (`opaque_CANARY_…`)
//!   contain [`CANARY`].
//! - JWTs (id and access tokens) are base64url text, where no readable marker survives. Their first claim is
//!   `"jti":"CANARY-…"`, so the encoded text of every one of them contains [`CANARY_IN_JWT`]. Decoded claims contain
//!   [`CANARY`].
//! - [`Simulator::issued_secrets`] lists every code and token in clear: searching for each
//!   whole secret needs no trust in the markers, searching for the markers also finds pieces.
//!
//! # How the parts hang together
//!
//! `http` owns the sockets, `auth` speaks the protocol of the authorization server, `provider` holds what the server
//! knows (keys, codes, families of tokens, journal), `control` is the test's way in. Requests go down that list,
//! answers come back up as plain data ([`Fault`]s bend them on the way). Another origin is another sibling of `auth`.

mod auth;
mod control;
mod durations;
mod faults;
mod http;
mod journal;
mod provider;
mod settings;
mod simulator;

pub use durations::{DurationError, parse_duration};
pub use faults::{Endpoint, Fault, FaultOrder, Times};
pub use journal::{FamilyId, FamilyLedger, JournalEntry, RefreshTokenLedger, RefreshTokenState, RevocationCause};
pub use provider::{CANARY, CANARY_IN_JWT, TokenStatus};
pub use settings::{
    AccessTokenForm, Account, Approval, CallbackFault, Client, ErrorShape, ExpiresIn, RedirectPorts, ReusePolicy,
    Settings, UnknownSetting,
};
pub use simulator::{Options, Simulator, StartError};

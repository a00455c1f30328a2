//! A provider that behaves: it plays OpenAI's authorization server and backend, the session provider and API of a music
//! service, and a model API that takes a key, for the gateway's tests and for the demo.
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
//! # Proving that nothing is presented twice
//!
//! [`Simulator::presentations`] lists every refresh token that was ever presented, with its generation, its time and
//! what came of it; [`Simulator::presentation_totals`] adds up. A request can be stopped at each [`Step`], so that a
//! client can be killed at exactly that moment:
//!
//! ```no_run
//! # async fn example(simulator: goclaw_simulator::Simulator) {
//! use goclaw_simulator::{Release, Step, StopOrder};
//!
//! simulator.stop_at(StopOrder::hold(Step::Rotated));
//! // ... let a gateway in another process refresh ...
//! simulator.reached(Step::Rotated, 1).await;
//! // ... kill it: the provider has rotated and nobody knows ...
//! simulator.release(None, Release::Close);
//! let totals = simulator.presentation_totals();
//! assert_eq!((totals.presentations, totals.rotated, totals.max_concurrent_in_a_family), (1, 1, 1));
//! # }
//! ```
//!
//! # Having something else said
//!
//! What the model says follows from the request (README.md has the rules). A [`Script`] orders something else for the
//! next responses, or the same in another form; a [`Fault::Stream`] interrupts either:
//!
//! ```no_run
//! # async fn example(simulator: goclaw_simulator::Simulator) {
//! use goclaw_simulator::{Script, ScriptOrder};
//!
//! simulator.queue_script(ScriptOrder::once(Script::Failed("context_length_exceeded".to_owned())));
//! // ... ask for a response, leave before its end, and see that it was noticed:
//! assert_eq!(simulator.cancellations().mid_answer, 1);
//! # }
//! ```
//!
//! # Canaries: finding a leaked token
//!
//! Every secret carries a marker, so a test can search logs, answers and database bytes for it:
//!
//! - Authorization codes (`ac_CANARY…`), refresh tokens (`rt_CANARY_…`), opaque access tokens (`opaque_CANARY_…`) and
//!   browser cookies (`client_CANARY_…`) contain [`CANARY`].
//! - JWTs (id, access and session tokens) are base64url text, where no readable marker survives. Their first claim is
//!   `"jti":"CANARY-…"`, so the encoded text of every one of them contains [`CANARY_IN_JWT`]. Decoded claims contain
//!   [`CANARY`].
//! - [`Simulator::issued_secrets`] lists every code, token and cookie in clear: searching for each whole secret needs no
//!   trust in the markers, searching for the markers also finds pieces.
//!
//! # How the parts hang together
//!
//! `http` owns the sockets; `auth`, `backend`, `sessions`, `studio` and `dashscope` are the origins, each with a port of
//! its own; `provider` holds what they know (keys, codes, families of tokens, browsers, journal), `model` is what they
//! let speak, and `performance` writes what it says. A request goes down that list,
//! its answer comes back up as plain data, and `interference` bends it on the way as the [`Fault`] on order says. A
//! [`Step`] stops a refresh, an outage takes a whole origin ([`Site`]) from the network. `control` is the way in for
//! tests: whatever [`Simulator`] offers in Rust, it offers over HTTP. README.md has its routes, and the program's flags.

// A match on something behind the provider's lock holds the lock in its arms, where it is taken again: a standstill.
#![deny(clippy::significant_drop_in_scrutinee)]

mod auth;
mod backend;
mod cancellations;
mod control;
mod dashscope;
mod durations;
mod faults;
mod handles;
mod http;
mod interference;
mod journal;
mod model;
mod outages;
mod performance;
mod presentations;
mod provider;
mod refusals;
mod scripts;
mod sessions;
mod settings;
mod simulator;
mod site;
mod steps;
mod streams;
mod studio;

pub use auth::ApprovalRefused;
pub use cancellations::{Cancellations, Cancelled};
pub use durations::{DurationError, parse_duration};
pub use faults::{Endpoint, Fault, FaultOrder, Interruption, Times};
pub use journal::{FamilyId, FamilyLedger, JournalEntry, RefreshTokenLedger, RefreshTokenState, RevocationCause};
pub use outages::Outage;
pub use presentations::{Presentation, PresentationOutcome, PresentationTotals};
pub use provider::{BrowserLedger, CANARY, CANARY_IN_JWT, SignedInBrowser, TokenStatus};
pub use scripts::{Script, ScriptOrder, UnknownScript};
pub use settings::{
    AccessTokenForm, Account, Approval, CallbackFault, Client, ErrorShape, ExpiresIn, RedirectPorts, ReusePolicy,
    Settings, UnknownSetting, UsedPercent,
};
pub use simulator::{Addresses, Options, Simulator, StartError};
pub use site::Site;
pub use steps::{Release, Step, Stop, StopOrder, StoppedRequest, StoppedState};
pub use streams::StreamCounts;

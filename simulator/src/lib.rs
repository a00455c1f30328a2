//! A simulated provider for the gateway's tests and the demo. It serves OpenAI's authorization server and backend, a
//! music service with its session provider, and a model API that takes an API key.
//!
//! Canned responses cannot show the faults that lose a login. This server rotates refresh tokens, refuses their reuse,
//! revokes families, hangs, and loses responses *after* it has changed its state. Its tokens are valid nowhere else.
//!
//! ```no_run
//! # async fn example() -> Result<(), goclaw_simulator::StartError> {
//! use goclaw_simulator::{Endpoint, Fault, FaultOrder, Options, Simulator};
//!
//! let simulator = Simulator::start(Options::default()).await?;
//! simulator.queue_fault(FaultOrder::once(Endpoint::Refresh, Fault::LoseAnswer));
//! // ... let the gateway at `simulator.issuer()` refresh, then check what it did:
//! let ledger = simulator.ledger();
//! # Ok(()) }
//! ```
//!
//! # Checking that no token is presented twice
//!
//! [`Simulator::presentations`] lists every presented refresh token with its generation, time and outcome;
//! [`Simulator::presentation_totals`] adds them up. A request can be stopped at each [`Step`], so that a test can kill
//! the client at exactly that moment:
//!
//! ```no_run
//! # async fn example(simulator: goclaw_simulator::Simulator) {
//! use goclaw_simulator::{Release, Step, StopOrder};
//!
//! simulator.stop_at(StopOrder::hold(Step::Rotated));
//! // ... let a gateway in another process refresh ...
//! simulator.reached(Step::Rotated, 1).await;
//! // ... kill it: the provider has rotated, but the response was never sent ...
//! simulator.release(None, Release::Close);
//! let totals = simulator.presentation_totals();
//! assert_eq!((totals.presentations, totals.rotated, totals.max_concurrent_in_a_family), (1, 1, 1));
//! # }
//! ```
//!
//! # Scripting responses
//!
//! The model's output follows from the request (see README.md). A [`Script`] replaces the output or its form for the
//! next responses; a [`Fault::Stream`] can still interrupt them:
//!
//! ```no_run
//! # async fn example(simulator: goclaw_simulator::Simulator) {
//! use goclaw_simulator::{Script, ScriptOrder};
//!
//! simulator.queue_script(ScriptOrder::once(Script::Failed("context_length_exceeded".to_owned())));
//! // ... request a response, disconnect before its end, and check that the simulator noticed:
//! assert_eq!(simulator.cancellations().mid_answer, 1);
//! # }
//! ```
//!
//! # Canaries: finding a leaked token
//!
//! Every secret contains a marker, so a test can search logs, responses and database bytes for it:
//!
//! - Authorization codes (`ac_CANARY…`), refresh tokens (`rt_CANARY_…`), opaque access tokens (`opaque_CANARY_…`) and
//!   browser cookies (`client_CANARY_…`) contain [`CANARY`].
//! - JWTs (id, access and session tokens) are base64url text, which hides the marker. Their first claim is
//!   `"jti":"CANARY-…"`, so the encoded text of each contains [`CANARY_IN_JWT`]. Decoded claims contain [`CANARY`].
//! - [`Simulator::issued_secrets`] lists every code, token and cookie in clear text. A search for the whole secrets
//!   does not depend on the markers; a search for the markers also finds fragments.
//!
//! # Structure
//!
//! `http` owns the sockets. `auth`, `backend`, `sessions`, `studio` and `dashscope` are the origins, each on its own
//! port. `provider` holds their shared state (keys, codes, token families, browsers, journal). `model` generates the
//! output, and `stream_writer` streams it. An origin returns its response as plain data; `interference` applies the
//! queued [`Fault`]. A refresh can be stopped at each [`Step`]. An outage takes a whole origin ([`Site`]) off the
//! network. `control` offers the methods of [`Simulator`] over HTTP. README.md lists its routes and the program's flags.

// A match on a value behind the provider's lock holds the lock in its arms; locking again there deadlocks.
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
mod presentations;
mod provider;
mod refusals;
mod scripts;
mod sessions;
mod settings;
mod simulator;
mod site;
mod steps;
mod stream_writer;
mod streams;
mod studio;

pub use auth::ApprovalRefused;
pub use cancellations::{Cancellations, Cancelled};
pub use durations::{DurationError, parse_duration};
pub use faults::{Endpoint, Fault, FaultOrder, Interruption, Times};
pub use journal::{FamilyId, FamilyLedger, JournalEntry, RefreshTokenLedger, RefreshTokenState, RevocationCause};
pub use outages::Outage;
pub use presentations::{Presentation, PresentationOutcome, PresentationTotals};
pub use provider::{BrowserLedger, CANARY, CANARY_IN_JWT, CookieRotation, KeysError, SignedInBrowser, TokenStatus};
pub use scripts::{Script, ScriptOrder, UnknownScript};
pub use settings::{
    AccessTokenForm, Account, Approval, CallbackFault, Client, ErrorShape, ExpiresIn, InvalidSetting, RedirectPorts,
    ReusePolicy, Settings, Speech, UsedPercent,
};
pub use simulator::{Addresses, Options, Simulator, StartError};
pub use site::Site;
pub use steps::{Release, Step, Stop, StopOrder, StoppedRequest, StoppedState};
pub use streams::StreamCounts;

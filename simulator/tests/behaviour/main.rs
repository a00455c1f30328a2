//! What the simulator promises, seen from outside over HTTP. One binary, so that the signing keys are generated once.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a step that fails here is a failed test")]

mod authorize;
mod client;
mod code;
mod control;
mod faults;
mod refresh;
mod revoke;

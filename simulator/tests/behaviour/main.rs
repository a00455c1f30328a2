//! Tests of the simulator over HTTP. They are one binary, so that the signing keys are generated once.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a step that fails here is a failed test")]

mod authorize;
mod backend;
mod cancellations;
mod changed_responses;
mod client;
mod code;
mod control;
mod dashscope;
mod faults;
mod items;
mod model_output;
mod outages;
mod presentations;
mod quota;
mod refresh;
mod revoke;
mod scripts;
mod sessions;
mod settings;
mod steps;
mod streams;

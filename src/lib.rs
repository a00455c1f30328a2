//! `goclaw`: a self-hosted gateway that signs in to AI providers for its owner and never loses the login.
//!
//! The map of the hexagon. Imports point one way, `adapters -> app -> ports -> domain`; `bootstrap` alone sees all:
//!
//! - [`domain`]: what a login, a credential and a provider *are*. Pure: no I/O, no clock, no randomness.
//! - [`ports`]: what the core needs from the world, one trait a file.
//! - [`app`]: what the gateway *does*, one use case a file.
//! - `adapters`: how the world is reached: HTTP, CLI, SQLite, the provider's token endpoint, ...
//! - `bootstrap`: settings to adapters to app to routes; the order of start and shutdown.
//!
//! `cargo check --lib --no-default-features` builds the first three with every I/O crate absent.

pub mod app;
pub mod domain;
pub mod ports;

#[cfg(feature = "adapters")]
pub mod adapters;
#[cfg(feature = "adapters")]
pub mod bootstrap;

//! `goclaw`: a self-hosted gateway that logs in to AI providers for its owner and never loses the login.
//!
//! The layers of the hexagon. Imports point one way, `adapters -> app -> ports -> domain`; only `bootstrap` imports
//! all:
//!
//! - [`domain`]: values and rules of logins, accounts and providers. Pure: no I/O, no clock, no randomness.
//! - [`ports`]: the traits that the core needs from the outside, one a file.
//! - [`app`]: the use cases, one a file.
//! - `adapters`: HTTP, CLI, SQLite, PostgreSQL, the provider's token endpoint and so on.
//! - `bootstrap`: builds adapters, services and routes from the settings; orders start and shutdown.
//!
//! `cargo check --lib --no-default-features` builds the first three layers without any I/O crate.

pub mod app;
pub mod domain;
pub mod ports;

#[cfg(feature = "adapters")]
pub mod adapters;
#[cfg(feature = "adapters")]
pub mod bootstrap;

//! `goclaw`: a self-hosted gateway that logs in to AI providers for its owner and keeps the logins.
//!
//! The crate has the layers of a hexagonal architecture. Imports point one way, `adapters -> app -> ports -> domain`.
//! `bootstrap` imports all of them.
//!
//! - [`domain`]: values and rules of logins, accounts and providers, without I/O, clock or randomness.
//! - [`ports`]: the traits through which the core uses the outside.
//! - [`app`]: the use cases, in eight services.
//! - `adapters`: HTTP, CLI, SQLite, PostgreSQL, the provider's token endpoint and so on.
//! - `bootstrap`: builds adapters, services and routes from the settings, and orders start and shutdown.
//!
//! `cargo check --lib --no-default-features` builds the first three layers without any I/O crate.

pub mod app;
pub mod domain;
pub mod ports;

#[cfg(feature = "adapters")]
pub mod adapters;
#[cfg(feature = "adapters")]
pub mod bootstrap;

//! Tests of the pure core through the crate's public API. They need no I/O, no clock and no runtime.

// Makes Clippy treat helpers as test code.
#![cfg(test)]

// Logins and tokens.
mod authorization_response;
mod claims;
mod gateway_token;
mod ids;
mod login;
mod networks;
mod oauth;
mod outbound_proxy;
mod pasted_cookie;
mod provider_settings;
mod refresh;
mod refresh_rows;
mod retry_time;
mod scopes;
mod secrets;
mod session_client;

// Accounts in memory.
mod registry;

// Model APIs.
mod dialect;
mod json;
mod models;
mod provider_refusal;
mod proxy;
mod public_url;

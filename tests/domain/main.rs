//! Tests of the pure core through the crate's public API. They need no I/O, no clock and no runtime.

// Makes Clippy treat helpers as test code.
#![cfg(test)]

// Logins and tokens.
mod authorization_response;
mod claims;
mod gateway_token;
mod ids;
mod login;
mod oauth;
mod pasted_cookie;
mod refresh;
mod refresh_rows;
mod scopes;
mod secrets;
mod session_client;

// Accounts.
mod provider_settings;
mod registry;

// Addresses and networks.
mod networks;
mod outbound_proxy;
mod public_url;

// Model APIs.
mod dialect;
mod json;
mod models;
mod provider_refusal;
mod proxy;
mod request_record;
mod retry_time;
mod token_usage;

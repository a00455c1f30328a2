//! The pure core: values and rules, decided without asking anybody.
//!
//! Nothing here reads a clock, draws a random byte or touches a socket: time and entropy come in as arguments, so every
//! rule can be tested by calling it. Reading order: [`pkce`] and [`authorize_url`] (how a login begins), [`login`] (what
//! may happen to it), [`grant`] and [`credential`] (what it yields), [`refresh`] (how that is kept alive), [`sealed`] (how it
//! is kept), [`proxy`] (what may be done with it), [`dialect`] (what is said with it).

#[macro_use]
pub mod ids;
pub mod account;
pub mod api_token;
pub mod authorization_response;
pub mod authorize_url;
pub mod claims;
pub mod credential;
pub mod dialect;
pub mod history;
pub mod json;
pub mod login;
pub mod login_outcome;
pub mod model_list;
pub mod model_ref;
pub mod oauth_client;
pub mod pkce;
pub mod provider;
pub mod provider_refusal;
pub mod provider_settings;
pub mod proxy;
pub mod refresh;
pub mod revocation;
pub mod sealed;
pub mod secret;
pub mod session_client;
pub mod time;
pub mod token_response;
pub mod usage;

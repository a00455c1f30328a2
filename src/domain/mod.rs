//! The pure core: values and rules.
//!
//! Nothing here reads a clock, draws random bytes or opens a socket. Time and entropy are arguments, so every rule can
//! be tested by a function call. Reading order: [`pkce`] and [`authorize_url`] (the start of a login), [`login`] (its
//! state machine), [`token_response`] and [`credential`] (its result), [`refresh`], [`sealed`] (storage of secrets),
//! [`proxy`] (forwarding), [`dialect`] (model APIs).

#[macro_use]
mod text_types;

pub mod account;
pub mod api_token;
pub mod audit;
pub mod authorization_response;
pub mod authorize_url;
pub mod claims;
pub mod confirmation;
pub mod credential;
pub mod dialect;
pub mod gateway_token;
pub mod history;
pub mod ids;
pub mod imported_login;
pub mod invisible;
pub mod json;
pub mod keys;
pub mod login;
pub mod login_outcome;
pub mod model_list;
pub mod model_ref;
pub mod model_suffix;
pub mod networks;
pub mod oauth_client;
pub mod outbound_proxy;
pub mod pasted_cookie;
pub mod pasted_response;
pub mod pkce;
pub mod provider;
pub mod provider_feedback;
pub mod provider_refusal;
pub mod provider_settings;
pub mod proxy;
pub mod public_url;
pub mod refresh;
pub mod request_record;
pub mod response_memory;
pub mod retry_time;
pub mod revocation;
pub mod scope;
pub mod sealed;
pub mod sealed_secret;
pub mod secret;
pub mod session_client;
pub mod signing_key;
pub mod time;
pub mod token_response;
pub mod unreadable;
pub mod usage;

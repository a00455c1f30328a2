//! Queries of callbacks and pasted texts: no panic, and every accepted one has a `state`.
#![no_main]

use goclaw::domain::authorization_response::AuthorizationResponse;
use libfuzzer_sys::fuzz_target;
use secrecy::ExposeSecret;

fuzz_target!(|text: &str| {
    if let Ok(response) = AuthorizationResponse::from_query(text) {
        assert!(!response.state.expose_secret().is_empty());
    }
    if let Ok(responses) = AuthorizationResponse::from_pasted(&text.into()) {
        assert!(responses.iter().all(|response| !response.state.expose_secret().is_empty()));
    }
});

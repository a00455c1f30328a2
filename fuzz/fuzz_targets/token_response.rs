//! Bodies of token responses: no panic, and every accepted one has a token.
#![no_main]

use goclaw::{
    adapters::oauth::parse_token_response,
    domain::{
        provider::{AuthMethod, ProviderType},
        time::Timestamp,
    },
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| {
    let Some(response) = parse_token_response(body) else { return };
    assert!(response.access_token.is_some() || response.refresh_token.is_some());
    let now = Timestamp::from_unix_seconds(1_800_000_000);
    for provider_type in ProviderType::ALL {
        let _ = response.metadata(AuthMethod::OAuth, provider_type, &[], now);
    }
});

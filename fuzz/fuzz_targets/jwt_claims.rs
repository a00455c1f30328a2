//! JWTs, whose labels and expiry are read: no panic, and a label is short and has no control character.
#![no_main]

use goclaw::domain::{claims::UnverifiedClaims, provider::ProviderType, secret::IdToken};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Some(claims) = UnverifiedClaims::of(&IdToken::new(text.to_owned())) else { return };
    let _ = (claims.expires_at(), claims.lifetime());
    for provider_type in ProviderType::ALL {
        let _ = (provider_type.descriptor().labels)(&claims);
    }
    if let Some(label) = claims.label("email") {
        assert!(label.chars().count() <= 256 && !label.chars().any(char::is_control));
    }
});

//! Sealed secrets that an attacker could write into the database: no forged one opens.
#![no_main]

use std::sync::Arc;

use goclaw::{
    adapters::cipher::{EncryptionKey, XChaChaCipher},
    domain::sealed::{SealContext, SealedSecret},
    ports::{Random, RandomError, SecretCipher},
};
use libfuzzer_sys::fuzz_target;

/// Returns zeros, so that a run can be repeated.
struct ZeroRandom;

impl Random for ZeroRandom {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomError> {
        bytes.fill(0);
        Ok(())
    }
}

fuzz_target!(|text: &str| {
    let cipher = XChaChaCipher::new(&EncryptionKey::from_bytes([7; 32]).into(), Arc::new(ZeroRandom));
    let context = SealContext::KeyCheck;
    let genuine = cipher.seal(&context, "secret").expect("it seals");
    for forged in [text.to_owned(), format!("v2:{}:{text}", cipher.key_id().as_str())] {
        let forged = SealedSecret::from_stored(forged);
        assert!(forged == genuine || cipher.open(&context, &forged).is_err());
        assert!(cipher.open_first_format(&context, &forged).is_err());
    }
});

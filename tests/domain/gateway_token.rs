//! Tests of generated gateway tokens, and of the minimum length of configured ones.

use goclaw::domain::gateway_token::{generate, is_long_enough, is_sendable};
use secrecy::ExposeSecret;
use sha2::{Digest, Sha256};

#[test]
fn a_generated_token_has_a_prefix_and_a_checksum() {
    let token = generate(&[0xab; 32]);
    let (body, checksum) = token.expose_secret().rsplit_once('_').unwrap();
    assert_eq!(body, "goclaw_gw_q6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6s");
    let digest: String = Sha256::digest(body).iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(checksum, digest);
    assert!(is_long_enough(&token) && is_sendable(&token));
}

#[test]
fn a_token_needs_32_characters() {
    assert!(!is_long_enough(&"0".repeat(31).into()));
    assert!(is_long_enough(&"0".repeat(32).into()));
}

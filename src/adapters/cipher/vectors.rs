//! Test vectors for every place that stores a secret. A change that breaks one of them makes stored secrets unreadable.
//!
//! They come from an independent implementation: Python's `cryptography`, with HChaCha20 written by hand.

use std::sync::Arc;

use secrecy::ExposeSecret;

use super::{EncryptionKey, XChaChaCipher};
use crate::{
    domain::{
        ids::{AccountName, LoginId},
        sealed::{SealContext, SealedSecret},
    },
    ports::{Random, RandomError, SecretCipher},
};

/// Fills every nonce with `0x24`.
struct FixedNonce;

impl Random for FixedNonce {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomError> {
        bytes.fill(0x24);
        Ok(())
    }
}

struct Vector {
    context: SealContext<'static>,
    associated_data: &'static [u8],
    plaintext: &'static str,
    sealed: &'static str,
}

/// The key `00 01 02 .. 1f`.
fn cipher() -> XChaChaCipher {
    let mut key = [0; 32];
    for (byte, value) in key.iter_mut().zip(0..) {
        *byte = value;
    }
    XChaChaCipher::new(&EncryptionKey::from_bytes(key), Arc::new(FixedNonce))
}

fn vectors() -> [Vector; 4] {
    let name: &'static AccountName = Box::leak(Box::new(AccountName::parse("openai-codex").unwrap()));
    let login: &'static LoginId =
        Box::leak(Box::new(LoginId::from_stored("0123456789abcdef0123456789abcdef".to_owned())));
    [
        Vector {
            context: SealContext::access_token(name, login),
            associated_data: b"\0\0\0\0\0\0\0\x09goclaw/v1\
                \0\0\0\0\0\0\0\x0dllm_providers\
                \0\0\0\0\0\0\0\x0copenai-codex\
                \0\0\0\0\0\0\0\x07api_key\
                \0\0\0\0\0\0\0\x200123456789abcdef0123456789abcdef\
                \0\0\0\0\0\0\0\x1056da027d67f4f16d",
            plaintext: "access token",
            sealed: "v1:56da027d67f4f16d:\
                JCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkyqY7G-LeTRAbKfeZDotG7Ej_RbnmW_3Vu4ourg",
        },
        Vector {
            context: SealContext::refresh_token(name, login),
            associated_data: b"\0\0\0\0\0\0\0\x09goclaw/v1\
                \0\0\0\0\0\0\0\x0econfig_secrets\
                \0\0\0\0\0\0\0\x0copenai-codex\
                \0\0\0\0\0\0\0\x05value\
                \0\0\0\0\0\0\0\x200123456789abcdef0123456789abcdef\
                \0\0\0\0\0\0\0\x1056da027d67f4f16d",
            plaintext: "refresh token",
            sealed: "v1:56da027d67f4f16d:\
                JCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQk2aA-DPTeBUQALfmSbYsel6mRszqYOseNS1duXGA",
        },
        Vector {
            context: SealContext::login_state(login),
            associated_data: b"\0\0\0\0\0\0\0\x09goclaw/v1\
                \0\0\0\0\0\0\0\x0elogin_sessions\
                \0\0\0\0\0\0\0\x200123456789abcdef0123456789abcdef\
                \0\0\0\0\0\0\0\x05state\
                \0\0\0\0\0\0\0\x200123456789abcdef0123456789abcdef\
                \0\0\0\0\0\0\0\x1056da027d67f4f16d",
            plaintext: "login state",
            sealed: "v1:56da027d67f4f16d:\
                JCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkx6o_F_-NHhAVNvd3Ck82qsYSC0OXWFfSH71D",
        },
        Vector {
            context: SealContext::login_verifier(login),
            associated_data: b"\0\0\0\0\0\0\0\x09goclaw/v1\
                \0\0\0\0\0\0\0\x0elogin_sessions\
                \0\0\0\0\0\0\0\x200123456789abcdef0123456789abcdef\
                \0\0\0\0\0\0\0\x08verifier\
                \0\0\0\0\0\0\0\x200123456789abcdef0123456789abcdef\
                \0\0\0\0\0\0\0\x1056da027d67f4f16d",
            plaintext: "login verifier",
            sealed: "v1:56da027d67f4f16d:\
                JCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkx6o_F_-NGwEGK_SeZgbNbAEf-7jyNZuHCQv6RSes",
        },
    ]
}

#[test]
fn every_context_has_its_associated_data() {
    for vector in vectors() {
        assert_eq!(cipher().associated_data(&vector.context), vector.associated_data, "{}", vector.plaintext);
    }
}

#[test]
fn stored_secrets_of_every_context_still_open() {
    for vector in vectors() {
        let opened = cipher().open(&vector.context, &SealedSecret::from_stored(vector.sealed.to_owned()));
        assert_eq!(opened.unwrap().expose_secret(), vector.plaintext);
    }
}

#[test]
fn sealing_with_a_fixed_nonce_gives_the_stored_text() {
    for vector in vectors() {
        assert_eq!(cipher().seal(&vector.context, vector.plaintext).unwrap().as_str(), vector.sealed);
    }
}

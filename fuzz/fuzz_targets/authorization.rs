//! `Authorization` headers: no panic, and an accepted token is the end of the header, without spaces around it.
#![no_main]

use goclaw::adapters::http::bearer_token;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|header: &str| {
    if let Some(token) = bearer_token(header) {
        assert!(header.ends_with(token) || header.trim_end().ends_with(token));
        assert!(header.len() > token.len() && token.trim() == token);
        assert!(header.as_bytes()[..6].eq_ignore_ascii_case(b"bearer"));
    }
});

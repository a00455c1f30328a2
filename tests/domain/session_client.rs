//! Tests of the hosts that a cookie is sent to, and of session ids.

use goclaw::domain::session_client::{SessionId, is_cookie_for};

#[test]
fn a_cookie_is_sent_to_the_hosts_of_its_domain_and_to_no_other_address() {
    for (domain, host, expected) in [
        (None, "auth.suno.com", true),
        (Some("suno.com"), "suno.com", true),
        (Some(".suno.com"), "auth.suno.com", true),
        (Some("SUNO.com"), "auth.suno.com", true),
        (Some("auth.suno.com"), "suno.com", false),
        (Some("uno.com"), "suno.com", false),
        (Some("suno.com.evil.example"), "auth.suno.com", false),
        (Some("192.0.2.1"), "192.0.2.1", true),
        (Some("0.2.1"), "192.0.2.1", false),
    ] {
        assert_eq!(is_cookie_for(domain, host), expected, "{domain:?} at {host}");
    }
}

#[test]
fn a_session_id_needs_no_escape_in_a_path() {
    assert!(SessionId::parse("sess_2-a").is_some());
    for invalid in ["", "a/b", "a b", "a%2f", "\u{e9}"] {
        assert!(SessionId::parse(invalid).is_none(), "{invalid}");
    }
}

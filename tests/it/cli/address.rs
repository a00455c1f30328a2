//! Tests of parsing the gateway's address, and of which addresses may be opened in a browser.

use goclaw::adapters::cli::{
    address::{GatewayAddress, InvalidAddress},
    browser::openable,
};

#[test]
fn invalid_addresses_are_rejected_without_repeating_secrets() {
    for (text, expected) in [
        ("127.0.0.1:3577", InvalidAddress::NotAUrl),
        ("localhost:3577", InvalidAddress::WrongScheme),
        ("ftp://gateway", InvalidAddress::WrongScheme),
        ("http://user:canary@gateway", InvalidAddress::HoldsCredentials),
        ("http://gateway/?token=canary", InvalidAddress::HoldsQuery),
    ] {
        let error = GatewayAddress::parse(text).unwrap_err();
        assert_eq!(error, expected, "{text}");
        assert!(!error.to_string().contains("canary"));
    }
}

#[test]
fn endpoints_keep_the_base_path_and_encode_segments() {
    let endpoint = |base: &str, segments: &[&str]| GatewayAddress::parse(base).unwrap().endpoint(segments).to_string();
    assert_eq!(endpoint("http://127.0.0.1:3577", &["v1", "providers"]), "http://127.0.0.1:3577/v1/providers");
    assert_eq!(endpoint("https://host/goclaw/", &["v1", "a/b?c"]), "https://host/goclaw/v1/a%2Fb%3Fc");
}

#[test]
fn loopback_addresses_are_recognised() {
    for (url, expected) in [
        ("http://127.0.0.1:1", true),
        ("http://localhost", true),
        ("http://[::1]:1", true),
        ("http://[::ffff:127.0.0.1]", true),
        ("http://0.0.0.0:3577", true),
        ("http://10.0.0.1", false),
        ("http://localhost.example.com", false),
    ] {
        assert_eq!(GatewayAddress::parse(url).unwrap().is_on_this_machine(), expected, "{url}");
    }
}

#[test]
fn an_ipv6_address_is_split_without_brackets() {
    let address = GatewayAddress::parse("http://[::1]:3577/").unwrap();
    assert_eq!(address.as_str(), "http://[::1]:3577");
    assert_eq!(address.host_and_port(), ("::1", 3577));
    assert!(address.is_only_host_and_port());
    assert!(!GatewayAddress::parse("https://gateway").unwrap().is_only_host_and_port());
}

#[test]
fn only_https_and_loopback_pages_are_opened() {
    for (url, expected) in [
        ("https://auth.openai.com/oauth/authorize?client_id=x", true),
        ("http://127.0.0.1:9000/authorize", true),
        ("http://auth.example.com/", false),
        ("file:///etc/passwd", false),
        ("javascript:alert(1)", false),
        ("-x", false),
        ("", false),
    ] {
        assert_eq!(openable(url).is_some(), expected, "{url}");
    }
}

//! Tests of parsing addresses of outbound proxies. No formatted address shows a credential.

use goclaw::domain::outbound_proxy::{ProxyChoice, ProxyKind, ProxyUrl};
use proptest::prelude::*;
use secrecy::ExposeSecret;

#[test]
fn proxy_addresses_are_urls_whose_scheme_may_be_missing() {
    for (text, kind, address) in [
        ("http://proxy.example:3128", ProxyKind::Http, "http://proxy.example:3128"),
        ("HTTP://Proxy.Example:3128/", ProxyKind::Http, "http://proxy.example:3128"),
        ("proxy.example:3128", ProxyKind::Http, "http://proxy.example:3128"),
        ("http://proxy.example", ProxyKind::Http, "http://proxy.example:80"),
        ("socks5://10.0.0.1", ProxyKind::Socks5, "socks5://10.0.0.1:1080"),
        ("socks://127.0.0.1:1080/", ProxyKind::Socks5, "socks5://127.0.0.1:1080"),
        ("socks5h://[2001:db8::1]:9", ProxyKind::Socks5h, "socks5h://[2001:db8::1]:9"),
    ] {
        let proxy = ProxyUrl::parse(text).unwrap();
        assert_eq!((proxy.kind, proxy.address().as_str()), (kind, address), "{text}");
        assert!(proxy.credentials.is_none(), "{text}");
    }
    for text in ["", "http://", "https://proxy.example", "socks4://proxy.example", "http://proxy.example/path", "a b:1"]
    {
        ProxyUrl::parse(text).unwrap_err();
    }
    assert!(matches!(ProxyChoice::parse("none"), Ok(ProxyChoice::Direct)));
    assert!(matches!(ProxyChoice::parse("direct"), Ok(ProxyChoice::Direct)));
}

#[test]
fn credentials_are_decoded_and_never_shown() {
    let proxy = ProxyUrl::parse("http://CANARY%40user:CANARY%3A%2F@proxy.example:3128").unwrap();
    let credentials = proxy.credentials.as_ref().unwrap();
    assert_eq!(credentials.user.expose_secret(), "CANARY@user");
    assert_eq!(credentials.password.expose_secret(), "CANARY:/");
    let choice = ProxyChoice::Proxy(proxy.clone());
    for text in [proxy.to_string(), format!("{proxy:?}"), choice.to_string(), format!("{choice:?}"), proxy.address()] {
        assert!(!text.contains("CANARY"), "{text}");
    }
    assert_eq!(proxy.to_string(), "http://proxy.example:3128 (credentials not shown)");
}

proptest! {
    #[test]
    fn no_text_causes_a_panic(text in ".{0,60}") {
        let _ = ProxyChoice::parse(&text);
    }
}

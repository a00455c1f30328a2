//! Tests of parsing `server.public_url`.

use goclaw::domain::public_url::{InvalidPublicUrl, PublicUrl};

#[test]
fn a_public_url_has_a_host_and_an_optional_base_path() {
    for (text, shown, host, base_path) in [
        ("https://gw.example", "https://gw.example", "gw.example", ""),
        ("https://gw.example/", "https://gw.example", "gw.example", ""),
        ("HTTPS://GW.example:443/a/B-1/", "https://gw.example/a/B-1", "gw.example", "/a/B-1"),
        ("http://127.0.0.1:8443/goclaw", "http://127.0.0.1:8443/goclaw", "127.0.0.1", "/goclaw"),
        ("http://[::1]:80/~me", "http://[::1]/~me", "[::1]", "/~me"),
        ("https://gw.example/v1x", "https://gw.example/v1x", "gw.example", "/v1x"),
        ("https://gw.example/a/../b", "https://gw.example/b", "gw.example", "/b"),
    ] {
        let url = PublicUrl::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!((url.as_str(), url.host(), url.base_path()), (shown, host, base_path), "{text}");
    }
}

#[test]
fn an_invalid_public_url_is_refused() {
    use InvalidPublicUrl::{HasExtras, NotAUrl, OwnPath, UnusualPath};
    for (text, why) in [
        ("", NotAUrl),
        ("gw.example", NotAUrl),
        ("ftp://gw.example", NotAUrl),
        ("https://", NotAUrl),
        ("https://me@gw.example", HasExtras),
        ("https://gw.example/?a", HasExtras),
        ("https://gw.example/#a", HasExtras),
        ("https://gw.example/a//b", UnusualPath),
        ("https://gw.example/a%2Fb", UnusualPath),
        ("https://gw.example/a b", UnusualPath),
        ("https://gw.example/v1", OwnPath),
        ("https://gw.example/page/x", OwnPath),
        ("https://gw.example/healthz", OwnPath),
    ] {
        assert_eq!(PublicUrl::parse(text), Err(why), "{text}");
    }
}

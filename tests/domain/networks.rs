//! Tests of network ranges, and of finding the caller behind trusted proxies.

use std::net::IpAddr;

use goclaw::domain::networks::{TrustedProxies, is_this_machine, parse_network};

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn a_network_contains_its_addresses_only() {
    for (network, inside, outside) in [
        ("10.0.0.0/8", "10.255.0.1", "11.0.0.1"),
        ("192.0.2.7", "192.0.2.7", "192.0.2.8"),
        ("192.0.2.7", "::ffff:192.0.2.7", "2001:db8::1"),
        ("0.0.0.0/0", "203.0.113.9", "::1"),
        ("2001:db8::/32", "2001:db8:1::1", "2001:db9::1"),
        ("::/0", "2001:db8::1", "10.0.0.1"),
    ] {
        let proxies = TrustedProxies::new(vec![parse_network(network).unwrap()]);
        assert!(proxies.contain(ip(inside)) && !proxies.contain(ip(outside)), "{network}");
    }
    for wrong in ["", "10.0.0.0/33", "10.0.0/8", "::/129", "proxy.example", "10.0.0.0/", "10.0.0.0/8/8"] {
        assert_eq!(parse_network(wrong), None, "{wrong}");
    }
}

#[test]
fn loopback_names_and_addresses_are_this_machine() {
    for host in ["localhost", "LOCALHOST", "127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"] {
        assert!(is_this_machine(host), "{host}");
    }
    for host in
        ["", "localhost.example", "db.localhost", "notlocalhost", "0.0.0.0", "192.0.2.7", "::ffff:192.0.2.7", "[::1]"]
    {
        assert!(!is_this_machine(host), "{host}");
    }
}

#[test]
fn the_caller_is_the_last_address_that_is_not_a_trusted_proxy() {
    let proxies = TrustedProxies::new(["10.0.0.0/8", "fd00::/8"].map(|text| parse_network(text).unwrap()).to_vec());
    let caller = |peer: &str, forwarded: &[&str], x_forwarded_for: &[&str]| {
        proxies.caller(ip(peer), forwarded, x_forwarded_for).to_string()
    };
    for (peer, forwarded, x_forwarded_for, expected) in [
        ("10.0.0.1", &[][..], &[][..], "10.0.0.1"),
        ("10.0.0.1", &[], &["198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", &[], &["198.51.100.1, 203.0.113.9"], "203.0.113.9"),
        ("10.0.0.1", &[], &["198.51.100.1", "203.0.113.9, 10.0.0.2"], "203.0.113.9"),
        ("10.0.0.1", &[], &["203.0.113.9:4711"], "203.0.113.9"),
        ("10.0.0.1", &[], &["[2001:db8::1]:4711"], "2001:db8::1"),
        ("10.0.0.1", &[], &["203.0.113.9, unknown"], "10.0.0.1"),
        ("10.0.0.1", &["for=203.0.113.9;proto=https"], &[], "203.0.113.9"),
        ("10.0.0.1", &["for=x, For=\"[2001:db8::1]:4711\";by=10.0.0.1"], &[], "2001:db8::1"),
        ("10.0.0.1", &["for=203.0.113.9"], &["203.0.113.9"], "203.0.113.9"),
        ("10.0.0.1", &["for=192.0.2.1"], &["203.0.113.9"], "10.0.0.1"),
        ("203.0.113.9", &[], &["198.51.100.1"], "203.0.113.9"),
    ] {
        let found = caller(peer, forwarded, x_forwarded_for);
        assert_eq!(found, expected, "{peer} {forwarded:?} {x_forwarded_for:?}");
    }
}

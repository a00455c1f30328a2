//! Tests of the proxy's allowlists for paths and headers.

use goclaw::domain::{
    provider::ProviderType,
    proxy::{
        InvalidPath, InvalidRule, ProxyPath, ProxyRule,
        headers::{
            RESPONSES_LITE, is_forwarded_to_caller, is_forwarded_to_provider, is_forwarded_with_translated_body,
        },
    },
};
use proptest::prelude::*;

#[test]
fn identity_and_connection_headers_are_not_forwarded() {
    for name in [
        "authorization",
        "chatgpt-account-id",
        "connection",
        "cookie",
        "forwarded",
        "host",
        "proxy-authorization",
        "te",
        "transfer-encoding",
        "upgrade",
        "user-agent",
        "x-api-key",
        "x-forwarded-for",
        "x_codex_turn_state",
        "x-codex-turn_state",
    ] {
        assert!(!is_forwarded_to_provider(name), "{name}");
    }
    for name in [
        "access-control-allow-origin",
        "alt-svc",
        "connection",
        "keep-alive",
        "location",
        "refresh",
        "server",
        "set-cookie",
        "transfer-encoding",
        "www-authenticate",
    ] {
        assert!(!is_forwarded_to_caller(name), "{name}");
    }
}

#[test]
fn content_headers_are_not_sent_with_a_translated_body() {
    for name in
        ["content-type", "content-encoding", "accept", "accept-encoding", "if-none-match", "range", RESPONSES_LITE]
    {
        assert!(is_forwarded_to_provider(name) && !is_forwarded_with_translated_body(name), "{name}");
    }
}

#[test]
fn turn_state_and_limits_are_forwarded() {
    assert!(is_forwarded_to_provider("x-codex-turn-state") && is_forwarded_to_caller("x-codex-turn-state"));
    assert!(is_forwarded_to_provider("content-type") && is_forwarded_to_caller("content-type"));
    assert!(is_forwarded_to_caller("x-codex-primary-used-percent") && is_forwarded_to_caller("openai-model"));
}

#[test]
fn plain_paths_are_accepted_and_disguised_ones_are_refused() {
    for valid in ["codex/responses", "wham/usage", "billing/info/", "a/b-c_d~e/f:g@h", "v1/%C3%A9", "..a/b.."] {
        assert_eq!(ProxyPath::parse(valid).map(|path| path.as_str().to_owned()), Ok(valid.to_owned()));
    }
    for (invalid, error) in [
        ("", InvalidPath::Empty),
        ("/codex", InvalidPath::EmptySegment),
        ("codex//responses", InvalidPath::EmptySegment),
        ("codex/../wham/usage", InvalidPath::DotSegment),
        ("codex/.", InvalidPath::DotSegment),
        ("codex/...", InvalidPath::DotSegment),
        ("codex/%2e%2e/wham", InvalidPath::HidesCharacters),
        ("codex/%2E./wham", InvalidPath::HidesCharacters),
        ("codex%2Fresponses", InvalidPath::HidesCharacters),
        ("codex/%5c..", InvalidPath::HidesCharacters),
        ("codex/%252e%252e/", InvalidPath::HidesCharacters),
        ("codex/%00", InvalidPath::HidesCharacters),
        ("codex/..;/wham", InvalidPath::InvalidCharacter),
        ("codex\\responses", InvalidPath::InvalidCharacter),
        ("codex/%zz", InvalidPath::InvalidCharacter),
        ("codex/%2", InvalidPath::InvalidCharacter),
        ("https://evil.example/", InvalidPath::EmptySegment),
        ("codex/a b", InvalidPath::InvalidCharacter),
    ] {
        assert_eq!(ProxyPath::parse(invalid), Err(error), "{invalid}");
    }
}

#[test]
fn the_longest_path_is_accepted_unchanged() {
    let longest = "a".repeat(4_096);
    assert_eq!(ProxyPath::parse(&longest).unwrap().to_string(), longest);
    assert_eq!(ProxyPath::parse(&format!("{longest}a")), Err(InvalidPath::TooLong));
}

#[test]
fn only_listed_paths_are_allowed() {
    let rules = ["codex/*", "wham/usage"].map(|text| ProxyRule::parse(text).unwrap());
    let is_allowed = |path: &str| rules.iter().any(|rule| rule.covers("GET", &ProxyPath::parse(path).unwrap()));
    for path in ["codex/responses", "codex/responses/compact", "wham/usage"] {
        assert!(is_allowed(path), "{path}");
    }
    for path in ["codex", "codex/", "codexx/a", "wham", "wham/usage/", "wham/tasks", "Codex/a", "c%6fdex/a"] {
        assert!(!is_allowed(path), "{path}");
    }
}

#[test]
fn a_rule_may_name_a_method() {
    let covers =
        |rule: &str, method, path| ProxyRule::parse(rule).unwrap().covers(method, &ProxyPath::parse(path).unwrap());
    assert!(covers("POST codex/responses", "POST", "codex/responses"));
    assert!(!covers("POST codex/responses", "DELETE", "codex/responses"));
    assert!(covers("GET feed/*", "GET", "feed/v2") && !covers("GET feed/*", "HEAD", "feed/v2"));
    assert!(covers("*", "DELETE", "user/me") && covers("GET *", "GET", "a/b"));
    for (text, error) in [
        ("get codex/models", InvalidRule::UnknownMethod),
        ("OPTIONS codex/models", InvalidRule::UnknownMethod),
        ("codex*", InvalidRule::Wildcard),
        ("*/codex", InvalidRule::Wildcard),
        ("/codex", InvalidRule::Path(InvalidPath::EmptySegment)),
        ("", InvalidRule::Path(InvalidPath::Empty)),
        ("GET ", InvalidRule::Path(InvalidPath::Empty)),
        ("GET  a", InvalidRule::Path(InvalidPath::InvalidCharacter)),
    ] {
        assert_eq!(ProxyRule::parse(text), Err(error), "{text}");
    }
}

#[test]
fn the_paths_for_programs_are_a_subset_of_the_owners() {
    for provider_type in ProviderType::ALL {
        let descriptor = provider_type.descriptor();
        let owner: Vec<ProxyRule> =
            descriptor.proxy_paths.iter().map(|text| ProxyRule::parse(text).expect("a rule")).collect();
        for text in descriptor.program_paths {
            ProxyRule::parse(text).expect("a rule");
            let (method, path) = text.split_once(' ').expect("a rule for programs names its method");
            let path = ProxyPath::parse(&path.replace('*', "x")).expect("a path");
            assert!(owner.iter().any(|rule| rule.covers(method, &path)), "{text}");
            assert!(["GET", "POST"].contains(&method), "{text}: programs may not delete or replace");
        }
    }
}

proptest! {
    #[test]
    fn accepted_paths_stay_below_the_base(raw in "[a-c./%25eEfFxX2;:@\\\\ ]{0,24}") {
        if let Ok(path) = ProxyPath::parse(&raw) {
            let joined = url::Url::parse(&format!("https://base.example/api/{path}")).unwrap();
            prop_assert_eq!(joined.host_str(), Some("base.example"));
            prop_assert_eq!(joined.path(), format!("/api/{path}"));
        }
    }
}

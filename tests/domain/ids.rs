//! Tests of names, ids and timestamps, and of stored identifiers that must not change.

use std::time::Duration;

use goclaw::domain::{
    ids::{
        AccountName, DisplayName, InvalidAccountName, InvalidDisplayName, LoginId, MAX_ACCOUNT_NAME, MAX_DISPLAY_NAME,
        ProviderId,
    },
    provider::ProviderType,
    sealed::refresh_token_key,
    time::Timestamp,
};

#[test]
fn account_names_are_slugs() {
    for valid in ["openai-codex", "a", "work2", &"x".repeat(MAX_ACCOUNT_NAME)] {
        assert!(AccountName::parse(valid).is_ok(), "{valid}");
    }
    for invalid in ["", "-a", "a-", "A", "a_b", "a/b", "a b", "ä", &"x".repeat(MAX_ACCOUNT_NAME + 1)] {
        assert_eq!(AccountName::parse(invalid), Err(InvalidAccountName), "{invalid}");
    }
}

#[test]
fn display_names_are_one_visible_line() {
    assert_eq!(DisplayName::parse(" Work \u{1f4bc} ").unwrap().into_string(), "Work \u{1f4bc}");
    for invalid in [
        "",
        " ",
        "a\nb",
        "a\u{1b}[31m",
        "a\u{202e}b",
        "\u{2066}",
        "a\u{200b}b",
        "a\u{feff}b",
        "a\u{e0041}b",
        &"x".repeat(MAX_DISPLAY_NAME + 1),
    ] {
        assert_eq!(DisplayName::parse(invalid), Err(InvalidDisplayName), "{invalid:?}");
    }
}

#[test]
fn ids_contain_the_given_time_and_bytes() {
    let id = ProviderId::new(Timestamp::from_unix_millis(0x0123_4567_89ab), &[0; 10]);
    assert_eq!(id.as_str(), "01234567-89ab-7000-8000-000000000000");
    assert_eq!(LoginId::from_bytes([0xab; 16]).as_str(), "ab".repeat(16));
}

#[test]
fn the_key_of_a_stored_refresh_token_does_not_change() {
    let name = AccountName::parse("openai-codex").unwrap();
    assert_eq!(refresh_token_key(&name), "oauth.openai-codex.refresh_token");
}

#[test]
fn seconds_round_down_and_arithmetic_saturates() {
    assert_eq!(Timestamp::from_unix_millis(-1).unix_seconds(), -1);
    assert_eq!(Timestamp::from_unix_seconds(i64::MAX).unix_millis(), i64::MAX);
    assert_eq!(Timestamp::from_unix_millis(1).plus(Duration::MAX).unix_millis(), i64::MAX);
    let (early, late) = (Timestamp::from_unix_seconds(10), Timestamp::from_unix_seconds(12));
    assert_eq!(early.until(late), Duration::from_secs(2));
    assert_eq!(late.until(early), Duration::ZERO);
}

#[test]
fn provider_types_are_valid_account_names_and_parse_back() {
    for provider_type in ProviderType::ALL {
        assert_eq!(ProviderType::parse(provider_type.as_str()), Some(provider_type));
        assert!(AccountName::parse(provider_type.as_str()).is_ok());
    }
}

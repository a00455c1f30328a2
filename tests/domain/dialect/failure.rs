//! Tests of classifying the failures that the backend reports in events.

use std::time::Duration;

use goclaw::domain::{dialect::ResponseFailure, provider_refusal::RefusalKind};
use serde_json::{Map, Value, json};

use super::{event, read, reader};

fn failure(error: Value) -> ResponseFailure {
    read(&mut reader(&json!({})), &event(&json!({"type": "error", "error": error}))).unwrap_err()
}

#[test]
fn known_codes_are_classified() {
    for (code, kind) in [
        ("context_length_exceeded", RefusalKind::BadRequest),
        ("invalid_prompt", RefusalKind::BadRequest),
        ("cyber_policy", RefusalKind::BadRequest),
        ("bio_policy", RefusalKind::BadRequest),
        ("moderation_blocked", RefusalKind::BadRequest),
        ("content_policy_violation", RefusalKind::BadRequest),
        ("invalid_image", RefusalKind::BadRequest),
        ("failed_to_download_image", RefusalKind::BadRequest),
        ("insufficient_quota", RefusalKind::UsageLimit),
        ("usage_limit_reached", RefusalKind::UsageLimit),
        ("usage_not_included", RefusalKind::AccountRefused),
        ("deactivated_workspace", RefusalKind::AccountRefused),
        ("rate_limit_exceeded", RefusalKind::RateLimited),
        ("server_is_overloaded", RefusalKind::Overloaded),
        ("service_unavailable_error", RefusalKind::Overloaded),
        ("slow_down", RefusalKind::Overloaded),
        ("server_error", RefusalKind::Failed),
    ] {
        let by_code = failure(json!({"code": code, "message": "No."}));
        let (expected_code, message) = (code.to_owned(), "No.".to_owned());
        let expected = ResponseFailure { kind, code: expected_code, message, retry_after: None, limit: Map::new() };
        assert_eq!(by_code, expected);
        // ChatGPT reports its limits in `type`, with or without a `code`.
        assert_eq!(failure(json!({"type": code, "code": null})).kind, kind, "{code}");
    }
    let unknown_code = failure(json!({"type": "invalid_request_error", "code": "odd", "message": "No."}));
    assert_eq!((unknown_code.kind, unknown_code.code.as_str()), (RefusalKind::BadRequest, "odd"));
    assert_eq!(failure(json!({})).code, "provider_failed");
    assert_eq!(failure(json!({"code": "Account_Deactivated"})).code, "account_deactivated");
}

#[test]
fn the_delay_is_read_from_the_message() {
    for (message, milliseconds) in [
        ("Rate limit reached. Please try again in 11.054s. Visit https://x", Some(11_054)),
        ("Please try again in 350ms.", Some(350)),
        ("Please Try Again In 1m2s", Some(62_000)),
        ("try again in 1h0m0.5s", Some(3_600_500)),
        ("try again in 28 seconds", Some(28_000)),
        ("try again in a while", None),
        ("try again in 5 parsecs", None),
        ("try again in 1.2.3s", None),
        ("try again in 99999999999999999999999h", None),
        ("try again in 5", None),
        ("later", None),
    ] {
        let limited = failure(json!({"code": "rate_limit_exceeded", "message": message}));
        assert_eq!(limited.kind, RefusalKind::RateLimited);
        assert_eq!(limited.retry_after, milliseconds.map(Duration::from_millis), "{message}");
    }
    let used_up = failure(json!({"type": "usage_limit_reached", "message": "Try again in 2 days."}));
    assert_eq!(used_up.retry_after, Some(Duration::from_secs(2 * 86_400)));
    let overloaded = failure(json!({"code": "server_is_overloaded", "message": "Try again in 2 days."}));
    assert_eq!(overloaded.retry_after, None);
    let limited = failure(json!({"code": "rate_limit_exceeded", "message": "No.", "retry_after": 40}));
    assert_eq!(limited.limit.get("retry_after"), Some(&json!(40)));
}

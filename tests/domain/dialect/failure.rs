//! Failures that events report.

use std::time::Duration;

use goclaw::domain::dialect::{FailureKind, ResponseFailure, ResponseReader};
use serde_json::{Value, json};

use super::event;

fn failure(error: Value) -> ResponseFailure {
    ResponseReader::new().on_event(&event(&json!({"type": "error", "error": error}))).unwrap_err()
}

#[test]
fn known_codes_are_classified() {
    for (code, kind) in [
        ("context_length_exceeded", FailureKind::BadRequest),
        ("invalid_prompt", FailureKind::BadRequest),
        ("cyber_policy", FailureKind::BadRequest),
        ("invalid_image", FailureKind::BadRequest),
        ("failed_to_download_image", FailureKind::BadRequest),
        ("insufficient_quota", FailureKind::UsageLimit),
        ("usage_limit_reached", FailureKind::UsageLimit),
        ("usage_not_included", FailureKind::NotIncluded),
        ("rate_limit_exceeded", FailureKind::RateLimited { retry_after: None }),
        ("server_is_overloaded", FailureKind::Overloaded),
        ("slow_down", FailureKind::Overloaded),
        ("server_error", FailureKind::Other),
    ] {
        let by_code = failure(json!({"code": code, "message": "No."}));
        assert_eq!(by_code, ResponseFailure { code: Some(code.to_owned()), message: "No.".to_owned(), kind });
        // ChatGPT's limits come as a type, with or without a code.
        assert_eq!(failure(json!({"type": code, "code": null})).kind, kind, "{code}");
    }
    let unknown_code = failure(json!({"type": "invalid_request_error", "code": "odd", "message": "No."}));
    assert_eq!((unknown_code.kind, unknown_code.code.as_deref()), (FailureKind::BadRequest, Some("odd")));
    assert_eq!(failure(json!({})).code, None);
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
        let retry_after = milliseconds.map(Duration::from_millis);
        assert_eq!(limited.kind, FailureKind::RateLimited { retry_after }, "{message}");
    }
}

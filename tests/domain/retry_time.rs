//! Tests of reading how long to wait before the next request to a provider, in the forms that real servers send.

use std::time::Duration;

use goclaw::domain::{
    provider_refusal::{ErrorResponse, ProviderRefusal},
    retry_time::RetryTime,
    time::Timestamp,
};
use serde_json::{Value, json};

/// 2027-01-15 08:00:00 UTC.
const NOW: Timestamp = Timestamp::from_unix_seconds(1_800_000_000);

fn wait(headers: [Option<&str>; 2], error: &Value) -> Option<f64> {
    let [retry_after, retry_after_ms] = headers;
    let time = RetryTime::since(NOW).with_headers(retry_after, retry_after_ms);
    time.with_body(error).wait_from_now().map(|wait| wait.as_secs_f64())
}

#[test]
fn every_form_of_a_time_or_a_wait_is_read() {
    for error in [
        json!({"resets_at": 1_800_000_600}),
        json!({"resets_at": 1_800_000_600.0}),
        json!({"resets_at": "1800000600"}),
        json!({"resets_at": 1_800_000_600_000_i64}),
        json!({"resets_at": "2027-01-15T08:10:00Z"}),
        json!({"resets_at": "2027-01-15T09:10:00.000+01:00"}),
        json!({"resets_at": "Fri, 15 Jan 2027 08:10:00 GMT"}),
        json!({"resets_in_seconds": 600}),
        json!({"resets_in_seconds": "600"}),
        json!({"message": "Rate limit reached. Please try again in 10m0s."}),
        json!({"message": "Try again in about 9 mins and 60 secs."}),
        json!({"message": "Please retry after 600 seconds."}),
        json!({"message": "The limit was reached again in this hour. Try again in 10 min."}),
        json!({"resets_at": "Fri, 15 Jan 2027 08:10:00 +0000"}),
        json!({"resets_at": "2027-01-15T08:10:00"}),
        json!({"resets_at": "2027-01-15 08:10:00 UTC"}),
        json!({"resets_in_seconds": "600s"}),
        json!({"reset_at": 1_800_000_600, "reset_after_seconds": 600}),
        json!({"retry_after": 600}),
        json!({"error": {"type": "usage_limit_reached"}, "resets_in_seconds": 600}),
        json!({"error": "usage_limit_reached", "resets_at": 1_800_000_600}),
    ] {
        assert_eq!(wait([None, None], &error), Some(600.0), "{error}");
    }
    for (headers, expected) in [
        ([Some("600"), None], 600.0),
        ([Some(" 600 "), None], 600.0),
        ([Some("1.5"), None], 1.5),
        ([Some("10m"), None], 600.0),
        ([Some("1800000600"), None], 600.0),
        ([Some("Fri, 15 Jan 2027 08:10:00 GMT"), None], 600.0),
        ([Some("Friday, 15-Jan-27 08:10:00 GMT"), None], 600.0),
        ([Some("Fri Jan 15 08:10:00 2027"), None], 600.0),
        ([None, Some("40000")], 40.0),
    ] {
        assert_eq!(wait(headers, &json!({})), Some(expected), "{headers:?}");
    }
    assert_eq!(wait([None, None], &json!({"resets_in_seconds": 600.7})), Some(600.7));
    let days = json!({"message": "You've hit your usage limit. Try again in 2 days, 3 hours and 5 minutes."});
    assert_eq!(wait([None, None], &days), Some(2.0 * 86_400.0 + 3.0 * 3_600.0 + 300.0));
    for other in ["Please wait for an hour.", "Try again in a moment.", "retry after 5 parsecs", "Try again in 600."] {
        assert_eq!(wait([None, None], &json!({"message": other})), None, "{other}");
    }
}

#[test]
fn the_latest_plausible_time_is_used() {
    let our_clock_is_an_hour_fast = json!({"resets_at": 1_800_000_000 - 3_000, "resets_in_seconds": 600});
    assert_eq!(wait([None, None], &our_clock_is_an_hour_fast), Some(600.0));
    let our_clock_is_an_hour_slow = json!({"resets_at": 1_800_000_000 + 4_200, "resets_in_seconds": 600});
    assert_eq!(wait([None, None], &our_clock_is_an_hour_slow), Some(600.0));
    let wait_is_implausible = json!({"resets_at": 1_800_000_600, "resets_in_seconds": 1_000_000_000});
    assert_eq!(wait([None, None], &wait_is_implausible), Some(600.0));
    assert_eq!(wait([Some("20"), None], &json!({"resets_in_seconds": 600})), Some(600.0));
    assert_eq!(wait([Some("700"), Some("1000")], &json!({"resets_in_seconds": 600})), Some(700.0));
    for implausible in [json!("soon"), json!(-5), json!(0), json!(1e30), json!(null), json!([600]), json!("NaN")] {
        assert_eq!(
            wait([None, None], &json!({"resets_at": implausible, "resets_in_seconds": 60})),
            Some(60.0),
            "{implausible}"
        );
        assert_eq!(wait([None, None], &json!({"resets_in_seconds": implausible})), None, "{implausible}");
    }
    assert_eq!(wait([Some("2678401"), None], &json!({})), None, "more than 31 days");
    assert_eq!(wait([None, None], &json!({})), None, "no header and no member states a time");
}

#[test]
fn a_refusal_has_the_longest_wait_of_its_headers_and_body() {
    let body = json!({"error": {"type": "usage_limit_reached", "message": "Used up.", "resets_in_seconds": 600.7}})
        .to_string();
    let response = |retry_after| ErrorResponse {
        status: 429,
        retry_after,
        retry_after_ms: None,
        limit_resets_at: None,
        cf_ray: None,
        error_json: None,
        body: body.as_bytes(),
    };
    let refusal = ProviderRefusal::read(response(Some("20")), NOW);
    assert_eq!((refusal.retry_after, refusal.resets_at), (Some(Duration::from_millis(600_700)), Some(1_800_000_600)));
    let later = ProviderRefusal::read(response(Some("Fri, 15 Jan 2027 09:00:00 GMT")), NOW);
    assert_eq!(later.retry_after, Some(Duration::from_secs(3_600)));
}

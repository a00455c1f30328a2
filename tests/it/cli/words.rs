//! Tests of formatting times and durations.

use std::time::Duration;

use goclaw::{
    adapters::cli::words::{TimeFormatter, duration},
    domain::time::Timestamp,
};
use jiff::tz::{TimeZone, offset};

#[test]
fn durations_have_two_units() {
    for (seconds, expected) in [
        (0, "0 s"),
        (59, "59 s"),
        (60, "1 min"),
        (598, "9 min 58 s"),
        (7_200, "2 h"),
        (7_259, "2 h"),
        (8_100, "2 h 15 min"),
        (6 * 86_400 + 23 * 3_600 + 3_599, "6 d 23 h"),
        (10 * 86_400, "10 d"),
    ] {
        assert_eq!(duration(Duration::from_secs(seconds)), expected);
    }
}

#[test]
fn expiry_shows_local_time_and_distance() {
    let at = |seconds| TimeFormatter { now: Timestamp::from_unix_seconds(seconds), zone: TimeZone::fixed(offset(1)) };
    let earlier = at(1_796_043_720 - 601_200);
    assert_eq!(earlier.expiry(1_796_043_720), "expires 2026-11-30 14:02 (in 6 d 23 h)");
    let later = at(1_796_043_720 + 7_200);
    assert_eq!(later.expiry(1_796_043_720), "expired 2026-11-30 14:02 (2 h ago)");
    assert_eq!(later.left(0), "0 s");
    assert_eq!(later.time(i64::MAX), "at Unix time 9223372036854775807");
}

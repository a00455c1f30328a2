//! The parts of the refresh protocol that `tests/model` does not search: breaker, error codes and times.

use std::time::Duration;

use goclaw::domain::{
    refresh::{Breaker, Cause, Failure, InvalidPolicy, RefreshPolicy, classify},
    time::Timestamp,
};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix_seconds(seconds)
}

#[test]
fn the_breaker_opens_when_most_of_five_responses_are_rejections_and_closes_after_the_pause() {
    let mut breaker = Breaker::default();
    for second in 0..4 {
        assert!(!breaker.note(true, at(second)));
    }
    assert_eq!(breaker.open_until(at(4)), None, "four are too few");
    assert!(breaker.note(true, at(4)));
    assert_eq!(breaker.open_until(at(5)), Some(at(304)));
    assert_eq!(breaker.open_until(at(304)), None);
    assert!(!breaker.note(true, at(305)), "the count starts again");
}

#[test]
fn the_breaker_ignores_old_responses_and_stays_closed_at_half() {
    let mut breaker = Breaker::default();
    for (second, was_rejected) in [(0, false), (1, true), (2, false), (3, true), (4, false), (5, true)] {
        assert!(!breaker.note(was_rejected, at(second)), "{second}");
    }
    let mut breaker = Breaker::default();
    for second in 0..4 {
        breaker.note(true, at(second));
    }
    assert!(!breaker.note(true, at(302)), "the first ones are too old");
}

#[test]
fn responses_are_classified_by_status_and_code() {
    let (rejected, unknown) = (Failure::Rejected, Failure::Unknown);
    let not_consumed = |cause| Failure::NotConsumed { cause, retry_after: None };
    for (status, code, meaning) in [
        (401, "refresh_token_expired", rejected(Cause::RefreshTokenExpired)),
        (401, "refresh_token_reused", rejected(Cause::RefreshTokenReused)),
        (400, "refresh_token_reused", rejected(Cause::RefreshTokenReused)),
        (500, "refresh_token_reused", rejected(Cause::RefreshTokenReused)),
        (401, "refresh_token_invalidated", rejected(Cause::RefreshTokenInvalidated)),
        (400, "invalid_grant", rejected(Cause::InvalidGrant)),
        (401, "token_expired", rejected(Cause::InvalidGrant)),
        (400, "account_deactivated", rejected(Cause::AccountDeactivated)),
        (403, "account_deactivated", rejected(Cause::AccountDeactivated)),
        (403, "deactivated_workspace", rejected(Cause::WorkspaceDeactivated)),
        (401, "unknown", rejected(Cause::Unauthorized)),
        (429, "unknown", not_consumed(Cause::RateLimited)),
        (401, "invalid_client", not_consumed(Cause::Refused)),
        (400, "unsupported_grant_type", not_consumed(Cause::Refused)),
        (403, "unsupported_country_region_territory", not_consumed(Cause::Refused)),
        (400, "unknown", unknown(Cause::Refused)),
        (403, "unknown", unknown(Cause::Refused)),
        (404, "unknown", unknown(Cause::Refused)),
        (500, "unknown", unknown(Cause::ServerError)),
        (503, "unknown", unknown(Cause::ServerError)),
        (307, "unknown", unknown(Cause::Unreadable)),
    ] {
        assert_eq!(classify(status, code, None), meaning, "{status} {code}");
    }
}

#[test]
fn a_429_keeps_the_provider_s_delay() {
    let delay = Some(Duration::from_secs(90));
    let Failure::NotConsumed { retry_after, .. } = classify(429, "unknown", delay) else { panic!("consumed") };
    assert_eq!(retry_after, delay);
}

fn seconds(s: u64) -> Duration {
    Duration::from_secs(s)
}

#[test]
fn a_refresh_starts_early_and_never_before_half_a_life() {
    let policy = RefreshPolicy::default();
    for (lifetime, lead) in [
        (seconds(10 * 86_400), seconds(86_400)),
        (seconds(5 * 86_400), seconds(43_200)),
        (seconds(3_600), seconds(360)),
        (seconds(1_800), seconds(300)),
        (seconds(60), seconds(30)),
        (seconds(4), seconds(2)),
        (seconds(0), seconds(0)),
    ] {
        assert_eq!(policy.lead_for(lifetime), lead, "{lifetime:?}");
    }
}

#[test]
fn backoff_doubles_between_its_minimum_and_maximum() {
    let policy = RefreshPolicy::default();
    assert_eq!(policy.backoff(1, 0), seconds(30));
    assert_eq!(policy.backoff(1, u16::MAX), seconds(60));
    assert_eq!(policy.backoff(2, u16::MAX), seconds(120));
    assert_eq!(policy.backoff(u32::MAX, u16::MAX), seconds(300));
}

#[test]
fn invalid_policies_are_rejected() {
    let policy = RefreshPolicy::default();
    assert_eq!(policy.validate(), Ok(()));
    let short = RefreshPolicy { lease: seconds(40), ..policy.clone() };
    assert_eq!(short.validate(), Err(InvalidPolicy::LeaseTooShort));
    let inverted = RefreshPolicy { backoff_max: seconds(1), ..policy };
    assert_eq!(inverted.validate(), Err(InvalidPolicy::BackoffInverted));
}

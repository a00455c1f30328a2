//! Tests of the parts of the refresh protocol that `tests/model` does not cover: breaker, error codes and times.

use std::time::Duration;

use goclaw::domain::{
    ids::AccountName,
    refresh::{Breaker, Cause, Failure, InvalidPolicy, RefreshPolicy, classify},
    time::Timestamp,
};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix_seconds(seconds)
}

fn name(text: &str) -> AccountName {
    AccountName::parse(text).unwrap()
}

const PAUSE: Duration = Duration::from_secs(300);
/// Whether the account is the only one of its server.
const IS_ONLY: bool = true;

#[test]
fn the_breaker_opens_after_five_faults_in_a_row_and_admits_one_probe_after_the_pause() {
    let mut breaker = Breaker::default();
    let fault =
        |breaker: &mut Breaker, account, second| breaker.record_fault(&name(account), !IS_ONLY, PAUSE, at(second));
    for second in 0..4 {
        assert!(!fault(&mut breaker, if second == 0 { "a" } else { "b" }, second));
        assert_eq!(breaker.acquire_permission(&name("a"), PAUSE, at(second)), Ok(()), "four are too few");
    }
    assert!(fault(&mut breaker, "b", 4));
    assert_eq!((breaker.open_until(at(303)), breaker.open_until(at(304))), (Some(at(304)), None));
    breaker.release_probe(&name("a"), at(5));
    assert_eq!(
        breaker.acquire_permission(&name("a"), PAUSE, at(5)),
        Err(at(304)),
        "a call from before the pause does not end the pause"
    );
    assert_eq!(breaker.acquire_permission(&name("a"), PAUSE, at(304)), Ok(()), "the probe");
    assert_eq!(breaker.acquire_permission(&name("b"), PAUSE, at(305)), Err(at(604)), "other calls wait for the probe");
    assert!(fault(&mut breaker, "a", 306));
    assert_eq!(breaker.acquire_permission(&name("a"), PAUSE, at(307)), Err(at(606)));
    assert_eq!(breaker.acquire_permission(&name("a"), PAUSE, at(606)), Ok(()));
    breaker.release_probe(&name("b"), at(607));
    assert_eq!(
        breaker.acquire_permission(&name("b"), PAUSE, at(607)),
        Err(at(906)),
        "another account's call ends no probe"
    );
    breaker.release_probe(&name("a"), at(607));
    assert_eq!(
        breaker.acquire_permission(&name("a"), PAUSE, at(607)),
        Ok(()),
        "the first probe was given back without a call"
    );
    breaker.record_response();
    assert_eq!(breaker.acquire_permission(&name("a"), PAUSE, at(608)), Ok(()));
    assert!(!fault(&mut breaker, "a", 609), "the count starts again");
}

#[test]
fn the_breaker_opens_for_several_accounts_or_the_only_one_and_a_response_resets_it() {
    let mut breaker = Breaker::default();
    assert!(
        (0..20).all(|second| !breaker.record_fault(&name("a"), !IS_ONLY, PAUSE, at(second))),
        "the account may be the cause"
    );
    assert!(breaker.record_fault(&name("b"), !IS_ONLY, PAUSE, at(20)));
    let mut breaker = Breaker::default();
    assert_eq!(
        (0..5).filter(|second| breaker.record_fault(&name("a"), IS_ONLY, PAUSE, at(*second))).count(),
        1,
        "the only account"
    );
    let mut breaker = Breaker::default();
    for second in 0..20 {
        assert!(!breaker.record_fault(&name(if second % 2 == 0 { "a" } else { "b" }), !IS_ONLY, PAUSE, at(second)));
        if second % 4 == 3 {
            breaker.record_response();
        }
    }
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
        (400, "app_session_terminated", rejected(Cause::RefreshTokenInvalidated)),
        (400, "invalid_grant", rejected(Cause::InvalidGrant)),
        (401, "token_expired", rejected(Cause::InvalidGrant)),
        (200, "invalid_grant", rejected(Cause::InvalidGrant)),
        (400, "app_session_expired", rejected(Cause::RefreshTokenExpired)),
        (400, "app_session_terminated", rejected(Cause::RefreshTokenInvalidated)),
        (403, "account_deleted", rejected(Cause::AccountDeactivated)),
        (403, "workspace_deactivated", rejected(Cause::WorkspaceDeactivated)),
        (400, "account_deactivated", rejected(Cause::AccountDeactivated)),
        (403, "account_deactivated", rejected(Cause::AccountDeactivated)),
        (403, "deactivated_workspace", rejected(Cause::WorkspaceDeactivated)),
        (401, "unknown", rejected(Cause::Unauthorized)),
        (429, "unknown", not_consumed(Cause::RateLimited)),
        (401, "invalid_client", not_consumed(Cause::Refused)),
        (400, "unsupported_grant_type", not_consumed(Cause::Refused)),
        (403, "unsupported_country_region_territory", not_consumed(Cause::Refused)),
        (401, "requires_captcha", not_consumed(Cause::Refused)),
        (422, "missing_expired_token", not_consumed(Cause::Refused)),
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
fn a_refresh_starts_early_but_not_before_half_the_lifetime() {
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
    let (policy, full_spread) = (RefreshPolicy::default(), u16::MAX);
    assert_eq!(policy.backoff(1, 0), seconds(30));
    assert_eq!(policy.backoff(1, full_spread), seconds(60));
    assert_eq!(policy.backoff(2, full_spread), seconds(120));
    assert_eq!(policy.backoff(u32::MAX, full_spread), seconds(300));
}

#[test]
fn the_latest_send_and_the_longest_call_depend_on_lease_and_timeout() {
    let policy = RefreshPolicy::default();
    assert_eq!((policy.latest_send(), policy.longest_call()), (seconds(30), seconds(25)));
    let short = RefreshPolicy { http_timeout: seconds(4), lease: seconds(10), ..policy };
    assert_eq!((short.latest_send(), short.longest_call()), (seconds(4), seconds(5)));
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

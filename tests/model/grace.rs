//! Scenarios with a provider that accepts a spent token once more during a grace window, and cases outside of the
//! window.

use std::time::Duration;

use goclaw::domain::{
    ids::LoginId,
    refresh::{Cause, Effect, Failure, RefreshPolicy, RefreshState, RefreshTrigger, TokenState},
};

use crate::scenarios::{HOUR, LIFE, LOST, MINUTE, REFUSED, SIGNED_IN_AT, Story};

/// Longer than two leases, so that a takeover fits into the window.
const GRACE: Duration = Duration::from_secs(5 * 60);
/// No retry begins in this last part of the window, because a call takes time.
const MARGIN: Duration = Duration::from_secs(5);

fn signed_in() -> Story {
    let row =
        RefreshState::after_login(LoginId::from_bytes([1; 16]), true, SIGNED_IN_AT, Some(SIGNED_IN_AT.plus(LIFE)));
    let policy = RefreshPolicy { grace: GRACE, ..RefreshPolicy::default() };
    Story { row: Some(row), now: SIGNED_IN_AT.plus(HOUR), policy }
}

/// Returns an account in doubt, at the moment when its call timed out after 20 s.
fn in_doubt() -> Story {
    let mut story = signed_in();
    assert_eq!(story.begin("A", RefreshTrigger::Now), Effect::Present);
    story.pass(MINUTE / 3);
    assert_eq!(story.fail("A", LOST), Effect::Recorded);
    assert_eq!(story.row().state, TokenState::InDoubt);
    story
}

#[test]
fn a_lost_response_is_retried_immediately_for_every_trigger() {
    for trigger in [RefreshTrigger::Due, RefreshTrigger::Now, RefreshTrigger::Consented, RefreshTrigger::AccessDead] {
        let mut story = in_doubt();
        let seen = story.version();
        assert_eq!(story.row().next_attempt_at, None, "a retry within the window needs no pause");
        assert_eq!(story.begin("B", trigger), Effect::Present, "{trigger:?}");
        assert_eq!(story.succeed(&seen), Effect::Stored, "{trigger:?}");
    }
}

#[test]
fn after_the_grace_window_the_retry_waits_for_the_last_minutes() {
    let story = in_doubt();
    let sent_at = story.row().sent_at.unwrap();
    let last_minutes = story.last_minutes();
    let closes_at = sent_at.plus(GRACE - MARGIN);
    for (now, effect) in [
        (closes_at.minus(Duration::from_millis(1)), Effect::Present),
        (closes_at, Effect::Wait(last_minutes)),
        (sent_at.plus(GRACE), Effect::Wait(last_minutes)),
        (last_minutes, Effect::Present),
    ] {
        let mut at_that_time = Story { row: story.row.clone(), now, policy: story.policy.clone() };
        assert_eq!(at_that_time.begin("B", RefreshTrigger::Due), effect, "at {now:?}");
    }
}

#[test]
fn after_a_call_longer_than_the_window_the_retry_waits_for_the_last_minutes() {
    let mut story = signed_in();
    story.policy.grace = MINUTE / 3;
    assert_eq!(story.begin("A", RefreshTrigger::Now), Effect::Present);
    story.pass(MINUTE / 3);
    assert_eq!(story.fail("A", LOST), Effect::Recorded);
    assert!(story.row().next_attempt_at.is_some(), "after the window, the usual pause applies");
    story.pass(HOUR);
    assert_eq!(story.begin("A", RefreshTrigger::Due), Effect::Wait(story.last_minutes()));
}

#[test]
fn a_takeover_may_retry_in_the_rest_of_the_window() {
    let mut story = signed_in();
    assert_eq!(story.begin("A", RefreshTrigger::Now), Effect::Present);
    story.pass(story.policy.lease);
    assert_eq!((story.row().state, story.row().cause), (TokenState::InDoubt, Some(Cause::Interrupted)));
    assert_eq!(story.begin("B", RefreshTrigger::Due), Effect::Present);

    let mut late = signed_in();
    assert_eq!(late.begin("A", RefreshTrigger::Now), Effect::Present);
    late.pass(GRACE);
    assert_eq!(late.begin("B", RefreshTrigger::Due), Effect::Wait(late.last_minutes()));
}

#[test]
fn a_clock_set_back_before_the_call_closes_the_window() {
    let mut story = in_doubt();
    let sent_at = story.row().sent_at.unwrap();
    story.now = sent_at.minus(Duration::from_millis(1));
    assert_eq!(story.begin("B", RefreshTrigger::Due), Effect::Wait(story.last_minutes()));
    story.now = sent_at;
    assert_eq!(story.begin("B", RefreshTrigger::Due), Effect::Present);
}

/// The provider may have consumed the token with the first call, so the window starts there.
#[test]
fn a_later_call_does_not_restart_the_window() {
    let mut story = in_doubt();
    let first = story.row().sent_at;
    story.pass(MINUTE);
    assert_eq!(story.begin("B", RefreshTrigger::Due), Effect::Present);
    assert_eq!(story.row().sent_at, first);
    // The refusal does not settle whether the first call consumed the token.
    assert_eq!(story.fail("B", REFUSED), Effect::Recorded);
    story.now = first.unwrap().plus(GRACE);
    assert_eq!(story.begin("B", RefreshTrigger::Due), Effect::Wait(story.last_minutes()));
}

/// A refused call does not consume the token and leaves no doubt, so the next call counts as the first.
#[test]
fn the_window_starts_at_the_first_call_that_may_have_consumed_the_token() {
    let mut story = signed_in();
    assert_eq!(story.begin("A", RefreshTrigger::Now), Effect::Present);
    assert_eq!(story.fail("A", REFUSED), Effect::Recorded);
    story.pass(HOUR);
    assert_eq!(story.begin("A", RefreshTrigger::Now), Effect::Present);
    assert_eq!(story.row().sent_at, Some(story.now));
    assert_eq!(story.fail("A", LOST), Effect::Recorded);
    assert_eq!(story.begin("A", RefreshTrigger::Due), Effect::Present);
}

#[test]
fn the_window_allows_one_retry_and_respects_retry_after() {
    let mut story = in_doubt();
    assert_eq!(story.begin("B", RefreshTrigger::Due), Effect::Present);
    let wait = Duration::from_secs(150);
    let busy = Failure::NotConsumed { cause: Cause::RateLimited, retry_after: Some(wait) };
    assert_eq!(story.fail("B", busy), Effect::Recorded);
    assert_eq!(story.begin("B", RefreshTrigger::Due), Effect::Wait(story.now.plus(wait)));
    story.pass(wait);
    assert_eq!(story.begin("B", RefreshTrigger::Due), Effect::Present);

    assert_eq!(story.fail("B", LOST), Effect::Recorded);
    story.pass(MINUTE);
    assert!(story.now < story.row().sent_at.unwrap().plus(GRACE - MARGIN), "the window is still open");
    let dead_at = story.ends_at().minus(story.policy.serve_margin);
    assert_eq!(story.begin("B", RefreshTrigger::Due), Effect::Wait(dead_at));
}

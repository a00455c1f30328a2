//! Single scenarios of `step` with real times: cases that the search does not cover, mainly pauses and clocks, and
//! cases that deserve a name.

use std::time::Duration;

use goclaw::domain::{
    account::AccountLabels,
    ids::LoginId,
    provider::AuthMethod,
    provider_settings::TokenMetadata,
    refresh::{
        Cause, Effect, Failure, LeaseId, RefreshEvent, RefreshPolicy, RefreshState, RefreshTrigger, RevocationScope,
        Rotation, Step, TokenState, TokenVersion, step,
    },
    sealed_secret::SealedSecret,
    time::Timestamp,
};

pub(crate) const MINUTE: Duration = Duration::from_secs(60);
pub(crate) const HOUR: Duration = Duration::from_secs(60 * 60);
/// The lifetime of an access token.
pub(crate) const LIFE: Duration = Duration::from_secs(10 * 24 * 60 * 60);
pub(crate) const SIGNED_IN_AT: Timestamp = Timestamp::from_unix_seconds(2_000_000_000);

pub(crate) const LOST: Failure = Failure::Unknown(Cause::TimedOut);
const REJECTED: Failure = Failure::Rejected(Cause::RefreshTokenReused);
pub(crate) const REFUSED: Failure = Failure::NotConsumed { cause: Cause::RateLimited, retry_after: None };

/// One account and the current time. A lease is named after its replica.
pub(crate) struct Story {
    pub(crate) row: Option<RefreshState>,
    pub(crate) now: Timestamp,
    pub(crate) policy: RefreshPolicy,
}

impl Story {
    pub(crate) fn begin(&mut self, lease: &str, trigger: RefreshTrigger) -> Effect {
        let seen = self.version();
        self.apply(&RefreshEvent::Begin { seen, lease: LeaseId::from_stored(lease.to_owned()), trigger })
    }

    /// Records a failure with the longest backoff.
    pub(crate) fn fail(&mut self, lease: &str, failure: Failure) -> Effect {
        let seen = self.version();
        let lease = LeaseId::from_stored(lease.to_owned());
        self.apply(&RefreshEvent::Failed { seen, lease, failure, spread: u16::MAX })
    }

    pub(crate) fn succeed(&mut self, seen: &TokenVersion) -> Effect {
        self.apply(&RefreshEvent::Succeeded(rotation(seen, self.now)))
    }

    fn apply(&mut self, event: &RefreshEvent) -> Effect {
        let Step { row, effect, .. } = step(self.row.as_ref(), event, &self.policy, self.now);
        self.row = row;
        effect
    }

    /// Advances to the time at which a refresh may begin, and begins it.
    fn wait_and_begin(&mut self, lease: &str, trigger: RefreshTrigger) {
        let mut effect = self.begin(lease, trigger);
        if let Effect::Wait(until) = effect {
            self.now = until;
            effect = self.begin(lease, trigger);
        }
        assert_eq!(effect, Effect::Present, "at {:?}", self.now);
    }

    pub(crate) fn pass(&mut self, duration: Duration) {
        self.now = self.now.plus(duration);
    }

    pub(crate) fn row(&self) -> RefreshState {
        self.row.clone().unwrap().at(self.now)
    }

    pub(crate) fn version(&self) -> TokenVersion {
        self.row().version
    }

    pub(crate) fn ends_at(&self) -> Timestamp {
        self.row().expires_at.unwrap()
    }

    /// Returns the time from which a presentation risks only the access token's last minutes.
    pub(crate) fn last_minutes(&self) -> Timestamp {
        self.ends_at().minus(5 * MINUTE)
    }
}

fn signed_in() -> Story {
    let row =
        RefreshState::after_login(LoginId::from_bytes([1; 16]), true, SIGNED_IN_AT, Some(SIGNED_IN_AT.plus(LIFE)));
    Story { row: Some(row), now: SIGNED_IN_AT.plus(HOUR), policy: RefreshPolicy::default() }
}

/// Returns an account in doubt, an hour after a call with an unknown outcome.
fn in_doubt() -> Story {
    let mut story = signed_in();
    assert_eq!(story.begin("A", RefreshTrigger::Now), Effect::Present);
    story.pass(MINUTE / 3);
    assert_eq!(story.fail("A", LOST), Effect::Recorded);
    assert_eq!(story.row().state, TokenState::InDoubt);
    story.pass(HOUR);
    story
}

fn rotation(seen: &TokenVersion, now: Timestamp) -> Rotation {
    Rotation {
        version: seen.next(),
        access_token: SealedSecret::from_stored("access".to_owned()),
        refresh_token: Some(SealedSecret::from_stored("refresh".to_owned())),
        metadata: TokenMetadata {
            auth_method: AuthMethod::OAuth,
            obtained_at: now,
            expires_at: Some(now.plus(LIFE)),
            scopes: Vec::new(),
            account: AccountLabels::default(),
            cookie_rotates: false,
        },
        same_account: true,
    }
}

#[test]
fn a_late_response_is_stored_in_every_state() {
    type Meanwhile = fn(&mut Story);
    let meanwhile: [(&str, Meanwhile); 4] = [
        ("in doubt", |_| {}),
        ("another replica's retry is in flight", |story| {
            assert_eq!(story.begin("B", RefreshTrigger::Consented), Effect::Present)
        }),
        ("another replica's retry was rejected", |story| {
            assert_eq!(story.begin("B", RefreshTrigger::Consented), Effect::Present);
            assert_eq!(story.fail("B", REJECTED), Effect::Recorded);
            assert_eq!(story.row().state, TokenState::NeedsReauth);
        }),
        ("another replica's retry was lost", |story| {
            assert_eq!(story.begin("B", RefreshTrigger::Consented), Effect::Present);
            assert_eq!(story.fail("B", LOST), Effect::Recorded);
        }),
    ];
    for (name, meanwhile) in meanwhile {
        let mut story = in_doubt();
        let seen = story.version();
        meanwhile(&mut story);
        assert_eq!(story.succeed(&seen), Effect::Stored, "{name}");
        let stored = story.row();
        assert_eq!(
            (&stored.state, stored.attempt, stored.version.clone()),
            (&TokenState::Active, 0, seen.next()),
            "{name}"
        );
        for failure in [LOST, REJECTED, REFUSED] {
            let (seen, lease) = (seen.clone(), LeaseId::from_stored("B".to_owned()));
            assert_eq!(
                story.apply(&RefreshEvent::Failed { seen, lease, failure, spread: 0 }),
                Effect::UseCurrent,
                "{name}"
            );
            assert_eq!(story.row(), stored, "{name}");
        }
    }
}

#[test]
fn a_response_after_the_lease_has_expired_is_stored() {
    let mut story = signed_in();
    let seen = story.version();
    assert_eq!(story.begin("A", RefreshTrigger::Now), Effect::Present);
    story.pass(24 * HOUR);
    assert_eq!((story.row().state, story.row().cause), (TokenState::InDoubt, Some(Cause::Interrupted)));
    assert_eq!(story.succeed(&seen), Effect::Stored);
}

#[test]
fn begin_failure_and_commit_are_idempotent() {
    let mut story = signed_in();
    let seen = story.version();
    assert_eq!(story.begin("A", RefreshTrigger::Now), Effect::Present);
    let leased = story.row();
    story.pass(MINUTE / 6);
    assert_eq!(story.begin("A", RefreshTrigger::Now), Effect::Present, "a replica gets its own lease again");
    assert_eq!(story.row(), leased);
    assert!(matches!(story.begin("B", RefreshTrigger::Consented), Effect::Wait(_)));
    assert_eq!(story.row(), leased);

    for failure in [REFUSED, LOST] {
        let mut story = Story { row: Some(leased.clone()), policy: story.policy.clone(), ..story };
        assert_eq!(story.fail("A", failure), Effect::Recorded);
        let recorded = story.row();
        assert_eq!(story.fail("A", failure), Effect::UseCurrent);
        assert_eq!(story.row(), recorded);
    }

    assert_eq!(story.succeed(&seen), Effect::Stored);
    let stored = story.row();
    assert_eq!(story.succeed(&seen), Effect::Discard);
    assert_eq!(story.row(), stored);
}

#[test]
fn a_response_for_an_older_login_is_never_stored() {
    for (scope, after_a_new_login) in
        [(RevocationScope::Family, Effect::Revoke), (RevocationScope::Grant, Effect::Discard)]
    {
        let mut story = signed_in();
        story.policy.revocation = scope;
        let old = story.version();
        assert_eq!(story.begin("A", RefreshTrigger::Now), Effect::Present);
        story.row = None;
        assert_eq!(story.succeed(&old), Effect::Revoke, "{scope:?}: no account");
        assert_eq!(story.row, None);
        let new = RefreshState::after_login(LoginId::from_bytes([2; 16]), true, story.now, None);
        story.row = Some(new.clone());
        assert_eq!(story.succeed(&old), after_a_new_login, "{scope:?}");
        assert_eq!(story.row, Some(new));
    }
}

#[test]
fn a_response_for_another_account_is_not_stored() {
    let mut story = signed_in();
    let answer = Rotation { same_account: false, ..rotation(&story.version(), story.now) };
    assert_eq!(story.begin("A", RefreshTrigger::Now), Effect::Present);
    assert_eq!(story.apply(&RefreshEvent::Succeeded(answer)), Effect::Discard);
    assert_eq!((story.row().state, story.row().cause), (TokenState::NeedsReauth, Some(Cause::AccountMismatch)));
}

#[test]
fn after_refusals_and_a_lost_response_one_retry_is_left_while_the_access_token_is_valid() {
    let mut story = signed_in();
    for _ in 0..10 {
        story.wait_and_begin("A", RefreshTrigger::Now);
        assert_eq!(story.fail("A", REFUSED), Effect::Recorded);
        assert_eq!((story.row().state, story.row().attempt), (TokenState::Active, 0));
    }
    story.wait_and_begin("A", RefreshTrigger::Now);
    assert_eq!(story.fail("A", LOST), Effect::Recorded);

    assert_eq!(story.begin("A", RefreshTrigger::Due), Effect::Wait(story.last_minutes()));
    for _ in 0..3 {
        story.wait_and_begin("A", RefreshTrigger::Due);
        assert!(story.now < story.ends_at());
        assert_eq!(story.fail("A", REFUSED), Effect::Recorded);
        assert_eq!(
            (story.row().state, story.row().attempt),
            (TokenState::InDoubt, 1),
            "the doubt after the first call stays"
        );
        story.now = story.last_minutes();
        story.row.as_mut().unwrap().next_attempt_at = None;
    }
    story.wait_and_begin("A", RefreshTrigger::Due);
    assert_eq!(story.fail("A", LOST), Effect::Recorded);
    story.row.as_mut().unwrap().next_attempt_at = None;
    let dead_at = story.ends_at().minus(story.policy.serve_margin);
    for trigger in [RefreshTrigger::Due, RefreshTrigger::Now, RefreshTrigger::Consented] {
        assert_eq!(story.begin("A", trigger), Effect::Wait(dead_at), "{trigger:?}");
    }
}

#[test]
fn after_a_failed_connection_a_request_is_tried_at_once_and_after_a_429_it_waits() {
    for (cause, is_tried) in [(Cause::ConnectionRefused, true), (Cause::RateLimited, false), (Cause::Refused, false)] {
        let mut story = signed_in();
        assert_eq!(story.begin("A", RefreshTrigger::Now), Effect::Present);
        assert_eq!(story.fail("A", Failure::NotConsumed { cause, retry_after: None }), Effect::Recorded);
        assert_eq!(story.begin("A", RefreshTrigger::Now) == Effect::Present, is_tried, "{cause:?}");
    }
}

#[test]
fn a_request_without_consent_starts_no_retry_while_the_access_token_is_served() {
    let mut story = in_doubt();
    let dead_at = story.ends_at().minus(story.policy.serve_margin);
    for now in [story.now, story.last_minutes(), dead_at.minus(Duration::from_millis(1))] {
        story.now = now;
        assert_eq!(story.begin("A", RefreshTrigger::Now), Effect::Wait(dead_at), "{now:?}");
    }
    story.now = dead_at;
    assert_eq!(story.begin("A", RefreshTrigger::Now), Effect::Present);
}

#[test]
fn consent_starts_exactly_one_retry() {
    let mut story = in_doubt();
    assert_eq!(story.begin("A", RefreshTrigger::Consented), Effect::Present);
    assert!(matches!(story.begin("B", RefreshTrigger::Consented), Effect::Wait(_)));
    assert_eq!(story.fail("A", LOST), Effect::Recorded);
    story.pass(HOUR);
    let dead_at = story.ends_at().minus(story.policy.serve_margin);
    assert_eq!(story.begin("B", RefreshTrigger::Consented), Effect::Wait(dead_at));
}

#[test]
fn retries_continue_through_an_outage_longer_than_the_token_s_lifetime() {
    let mut story = in_doubt();
    story.now = story.last_minutes();
    story.wait_and_begin("A", RefreshTrigger::Due);
    let mut last = story.now;
    let mut calls = 0;
    while story.now < story.ends_at().plus(LIFE) {
        story.pass(MINUTE / 3);
        assert_eq!(story.fail("A", LOST), Effect::Recorded);
        story.wait_and_begin("A", RefreshTrigger::Due);
        let pause = last.until(story.now);
        // A call takes 20 s, and the longest backoff is five minutes.
        assert!((MINUTE / 2..6 * MINUTE).contains(&pause), "{pause:?} after {calls} calls");
        (last, calls) = (story.now, calls + 1);
    }
    assert!(calls > 2_000, "{calls}");
    let seen = story.version();
    assert_eq!(story.succeed(&seen), Effect::Stored);
}

#[test]
fn a_clock_set_forward_starts_the_retry_only_in_the_last_minutes() {
    let mut story = in_doubt();
    let last_minutes = story.last_minutes();
    story.now = last_minutes.minus(Duration::from_millis(1));
    assert_eq!(story.begin("A", RefreshTrigger::Due), Effect::Wait(last_minutes));
    story.now = last_minutes;
    assert!(story.now < story.row().served_until(&story.policy).unwrap(), "the access token is still served");
    assert_eq!(story.begin("A", RefreshTrigger::Due), Effect::Present);
}

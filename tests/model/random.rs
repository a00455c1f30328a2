//! Random rows, events, policies and times for [`crate::properties`]. Failing cases shrink towards the simplest one:
//! now, an Active row, the first version, the lease "A".

use std::time::Duration;

use goclaw::domain::{
    account::AccountLabels,
    ids::{Generation, LoginId},
    provider::AuthMethod,
    provider_settings::TokenMetadata,
    refresh::{
        Cause, Ending, Failure, Lease, LeaseId, RefreshEvent, RefreshPolicy, RefreshState, RefreshTrigger,
        RevocationScope, Rotation, TokenState, TokenVersion,
    },
    sealed_secret::SealedSecret,
    time::Timestamp,
};
use proptest::{
    collection::vec,
    prelude::*,
    test_runner::{Config, RngSeed},
};

/// The time around which all random times lie.
pub(crate) const NOW: Timestamp = Timestamp::from_unix_seconds(2_000_000_000);

/// Uses a fixed seed, so that only a code change can make a test fail.
pub(crate) fn config() -> Config {
    Config { cases: 2_000, rng_seed: RngSeed::Fixed(5), failure_persistence: None, ..Config::default() }
}

pub(crate) fn policies() -> impl Strategy<Value = RefreshPolicy> {
    let call = (1..40_u64, 1..60_u64);
    let before_expiry = (0..200_000_u64, 0..120_u64);
    let backoff = (1..60_u64, 0..600_u64);
    let grace = prop_oneof![3 => Just(0_u64), 1 => 1..900_u64];
    (call, before_expiry, backoff, grace, any::<bool>()).prop_map(|(call, before_expiry, backoff, grace, is_family)| {
        let policy = RefreshPolicy {
            http_timeout: Duration::from_secs(call.0),
            lease: Duration::from_secs(2 * call.0 + call.1),
            lead: Duration::from_secs(before_expiry.0),
            serve_margin: Duration::from_secs(before_expiry.1),
            backoff_min: Duration::from_secs(backoff.0),
            backoff_max: Duration::from_secs(backoff.0 + backoff.1),
            grace: Duration::from_secs(grace),
            revocation: if is_family { RevocationScope::Family } else { RevocationScope::Grant },
        };
        assert_eq!(policy.validate(), Ok(()));
        policy
    })
}

/// Generates times before and after [`NOW`], near enough to matter.
pub(crate) fn times() -> impl Strategy<Value = Timestamp> {
    let seconds = prop_oneof![-90..=90_i64, -3_600..=3_600_i64, -1_000_000..=1_000_000_i64];
    let millis = prop_oneof![3 => Just(0_i64), 1 => -1..=1_i64];
    (seconds, millis)
        .prop_map(|(seconds, millis)| Timestamp::from_unix_millis(NOW.unix_millis() + 1_000 * seconds + millis))
}

pub(crate) fn durations() -> impl Strategy<Value = Duration> {
    prop_oneof![0..100_u64, 0..4_000_u64, 0..1_000_000_u64].prop_map(Duration::from_secs)
}

pub(crate) fn versions() -> impl Strategy<Value = TokenVersion> {
    let rarely = || prop::bool::weighted(0.2).prop_map(u8::from);
    (rarely(), rarely()).prop_map(|(login, generation)| TokenVersion {
        login_id: LoginId::from_stored(format!("login {login}")),
        generation: Generation(generation.into()),
    })
}

pub(crate) fn leases() -> impl Strategy<Value = LeaseId> {
    prop::sample::select(vec!["A", "B", "C"]).prop_map(|name| LeaseId::from_stored(name.to_owned()))
}

pub(crate) fn triggers() -> impl Strategy<Value = RefreshTrigger> {
    prop::sample::select(vec![
        RefreshTrigger::Due,
        RefreshTrigger::Now,
        RefreshTrigger::Consented,
        RefreshTrigger::AccessDead,
    ])
}

fn causes() -> impl Strategy<Value = Cause> {
    prop::sample::select(Cause::ALL.iter().copied().filter(|cause| *cause != Cause::Restored).collect::<Vec<_>>())
}

fn failures() -> impl Strategy<Value = Failure> {
    prop_oneof![
        (causes(), prop::option::of(durations()))
            .prop_map(|(cause, retry_after)| Failure::NotConsumed { cause, retry_after }),
        causes().prop_map(Failure::Unknown),
        causes().prop_map(Failure::Rejected),
    ]
}

pub(crate) fn rotations() -> impl Strategy<Value = Rotation> {
    let lifetimes = prop::option::weighted(0.8, durations());
    (versions(), times(), lifetimes, prop::bool::weighted(0.8), prop::bool::weighted(0.9)).prop_map(
        |(seen, obtained_at, lifetime, is_rotated, same_account)| Rotation {
            version: seen.next(),
            access_token: SealedSecret::from_stored("access".to_owned()),
            refresh_token: is_rotated.then(|| SealedSecret::from_stored("refresh".to_owned())),
            metadata: TokenMetadata {
                auth_method: AuthMethod::OAuth,
                obtained_at,
                expires_at: lifetime.map(|lifetime| obtained_at.plus(lifetime)),
                scopes: Vec::new(),
                account: AccountLabels::default(),
                cookie_rotates: false,
            },
            same_account,
        },
    )
}

pub(crate) fn begins() -> impl Strategy<Value = RefreshEvent> {
    (versions(), leases(), triggers()).prop_map(|(seen, lease, trigger)| RefreshEvent::Begin { seen, lease, trigger })
}

pub(crate) fn failed_events() -> impl Strategy<Value = RefreshEvent> {
    (versions(), leases(), failures(), any::<u16>()).prop_map(|(seen, lease, failure, spread)| RefreshEvent::Failed {
        seen,
        lease,
        failure,
        spread,
    })
}

pub(crate) fn events() -> impl Strategy<Value = RefreshEvent> {
    let restored = (versions(), 0..3_u32).prop_map(|(known, attempt)| RefreshEvent::Restored { known, attempt });
    prop_oneof![begins(), failed_events(), rotations().prop_map(RefreshEvent::Succeeded), restored]
}

pub(crate) fn returned_events() -> impl Strategy<Value = RefreshEvent> {
    let endings = prop_oneof![
        Just(Ending::LoggedOut),
        Just(Ending::ReplacedByUnknown),
        rotations().prop_map(|newest| Ending::ReplacedBy(Box::new(newest)))
    ];
    (versions(), endings).prop_map(|(version, ending)| RefreshEvent::Returned { ended: version.login_id, ending })
}

/// Generates events, each with the time since the previous one.
pub(crate) fn histories() -> impl Strategy<Value = Vec<(Duration, RefreshEvent)>> {
    // Mostly begins and failures, because a success starts a new generation.
    let events = prop_oneof![4 => begins(), 3 => failed_events(), 1 => rotations().prop_map(RefreshEvent::Succeeded)];
    vec((durations(), events), 1..30)
}

/// Generates rows that satisfy [`is_sound`], with arbitrary times.
pub(crate) fn rows() -> impl Strategy<Value = RefreshState> {
    let states = prop_oneof![
        Just(TokenState::Active),
        (leases(), times()).prop_map(|(id, until)| TokenState::Refreshing(Lease { id, until })),
        Just(TokenState::InDoubt),
        Just(TokenState::NeedsReauth),
    ];
    let calls = (
        1..4_u32,
        0..20_u32,
        times(),
        prop::option::of(times()),
        prop_oneof![4 => causes(), 1 => Just(Cause::Restored)],
    );
    let life = (times(), prop::option::weighted(0.8, durations()), prop::bool::weighted(0.9));
    (versions(), states, calls, life).prop_map(|(version, state, calls, life)| {
        let (attempt, failures, sent_at, next_attempt_at, cause) = calls;
        let (obtained_at, lifetime, refreshable) = life;
        let expires_at = lifetime.map(|lifetime| obtained_at.plus(lifetime));
        // A restore counts as one presentation.
        let may_be_restored = match state {
            TokenState::InDoubt => true,
            TokenState::Refreshing(_) => attempt > 1,
            TokenState::Active | TokenState::NeedsReauth => false,
        };
        let cause = if cause == Cause::Restored && !may_be_restored { Cause::Refused } else { cause };
        RefreshState {
            attempt: if state == TokenState::Active { 0 } else { attempt },
            failures,
            sent_at: Some(sent_at),
            next_attempt_at,
            cause: Some(cause),
            version,
            state,
            ..RefreshState::after_login(LoginId::from_stored(String::new()), refreshable, obtained_at, expires_at)
        }
    })
}

/// Returns whether a row's state agrees with its attempts, its last presentation and its cause.
pub(crate) fn is_sound(row: &RefreshState) -> bool {
    match row.state {
        TokenState::Active => row.attempt == 0,
        TokenState::Refreshing(_) => row.attempt > 0 && row.sent_at.is_some(),
        TokenState::InDoubt => row.attempt > 0 && row.sent_at.is_some() && row.cause.is_some(),
        TokenState::NeedsReauth => row.cause.is_some(),
    }
}

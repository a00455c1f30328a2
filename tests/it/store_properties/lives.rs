//! Generates random sequences of operations on one account. Failing sequences shrink to few operations, no pauses and
//! the current tokens.

use std::time::Duration;

use goclaw::domain::refresh::{Cause, Failure, RefreshPolicy, RefreshTrigger, RevocationScope};
use proptest::{collection::vec, prelude::*};

/// The operations on one account, the first of which is a login.
#[derive(Debug, Clone)]
pub(super) struct Life {
    pub(super) provider: Provider,
    /// Operations with the milliseconds since the previous one. A negative pause sets the clock back.
    pub(super) operations: Vec<(i64, Operation)>,
}

/// The provider's configured behaviour.
#[derive(Debug, Clone, Copy)]
pub(super) enum Provider {
    Plain,
    RevocationEndsFamily,
    HasGraceWindow,
}

#[derive(Debug, Clone)]
pub(super) enum Operation {
    SignIn(ResponseKind),
    SignOut,
    Change { is_renamed: bool, enabled: Option<bool> },
    Refresh(Event),
}

/// Properties of a token response. The lifetime is in seconds.
#[derive(Debug, Clone, Copy)]
pub(super) struct ResponseKind {
    pub(super) lifetime: Option<u32>,
    pub(super) has_refresh_token: bool,
}

#[derive(Debug, Clone)]
pub(super) enum Event {
    Begin {
        seen: Seen,
        lease: u8,
        trigger: RefreshTrigger,
    },
    Succeeded {
        seen: Seen,
        kind: ResponseKind,
        same_account: bool,
    },
    Failed {
        seen: Seen,
        lease: u8,
        failure: Failure,
        /// Varies the backoff.
        spread: u16,
    },
    /// Repeats the last event, as a caller does when the store's response is lost.
    Again,
}

/// Which token version an event refers to.
#[derive(Debug, Clone)]
pub(super) enum Seen {
    /// The newest version, which may be that of a removed login.
    Current,
    /// Any version so far.
    Earlier(prop::sample::Index),
}

impl Provider {
    pub(super) fn policy(self) -> RefreshPolicy {
        let plain = RefreshPolicy::default();
        match self {
            Self::Plain => plain,
            Self::RevocationEndsFamily => RefreshPolicy { revocation: RevocationScope::Family, ..plain },
            Self::HasGraceWindow => RefreshPolicy { grace: Duration::from_secs(120), ..plain },
        }
    }
}

pub(super) fn lives() -> impl Strategy<Value = Life> {
    let provider =
        prop::sample::select(vec![Provider::Plain, Provider::RevocationEndsFamily, Provider::HasGraceWindow]);
    let first = response_kinds().prop_map(|kind| (0, Operation::SignIn(kind)));
    (provider, first, vec((pauses(), operations()), 11..25)).prop_map(|(provider, first, mut operations)| {
        // Most operations need a login first.
        operations.insert(0, first);
        Life { provider, operations }
    })
}

fn pauses() -> impl Strategy<Value = i64> {
    prop_oneof![8 => 0..30_000_i64, 4 => 0..400_000_i64, 2 => 0..4_000_000_i64, 1 => -5_000..0_i64]
}

fn operations() -> impl Strategy<Value = Operation> {
    let change = (any::<bool>(), any::<Option<bool>>())
        .prop_map(|(is_renamed, enabled)| Operation::Change { is_renamed, enabled });
    prop_oneof![
        18 => events().prop_map(Operation::Refresh),
        1 => change,
        1 => response_kinds().prop_map(Operation::SignIn),
        1 => Just(Operation::SignOut),
    ]
}

fn events() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => (seen(), leases(), triggers()).prop_map(|(seen, lease, trigger)| Event::Begin { seen, lease, trigger }),
        2 => (seen(), response_kinds(), prop::bool::weighted(0.9))
            .prop_map(|(seen, kind, same_account)| Event::Succeeded { seen, kind, same_account }),
        3 => (seen(), leases(), failures(), any::<u16>())
            .prop_map(|(seen, lease, failure, spread)| Event::Failed { seen, lease, failure, spread }),
        1 => Just(Event::Again),
    ]
}

fn response_kinds() -> impl Strategy<Value = ResponseKind> {
    let lifetimes = prop::sample::select(vec![Some(3_600), Some(60), Some(864_000), None]);
    (lifetimes, prop::bool::weighted(0.85))
        .prop_map(|(lifetime, has_refresh_token)| ResponseKind { lifetime, has_refresh_token })
}

fn seen() -> impl Strategy<Value = Seen> {
    prop_oneof![5 => Just(Seen::Current), 1 => any::<prop::sample::Index>().prop_map(Seen::Earlier)]
}

/// The leases of two replicas.
fn leases() -> impl Strategy<Value = u8> {
    0..2_u8
}

fn triggers() -> impl Strategy<Value = RefreshTrigger> {
    prop::sample::select(vec![
        RefreshTrigger::Now,
        RefreshTrigger::AccessDead,
        RefreshTrigger::Consented,
        RefreshTrigger::Due,
    ])
}

fn failures() -> impl Strategy<Value = Failure> {
    let causes = || prop::sample::select(Cause::ALL.to_vec());
    prop_oneof![
        2 => (causes(), prop::option::of((0..200_u64).prop_map(Duration::from_secs)))
            .prop_map(|(cause, retry_after)| Failure::NotConsumed { cause, retry_after }),
        2 => causes().prop_map(Failure::Unknown),
        1 => causes().prop_map(Failure::Rejected),
    ]
}

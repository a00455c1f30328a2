//! Changes the model's row with the production code: each change is one call of `step`.
//!
//! The model's row consists of small numbers. [`Stepper`] expands it into a real row at [`NOW`], calls `step`, and
//! shrinks the result. Each relevant time has one representative: a due access token has twelve hours left, a lease is
//! fresh, a call "long ago" was an hour ago. The model omits the wait after a failure: `next_attempt_at` has always
//! passed, because any later moment is equivalent to the first.

use std::time::Duration;

use goclaw::domain::{
    account::AccountLabels,
    ids::{Generation, LoginId},
    provider::AuthMethod,
    provider_settings::TokenMetadata,
    refresh::{
        self as real, Cause, Effect, Ending, Failure, Lease, LeaseId, RefreshEvent, RefreshPolicy, RefreshState,
        RefreshTrigger, RevocationScope, Rotation, Step, TokenVersion,
    },
    sealed_secret::SealedSecret,
    time::Timestamp,
};

use crate::{
    provider::Reuse,
    without::Mechanism,
    world::{Age, Answer, Holder, Row, Sent, Token, TokenState, Version},
};

pub(crate) const NOW: Timestamp = Timestamp::from_unix_seconds(2_000_000_000);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);
const LIFETIME: Duration = Duration::from_secs(10 * 24 * 60 * 60);
/// Longer than a lease, so that the window outlasts a crashed holder's lease.
const GRACE: Duration = Duration::from_secs(10 * 60);

const AGES: [Age; 5] = [Age::Fresh, Age::Due, Age::Last, Age::Expired, Age::Refused];
const SENDS: [Sent; 3] = [Sent::LongAgo, Sent::InTheWindow, Sent::JustNow];

/// Applies `step` to the model's row with a refresh policy, and without the mechanism that an ablation removes.
pub(crate) struct Stepper {
    policy: RefreshPolicy,
    without: Option<Mechanism>,
}

impl Stepper {
    pub(crate) fn new(reuse: Reuse, revocation: RevocationScope, without: Option<Mechanism>) -> Self {
        let grace = if reuse == Reuse::Graced { GRACE } else { Duration::ZERO };
        let mut policy = RefreshPolicy { grace, revocation, ..RefreshPolicy::default() };
        if let Some(mechanism) = without {
            mechanism.change_policy(&mut policy);
        }
        assert_eq!(policy.validate(), Ok(()));
        Self { policy, without }
    }

    pub(crate) fn signed_in(&self, login: u8, token: Token) -> Row {
        let (obtained_at, expires_at) = life(Age::Fresh);
        let state = RefreshState::after_login(login_id(login), true, obtained_at, Some(expires_at));
        self.shrink(&state, Age::Fresh, token)
    }

    pub(crate) fn begin(&self, row: Row, seen: Version, by: usize, trigger: RefreshTrigger) -> (Row, Effect) {
        let by = Holder::Replica(by);
        let (after, effect) =
            self.step(Some(row), RefreshEvent::Begin { seen: seen.real(), lease: by.real(), trigger }, by);
        (after.expect("a begin leaves the row"), effect)
    }

    pub(crate) fn fail(&self, row: Option<Row>, seen: Version, by: usize, failure: Failure) -> Option<Row> {
        let by = Holder::Replica(by);
        let event = RefreshEvent::Failed { seen: seen.real(), lease: by.real(), failure, spread: 0 };
        self.step(row, event, by).0
    }

    pub(crate) fn succeed(&self, row: Option<Row>, answer: &Answer, by: usize) -> (Option<Row>, Effect) {
        let (mut after, effect) = self.step(row, RefreshEvent::Succeeded(rotation(answer)), Holder::Replica(by));
        if let (Some(row), Effect::Stored) = (&mut after, effect) {
            row.token = answer.token;
        }
        (after, effect)
    }

    pub(crate) fn note_restore(&self, row: Row, known: Version, attempt: u8) -> Row {
        let event = RefreshEvent::Restored { known: known.real(), attempt: attempt.into() };
        self.step(Some(row), event, Holder::Nobody).0.expect("a restore leaves the row")
    }

    /// Ends a login that a restore brought back. `newest` has the tokens of its successor, if a journal has them.
    pub(crate) fn end_restored_login(&self, row: Row, is_logged_out: bool, newest: Option<&Answer>) -> Option<Row> {
        let ending = match newest {
            _ if is_logged_out => Ending::LoggedOut,
            Some(answer) => Ending::ReplacedBy(Box::new(rotation(answer))),
            None => Ending::ReplacedByUnknown,
        };
        let event = RefreshEvent::Returned { ended: login_id(row.version.login), ending };
        let after = self.step(Some(row), event, Holder::Nobody).0;
        after.map(|after| Row { token: newest.map_or(after.token, |answer| answer.token), ..after })
    }

    /// Returns the row after its lease has expired.
    pub(crate) fn lease_over(&self, row: Row) -> Row {
        let mut state = expand(&row);
        if let real::TokenState::Refreshing(lease) = &mut state.state {
            lease.until = NOW;
        }
        let mut step = Step { row: Some(state.at(NOW)), effect: Effect::Recorded, events: Vec::new() };
        if let Some(mechanism) = self.without {
            mechanism.forget_doubt(&mut step);
        }
        self.shrink(&step.row.expect("a row"), row.age, row.token)
    }

    fn step(&self, row: Option<Row>, event: RefreshEvent, by: Holder) -> (Option<Row>, Effect) {
        let mut state = row.as_ref().map(expand);
        let step = match self.without {
            None => real::step(state.as_ref(), &event, &self.policy, NOW),
            Some(mechanism) => mechanism.step_without(&mut state, event, &by.real(), &self.policy),
        };
        // Only an ablation commits without a row. A missing row has no age or token to keep.
        let (age, token) = row.map_or((Age::Fresh, Token { family: 0, number: 0 }), |row| (row.age, row.token));
        (step.row.map(|state| self.shrink(&state, age, token)), step.effect)
    }

    fn shrink(&self, state: &RefreshState, age_before: Age, token: Token) -> Row {
        let is_of_age = |age: &Age| state.expires_at == Some(life(*age).1);
        let uses_sent = matches!(state.state, real::TokenState::Refreshing(_) | real::TokenState::InDoubt);
        let is_not_after_call = |sent: &Sent| state.sent_at.is_some_and(|at| at >= sent_at(*sent));
        Row {
            version: Version {
                login: number(state.version.login_id.as_str()),
                generation: state.version.generation.0 as u8,
            },
            state: match &state.state {
                real::TokenState::Active => TokenState::Active,
                real::TokenState::Refreshing(lease) => TokenState::Refreshing(match number(lease.id.as_str()) {
                    0 => Holder::Nobody,
                    replica => Holder::Replica(usize::from(replica) - 1),
                }),
                real::TokenState::InDoubt => TokenState::InDoubt,
                real::TokenState::NeedsReauth => TokenState::NeedsReauth,
            },
            attempt: state.attempt.min(6) as u8,
            // Only these states use `sent`, and only with a grace window.
            sent: if uses_sent && !self.policy.grace.is_zero() {
                SENDS.into_iter().rfind(is_not_after_call).unwrap_or(Sent::LongAgo)
            } else {
                Sent::LongAgo
            },
            is_restored: state.cause == Some(Cause::Restored),
            age: AGES.into_iter().find(is_of_age).unwrap_or(age_before),
            token,
        }
    }
}

fn expand(row: &Row) -> RefreshState {
    let (obtained_at, expires_at) = life(row.age);
    RefreshState {
        version: row.version.real(),
        state: match row.state {
            TokenState::Active => real::TokenState::Active,
            TokenState::Refreshing(holder) => {
                real::TokenState::Refreshing(Lease { id: holder.real(), until: NOW.plus(MINUTE / 2) })
            }
            TokenState::InDoubt => real::TokenState::InDoubt,
            TokenState::NeedsReauth => real::TokenState::NeedsReauth,
        },
        attempt: row.attempt.into(),
        failures: 0,
        sent_at: Some(sent_at(row.sent)),
        next_attempt_at: Some(NOW.minus(MINUTE)),
        cause: row.is_restored.then_some(Cause::Restored),
        refreshable: true,
        obtained_at,
        expires_at: Some(expires_at),
        cookie_rotates: false,
    }
}

/// Returns the start and end of the lifetime of an access token of this age.
fn life(age: Age) -> (Timestamp, Timestamp) {
    let expires_at = match age {
        Age::Fresh => NOW.plus(LIFETIME - HOUR),
        Age::Due => NOW.plus(12 * HOUR),
        Age::Last => NOW.plus(4 * MINUTE),
        Age::Expired => NOW.minus(HOUR),
        // Valid by the clock, although the provider refuses the token.
        Age::Refused => NOW.plus(LIFETIME - 2 * HOUR),
    };
    (expires_at.minus(LIFETIME), expires_at)
}

/// Returns the time of a call whose caller cannot be waiting for the response any more.
fn sent_at(sent: Sent) -> Timestamp {
    NOW.minus(match sent {
        Sent::LongAgo => HOUR,
        Sent::InTheWindow => GRACE / 2 + MINUTE,
        Sent::JustNow => MINUTE / 2,
    })
}

impl Version {
    pub(crate) fn next(self) -> Self {
        Self { generation: self.generation + 1, ..self }
    }

    pub(crate) fn before(self) -> Self {
        Self { generation: self.generation - 1, ..self }
    }

    fn real(self) -> TokenVersion {
        TokenVersion { login_id: login_id(self.login), generation: Generation(self.generation.into()) }
    }
}

impl Holder {
    fn real(self) -> LeaseId {
        LeaseId::from_stored(match self {
            Self::Nobody => "0".to_owned(),
            Self::Replica(replica) => (replica + 1).to_string(),
        })
    }
}

fn login_id(login: u8) -> LoginId {
    LoginId::from_stored(login.to_string())
}

fn number(id: &str) -> u8 {
    id.parse().expect("the model's ids are numbers")
}

fn rotation(answer: &Answer) -> Rotation {
    let (obtained_at, expires_at) = life(answer.age);
    Rotation {
        version: answer.version.real(),
        access_token: SealedSecret::from_stored(String::new()),
        refresh_token: Some(SealedSecret::from_stored(String::new())),
        metadata: TokenMetadata {
            auth_method: AuthMethod::OAuth,
            obtained_at,
            expires_at: Some(expires_at),
            scopes: Vec::new(),
            account: AccountLabels::default(),
            cookie_rotates: false,
        },
        same_account: true,
    }
}

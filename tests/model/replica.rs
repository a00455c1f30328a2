//! The moves of a replica: begin, send, receive and commit, and how each can fail.
//!
//! ```text
//! Idle --begin--> Leased --send--> Sent --answer--> Holding --commit--> Idle
//!                                  Sent --rejected, lost, refused--> Idle
//! ```
//! A replica first writes new tokens to its journal on disk. It retries the commit until it succeeds, also after a
//! restart.

use goclaw::domain::refresh::{Cause, Effect, Failure, RefreshTrigger, RevocationScope};

use crate::{
    invariants::Invariant,
    system::{Move, Moves, System, Who},
    without::Mechanism,
    world::{Age, Answer, Chance, Flight, Outcome, Replica, Row, TokenState, Version, Why, World},
};

impl System {
    pub(crate) fn replica_moves(&self, world: &World, at: usize, moves: &mut Moves) {
        let who = Who::Replica(at);
        match world.replicas[at] {
            Replica::Down(None) => {
                moves.go(who, "starts", |to| to.replicas[at] = Replica::Idle);
            }
            Replica::Down(Some(answer)) => {
                moves.go(who, "starts and replays its journal", |to| to.replicas[at] = Replica::Holding(answer));
            }
            Replica::Idle => self.idle(world, at, moves),
            Replica::Asking(flight) => self.ask_again(world, at, flight, moves),
            Replica::Leased(flight) => self.send(world, at, flight, moves),
            Replica::Sent(flight, outcome) => self.receive(world, at, flight, outcome, moves),
            Replica::Holding(answer) | Replica::CutOff(answer) => self.commit(world, at, answer, moves),
        }
    }

    fn idle(&self, world: &World, at: usize, moves: &mut Moves) {
        // The replicas have a later version than a restored row, so they cannot begin. If a replica has the same
        // version and has presented it, it could begin in the half second before it notices the restore. This is not
        // modelled: see the limits in `docs/refresh.md`.
        if world.restored.is_some() {
            return;
        }
        let Some(row) = world.row.filter(|row| row.version.generation < self.setting.generations) else { return };
        if let Some((after, why)) = self.begin(row, row.version, at, RefreshTrigger::Due) {
            self.take_off(at, after, why, moves, |_| {}).breaks(Invariant::I15, row.is_restored);
        }
        if row.age == Age::Refused
            && let Some((after, why)) = self.begin(row, row.version, at, RefreshTrigger::AccessDead)
        {
            self.take_off(at, after, why, moves, |_| {}).breaks(Invariant::I15, row.is_restored);
        }
        // After a restore, the gateway waits until no earlier call can be under way.
        let is_settled = !row.is_restored || !world.replicas.iter().any(Replica::waits);
        if let Some(ask) = world.ask.filter(|_| is_settled)
            && let Some((after, why)) = self.begin(row, ask.seen, at, ask.trigger)
        {
            let next = self.take_off(at, after, why, moves, |to| to.ask = None);
            next.breaks(Invariant::I3, ask.seen != row.version);
        }
    }

    /// Returns the row and the reason if the production code lets a refresh begin.
    fn begin(&self, row: Row, seen: Version, at: usize, trigger: RefreshTrigger) -> Option<(Row, Why)> {
        let (after, effect) = self.ledger.begin(row, seen, at, trigger);
        let why = match row.state {
            TokenState::InDoubt if trigger == RefreshTrigger::Consented => Why::Consented,
            TokenState::InDoubt => Why::Retry,
            TokenState::Active | TokenState::Refreshing(_) | TokenState::NeedsReauth => Why::First,
        };
        (effect == Effect::Send).then_some((after, why))
    }

    fn take_off<'a>(
        &self,
        at: usize,
        row: Row,
        why: Why,
        moves: &'a mut Moves,
        also: impl Fn(&mut World),
    ) -> &'a mut Move {
        let flight = Flight { version: row.version, token: row.token, age: row.age, why, paused: false };
        let unheard =
            if self.is_without(Mechanism::LeaseNamedByItsCaller) { Replica::Idle } else { Replica::Asking(flight) };
        let begin = |replica| {
            move |to: &mut World| {
                to.row = Some(row);
                to.replicas[at] = replica;
            }
        };
        let what = match why {
            Why::First => "begins",
            Why::Retry => "begins the retry",
            Why::Consented => "begins the retry it was asked for",
        };
        moves
            .go(Who::Replica(at), "begins, answer of the database lost", |to| {
                begin(unheard)(to);
                also(to);
            })
            .by(Chance::Database);
        moves.go(Who::Replica(at), what, |to| {
            begin(Replica::Leased(flight))(to);
            also(to);
        })
    }

    /// A replica whose `begin` got no response from the database repeats it with the same lease id.
    fn ask_again(&self, world: &World, at: usize, flight: Flight, moves: &mut Moves) {
        let who = Who::Replica(at);
        let trigger = if flight.why == Why::Consented { RefreshTrigger::Consented } else { RefreshTrigger::Due };
        let granted =
            world.row.and_then(|row| self.begin(row, flight.version, at, trigger).map(|granted| (row, granted)));
        match granted {
            Some((before, (row, why))) => {
                let is_refreshed = before.state == TokenState::InDoubt;
                let why = if is_refreshed { why } else { flight.why };
                let flight = Flight { age: row.age, why, ..flight };
                moves.go(who, "asks again, is let", |to| {
                    to.row = Some(row);
                    to.replicas[at] = Replica::Leased(flight);
                });
            }
            None => {
                moves.go(who, "asks again, is not let", |to| to.replicas[at] = Replica::Idle);
            }
        }
        moves.go(who, "gives up asking", |to| to.replicas[at] = Replica::Idle).by(Chance::Database);
        moves.go(who, "crashes", |to| to.replicas[at] = Replica::Down(None)).by(Chance::Crash);
    }

    fn send(&self, world: &World, at: usize, flight: Flight, moves: &mut Moves) {
        let who = Who::Replica(at);
        let (token, seen) = (flight.token, flight.version);
        let sent = |outcome| {
            move |to: &mut World| {
                to.family(token).show(token.number, flight.age);
                to.replicas[at] = Replica::Sent(flight, outcome);
            }
        };

        let mut family = *world.family_of(token);
        let new = family.present(token.number, self.setting.reuse);
        let kills = world.family_of(token).alive && !family.alive;
        let was_good = flight.why == Why::Retry && flight.age < Age::Last && !flight.paused;
        let (outcome, what, unheard) = match new {
            Some(number) => {
                let answer =
                    Answer { version: seen.next(), token: crate::world::Token { number, ..token }, age: Age::Fresh };
                (Outcome::Answered(answer), "sends, is answered", "sends, is answered, answer lost")
            }
            None if kills => (Outcome::Rejected, "sends, KILLS THE FAMILY", "sends, KILLS THE FAMILY, answer lost"),
            None => (Outcome::Rejected, "sends, is rejected", "sends, is rejected, answer lost"),
        };
        let next = moves.go(who, what, |to| {
            *to.family(token) = family;
            sent(outcome)(to);
        });
        next.breaks(Invariant::I4, kills && !world.excused).breaks(Invariant::I13, kills && was_good);
        let next = moves.go(who, unheard, |to| {
            *to.family(token) = family;
            sent(Outcome::Lost)(to);
            to.excused = true;
        });
        next.by(Chance::LostAnswer);
        next.breaks(Invariant::I4, kills && !world.excused).breaks(Invariant::I13, kills && was_good);
        moves.go(who, "sends, request lost", sent(Outcome::Lost)).by(Chance::LostRequest);
        let refused = Replica::Sent(flight, Outcome::Refused);
        moves.go(who, "is refused, token not taken", |to| to.replicas[at] = refused).by(Chance::Refused);
        moves.go(who, "crashes before it sends", |to| to.replicas[at] = Replica::Down(None)).by(Chance::Crash);
    }

    fn receive(&self, world: &World, at: usize, flight: Flight, outcome: Outcome, moves: &mut Moves) {
        let who = Who::Replica(at);
        let answered = matches!(outcome, Outcome::Answered(_));
        let crash = moves.go(who, "crashes while it waits", |to| {
            to.replicas[at] = Replica::Down(None);
            to.excused |= answered;
        });
        crash.by(Chance::Crash);
        let (failure, what, unwritten) = match outcome {
            Outcome::Answered(answer) => {
                moves.go(who, "receives, writes its journal", |to| to.replicas[at] = Replica::Holding(answer));
                return;
            }
            Outcome::Rejected => {
                (Failure::Rejected(Cause::InvalidGrant), "records the rejection", "fails to record the rejection")
            }
            Outcome::Lost => (Failure::Unknown(Cause::TimedOut), "records the loss", "fails to record the loss"),
            Outcome::Refused => {
                let failure = Failure::NotConsumed { cause: Cause::RateLimited, retry_after: None };
                (failure, "records the refusal", "fails to record the refusal")
            }
        };
        let row = self.ledger.failed(world.row, flight.version, at, failure);
        let condemns_another =
            row.is_some_and(|row| row.state == TokenState::NeedsReauth && row.version != flight.version);
        let next = moves.go(who, what, |to| {
            to.row = row;
            to.replicas[at] = Replica::Idle;
        });
        next.breaks(Invariant::I9, condemns_another && row != world.row);
        if row != world.row {
            moves.go(who, unwritten, |to| to.replicas[at] = Replica::Idle).by(Chance::Database);
        }
    }

    fn commit(&self, world: &World, at: usize, answer: Answer, moves: &mut Moves) {
        let who = Who::Replica(at);
        let is_wanted = world.row.is_some_and(|row| row.version.next() == answer.version);
        let (row, effect) = match self.replaced_by(world, &answer) {
            Some(row) => (Some(row), Effect::Stored),
            None => self.ledger.answered(world.row, &answer, at),
        };
        let is_stored = effect == Effect::Stored && self.is_ever_restored();
        let committed = |replica| {
            move |to: &mut World| {
                to.row = row;
                to.replicas[at] = replica;
                // A record from the journal may be older than the stored one.
                if is_stored && to.journal.is_none_or(|kept| kept.version < answer.version) {
                    to.journal = Some(answer);
                }
            }
        };
        let keeps = !self.is_without(Mechanism::AnswerKeptOnDatabaseError);
        let journal = (!self.is_without(Mechanism::Journal)).then_some(answer);

        match effect {
            Effect::Stored => {
                moves.go(who, "commits", committed(Replica::Idle));
                moves
                    .go(who, "commits, crashes before it clears its journal", committed(Replica::Down(journal)))
                    .by(Chance::Crash);
                if keeps {
                    moves
                        .go(who, "commits, answer of the database lost", committed(Replica::CutOff(answer)))
                        .by(Chance::Database);
                }
            }
            Effect::Revoke => self.revoke(world, at, answer, moves),
            Effect::Discard | Effect::UseCurrent | Effect::Recorded | Effect::Send | Effect::Wait(_) => {
                let discard = moves.go(who, "discards its answer", committed(Replica::Idle));
                discard.breaks(Invariant::I8, is_wanted).breaks(Invariant::I15, is_of_successor(world, &answer));
            }
        }
        let crash = moves.go(who, "crashes with its answer", |to| {
            to.replicas[at] = Replica::Down(journal);
            to.excused = true;
        });
        crash.by(Chance::Crash).breaks(Invariant::I8, is_wanted && journal.is_none());
        if keeps {
            moves.go(who, "cannot commit", |to| to.replicas[at] = Replica::CutOff(answer)).by(Chance::Database);
        } else {
            // This ablation treats the failure as if nothing had been sent.
            let unsent = Failure::NotConsumed { cause: Cause::NoConnection, retry_after: None };
            let row = self.ledger.failed(world.row, answer.version.before(), at, unsent);
            let drop = moves.go(who, "cannot commit, drops its answer", |to| {
                to.row = row;
                to.replicas[at] = Replica::Idle;
            });
            drop.by(Chance::Database).breaks(Invariant::I8, is_wanted);
        }
    }

    fn revoke(&self, world: &World, at: usize, answer: Answer, moves: &mut Moves) {
        let reaches_all = self.setting.revocation == RevocationScope::Grant;
        let is_lost = |row: Row| reaches_all || row.token.family == answer.token.family;
        let harms = world.row.is_some_and(|row| world.family_of(row.token).alive && is_lost(row));
        let next = moves.go(Who::Replica(at), "revokes its answer", |to| {
            for (family, tokens) in (0..).zip(&mut to.families) {
                tokens.alive &= !(reaches_all || family == answer.token.family);
            }
            to.replicas[at] = Replica::Idle;
        });
        next.breaks(Invariant::I6, harms).breaks(Invariant::I15, is_of_successor(world, &answer));
    }
}

/// Returns whether a response belongs to the login that replaced the row's login.
fn is_of_successor(world: &World, answer: &Answer) -> bool {
    let row = world.row.filter(|row| row.version.login != answer.version.login);
    row.is_some_and(|row| world.successor(row.version.login) == Some(answer.version.login))
}

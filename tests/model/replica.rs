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
    world::{Age, Answer, Chance, HeldLease, Outcome, Replica, Row, TokenState, Version, Why, World},
};

impl System {
    /// Adds the moves of the replica with the index `at`.
    pub(crate) fn replica_moves(&self, world: &World, at: usize, moves: &mut Moves) {
        let who = Who::Replica(at);
        match world.replicas[at] {
            Replica::Down(None) => {
                moves.add(who, "starts", |new| new.replicas[at] = Replica::Idle);
            }
            Replica::Down(Some(answer)) => {
                moves.add(who, "starts and replays its journal", |new| new.replicas[at] = Replica::Holding(answer));
            }
            Replica::Idle => self.begin_moves(world, at, moves),
            Replica::Asking(lease) => self.ask_again(world, at, lease, moves),
            Replica::Leased(lease) => self.send(world, at, lease, moves),
            Replica::Sent(lease, outcome) => self.receive(world, at, lease, outcome, moves),
            Replica::Holding(answer) | Replica::CutOff(answer) => self.commit(world, at, answer, moves),
        }
    }

    fn begin_moves(&self, world: &World, at: usize, moves: &mut Moves) {
        // The replicas have a later version than a restored row, so they cannot begin. If a replica has the same
        // version and has presented it, it could begin in the half second before it notices the restore. This is not
        // modelled: see the limits in `docs/refresh.md`.
        if world.restored.is_some() {
            return;
        }
        let Some(row) = world.row.filter(|row| row.version.generation < self.setting.generations) else { return };
        if let Some((after, why)) = self.begin(row, row.version, at, RefreshTrigger::Due) {
            self.add_begin(at, after, why, moves, |_| {}).breaks(Invariant::I15, row.is_restored);
        }
        if row.age == Age::Refused
            && let Some((after, why)) = self.begin(row, row.version, at, RefreshTrigger::AccessDead)
        {
            self.add_begin(at, after, why, moves, |_| {}).breaks(Invariant::I15, row.is_restored);
        }
        // After a restore, the gateway waits until no earlier call can be under way.
        let is_settled = !row.is_restored || !world.replicas.iter().any(Replica::waits);
        if let Some(ask) = world.ask.filter(|_| is_settled)
            && let Some((after, why)) = self.begin(row, ask.seen, at, ask.trigger)
        {
            let added = self.add_begin(at, after, why, moves, |new| new.ask = None);
            added.breaks(Invariant::I3, ask.seen != row.version);
        }
    }

    /// Returns the row and the reason if the production code lets a refresh begin.
    fn begin(&self, row: Row, seen: Version, at: usize, trigger: RefreshTrigger) -> Option<(Row, Why)> {
        let (after, effect) = self.stepper.begin(row, seen, at, trigger);
        let why = match row.state {
            TokenState::InDoubt if trigger == RefreshTrigger::Consented => Why::Consented,
            TokenState::InDoubt => Why::Retry,
            TokenState::Active | TokenState::Refreshing(_) | TokenState::NeedsReauth => Why::First,
        };
        (effect == Effect::Present).then_some((after, why))
    }

    /// Adds two moves of a replica that begins a refresh: the database's response is lost, or it arrives. Returns the
    /// second one. `also` changes the new worlds further.
    fn add_begin<'a>(
        &self,
        at: usize,
        row: Row,
        why: Why,
        moves: &'a mut Moves,
        also: impl Fn(&mut World),
    ) -> &'a mut Move {
        let lease = HeldLease { version: row.version, token: row.token, age: row.age, why, paused: false };
        let without_response =
            if self.is_without(Mechanism::LeaseNamedByItsCaller) { Replica::Idle } else { Replica::Asking(lease) };
        let begin = |replica| {
            move |new: &mut World| {
                new.row = Some(row);
                new.replicas[at] = replica;
            }
        };
        let what = match why {
            Why::First => "begins",
            Why::Retry => "begins the retry",
            Why::Consented => "begins the retry it was asked for",
        };
        moves
            .add(Who::Replica(at), "begins, answer of the database lost", |new| {
                begin(without_response)(new);
                also(new);
            })
            .by(Chance::Database);
        moves.add(Who::Replica(at), what, |new| {
            begin(Replica::Leased(lease))(new);
            also(new);
        })
    }

    /// Adds the moves of a replica whose `begin` got no response from the database: it repeats the call with the same
    /// lease id.
    fn ask_again(&self, world: &World, at: usize, lease: HeldLease, moves: &mut Moves) {
        let who = Who::Replica(at);
        let trigger = if lease.why == Why::Consented { RefreshTrigger::Consented } else { RefreshTrigger::Due };
        let granted =
            world.row.and_then(|row| self.begin(row, lease.version, at, trigger).map(|granted| (row, granted)));
        match granted {
            Some((before, (row, why))) => {
                let is_in_doubt = before.state == TokenState::InDoubt;
                let why = if is_in_doubt { why } else { lease.why };
                let lease = HeldLease { age: row.age, why, ..lease };
                moves.add(who, "asks again, gets the lease", |new| {
                    new.row = Some(row);
                    new.replicas[at] = Replica::Leased(lease);
                });
            }
            None => {
                moves.add(who, "asks again, gets no lease", |new| new.replicas[at] = Replica::Idle);
            }
        }
        moves.add(who, "gives up asking", |new| new.replicas[at] = Replica::Idle).by(Chance::Database);
        moves.add(who, "crashes", |new| new.replicas[at] = Replica::Down(None)).by(Chance::Crash);
    }

    fn send(&self, world: &World, at: usize, lease: HeldLease, moves: &mut Moves) {
        let who = Who::Replica(at);
        let (token, seen) = (lease.token, lease.version);
        let send_with = |outcome| {
            move |new: &mut World| {
                new.family(token).count_presentation(token.number, lease.age);
                new.replicas[at] = Replica::Sent(lease, outcome);
            }
        };

        let mut family = *world.family_of(token);
        let successor = family.present(token.number, self.setting.reuse);
        let kills = world.family_of(token).alive && !family.alive;
        let risks_valid_token = lease.why == Why::Retry && lease.age < Age::Last && !lease.paused;
        let (outcome, what, what_if_lost) = match successor {
            Some(number) => {
                let answer =
                    Answer { version: seen.next(), token: crate::world::Token { number, ..token }, age: Age::Fresh };
                (Outcome::Answered(answer), "sends, is answered", "sends, is answered, answer lost")
            }
            None if kills => (Outcome::Rejected, "sends, KILLS THE FAMILY", "sends, KILLS THE FAMILY, answer lost"),
            None => (Outcome::Rejected, "sends, is rejected", "sends, is rejected, answer lost"),
        };
        let added = moves.add(who, what, |new| {
            *new.family(token) = family;
            send_with(outcome)(new);
        });
        added.breaks(Invariant::I4, kills && !world.excused).breaks(Invariant::I13, kills && risks_valid_token);
        let added = moves.add(who, what_if_lost, |new| {
            *new.family(token) = family;
            send_with(Outcome::Lost)(new);
            new.excused = true;
        });
        added.by(Chance::LostAnswer);
        added.breaks(Invariant::I4, kills && !world.excused).breaks(Invariant::I13, kills && risks_valid_token);
        moves.add(who, "sends, request lost", send_with(Outcome::Lost)).by(Chance::LostRequest);
        let refused = Replica::Sent(lease, Outcome::Refused);
        moves.add(who, "is refused, token not taken", |new| new.replicas[at] = refused).by(Chance::Refused);
        moves.add(who, "crashes before it sends", |new| new.replicas[at] = Replica::Down(None)).by(Chance::Crash);
    }

    fn receive(&self, world: &World, at: usize, lease: HeldLease, outcome: Outcome, moves: &mut Moves) {
        let who = Who::Replica(at);
        let is_answered = matches!(outcome, Outcome::Answered(_));
        let crash = moves.add(who, "crashes while it waits", |new| {
            new.replicas[at] = Replica::Down(None);
            new.excused |= is_answered;
        });
        crash.by(Chance::Crash);
        let (failure, what, what_if_unwritten) = match outcome {
            Outcome::Answered(answer) => {
                moves.add(who, "receives, writes its journal", |new| new.replicas[at] = Replica::Holding(answer));
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
        let row = self.stepper.fail(world.row, lease.version, at, failure);
        let rejects_another_version =
            row.is_some_and(|row| row.state == TokenState::NeedsReauth && row.version != lease.version);
        let added = moves.add(who, what, |new| {
            new.row = row;
            new.replicas[at] = Replica::Idle;
        });
        added.breaks(Invariant::I9, rejects_another_version && row != world.row);
        if row != world.row {
            moves.add(who, what_if_unwritten, |new| new.replicas[at] = Replica::Idle).by(Chance::Database);
        }
    }

    fn commit(&self, world: &World, at: usize, answer: Answer, moves: &mut Moves) {
        let who = Who::Replica(at);
        let is_wanted = world.row.is_some_and(|row| row.version.next() == answer.version);
        let (row, effect) = match self.replaced_by(world, &answer) {
            Some(row) => (Some(row), Effect::Stored),
            None => self.stepper.succeed(world.row, &answer, at),
        };
        let is_stored = effect == Effect::Stored && self.is_ever_restored();
        let commit_as = |replica| {
            move |new: &mut World| {
                new.row = row;
                new.replicas[at] = replica;
                // A record from the journal may be older than the stored one.
                if is_stored && new.journal.is_none_or(|kept| kept.version < answer.version) {
                    new.journal = Some(answer);
                }
            }
        };
        let keeps_answer = !self.is_without(Mechanism::AnswerKeptOnDatabaseError);
        let journal = (!self.is_without(Mechanism::Journal)).then_some(answer);

        match effect {
            Effect::Stored => {
                moves.add(who, "commits", commit_as(Replica::Idle));
                moves
                    .add(who, "commits, crashes before it clears its journal", commit_as(Replica::Down(journal)))
                    .by(Chance::Crash);
                if keeps_answer {
                    moves
                        .add(who, "commits, answer of the database lost", commit_as(Replica::CutOff(answer)))
                        .by(Chance::Database);
                }
            }
            Effect::Revoke => self.revoke(world, at, answer, moves),
            Effect::Discard | Effect::UseCurrent | Effect::Recorded | Effect::Present | Effect::Wait(_) => {
                let discard = moves.add(who, "discards its answer", commit_as(Replica::Idle));
                discard.breaks(Invariant::I8, is_wanted).breaks(Invariant::I15, is_of_successor(world, &answer));
            }
        }
        let crash = moves.add(who, "crashes with its answer", |new| {
            new.replicas[at] = Replica::Down(journal);
            new.excused = true;
        });
        crash.by(Chance::Crash).breaks(Invariant::I8, is_wanted && journal.is_none());
        if keeps_answer {
            moves.add(who, "cannot commit", |new| new.replicas[at] = Replica::CutOff(answer)).by(Chance::Database);
        } else {
            // This ablation treats the failure as if nothing had been sent.
            let unsent = Failure::NotConsumed { cause: Cause::NoConnection, retry_after: None };
            let row = self.stepper.fail(world.row, answer.version.before(), at, unsent);
            let added = moves.add(who, "cannot commit, drops its answer", |new| {
                new.row = row;
                new.replicas[at] = Replica::Idle;
            });
            added.by(Chance::Database).breaks(Invariant::I8, is_wanted);
        }
    }

    fn revoke(&self, world: &World, at: usize, answer: Answer, moves: &mut Moves) {
        let reaches_all = self.setting.revocation == RevocationScope::Grant;
        let is_lost = |row: Row| reaches_all || row.token.family == answer.token.family;
        let harms = world.row.is_some_and(|row| world.family_of(row.token).alive && is_lost(row));
        let added = moves.add(Who::Replica(at), "revokes its answer", |new| {
            for (family, tokens) in (0..).zip(&mut new.families) {
                tokens.alive &= !(reaches_all || family == answer.token.family);
            }
            new.replicas[at] = Replica::Idle;
        });
        added.breaks(Invariant::I6, harms).breaks(Invariant::I15, is_of_successor(world, &answer));
    }
}

/// Returns whether a response belongs to the login that replaced the row's login.
fn is_of_successor(world: &World, answer: &Answer) -> bool {
    let row = world.row.filter(|row| row.version.login != answer.version.login);
    row.is_some_and(|row| world.successor(row.version.login) == Some(answer.version.login))
}

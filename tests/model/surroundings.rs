//! The moves of time, of a provider that refuses access tokens, and of the owner.

use goclaw::domain::refresh::{Effect, RefreshTrigger, RevocationScope};

use crate::{
    invariants::Invariant,
    provider::Family,
    system::{Moves, System, Who},
    without::Mechanism,
    world::{Age, Ask, Chance, End, Holder, MOST_LOGINS, MOST_REPLICAS, Replica, Row, Sent, Token, TokenState, World},
};

impl System {
    pub(crate) fn time_moves(&self, world: &World, moves: &mut Moves) {
        let Some(row) = world.row else { return };
        if let TokenState::Refreshing(holder) = row.state {
            self.lease_runs_out(world, row, holder, moves);
        }
        // Time stands still during a call, which is short, and while a replica asks again for its lease, which it does
        // at once.
        let is_busy = |(at, replica): (usize, &Replica)| {
            let asks =
                matches!(replica, Replica::Asking(_)) && row.state == TokenState::Refreshing(Holder::Replica(at));
            asks || replica.waits()
        };
        if world.replicas.iter().enumerate().any(is_busy) {
            return;
        }
        let is_retried = self.is_retried_under_grace(world, row);
        let families = families_later(world, Family::half_the_grace_passes);
        if (row.sent != Sent::LongAgo || world.families != families) && !(is_retried && row.sent == Sent::InTheWindow) {
            moves.go(Who::Time, "half the grace window passes", |to| {
                to.families = families;
                let sent = if row.sent == Sent::JustNow { Sent::InTheWindow } else { Sent::LongAgo };
                to.row = Some(Row { sent, ..row });
            });
        }
        if row.age < Age::Expired && !is_retried {
            moves.go(Who::Time, "passes", |to| {
                to.families = families_later(to, Family::the_grace_passes);
                to.row = Some(Row { sent: Sent::LongAgo, age: row.age.next(), ..row });
                if let Some(backup) = &mut to.backup {
                    backup.age = backup.age.next();
                }
                for answer in to.replicas.iter_mut().filter_map(Replica::answer).chain(&mut to.journal) {
                    answer.age = answer.age.next();
                }
            });
        }
    }

    /// Ends the lease by the database's clock. A paused or cut-off holder notices later.
    fn lease_runs_out(&self, world: &World, row: Row, holder: Holder, moves: &mut Moves) {
        let over = self.ledger.lease_over(row);
        let mut replicas = world.replicas;
        let mut is_paused = false;
        let mut is_excused = false;
        if let Holder::Replica(at) = holder {
            match &mut replicas[at] {
                Replica::Sent(..) if self.is_without(Mechanism::CallShorterThanLease) => {}
                Replica::Leased(flight) | Replica::Sent(flight, _) => {
                    flight.paused = true;
                    is_paused = true;
                }
                Replica::Holding(_) => is_paused = true,
                Replica::CutOff(_) => is_excused = true,
                Replica::Idle | Replica::Down(_) | Replica::Asking(_) => {}
            }
        }
        let what = if is_paused { "runs out for a paused holder's lease" } else { "runs out for the lease" };
        let next = moves.go(Who::Time, what, |to| {
            to.row = Some(over);
            to.replicas = replicas;
            to.excused |= is_paused || is_excused;
        });
        if is_paused {
            next.by(Chance::Pause);
        }
        // If nothing was sent, no replica crashed or was refused, and the database failed only once, the holder must
        // have its lease.
        let is_needless = holder == Holder::Nobody
            && world.family_of(row.token).shown(row.token.number) == 0
            && [Chance::Crash, Chance::Refused].iter().all(|chance| self.spent(world, *chance) == 0)
            && self.spent(world, Chance::Database) == 1;
        next.breaks(Invariant::I7, is_needless);
    }

    /// Returns whether the grace window allows a retry and an idle replica can begin it. Time then waits for that
    /// replica.
    fn is_retried_under_grace(&self, world: &World, row: Row) -> bool {
        row.sent != Sent::LongAgo
            && row.state == TokenState::InDoubt
            && world.replicas.contains(&Replica::Idle)
            && self.ledger.begin(row, row.version, MOST_REPLICAS, RefreshTrigger::Due).1 == Effect::Send
    }

    pub(crate) fn provider_moves(&self, world: &World, moves: &mut Moves) {
        if let Some(row) = world.row
            && row.age < Age::Expired
            && !world.family_of(row.token).alive
        {
            moves.go(Who::Provider, "refuses the access token", |to| to.row = Some(Row { age: Age::Refused, ..row }));
        }
    }

    pub(crate) fn owner_moves(&self, world: &World, moves: &mut Moves) {
        // A running replica notices a restored row within half a second, before the owner acts.
        if world.restored.is_some() {
            return;
        }
        if usize::from(world.logins) < world.families.len() {
            let family = world.logins;
            let number = if self.is_without(Mechanism::LoginIdNeverUsedAgain) {
                world.row.map_or(0, |row| row.version.login + 1)
            } else {
                family
            };
            let login = moves.go(Who::Owner, "logs in", |to| {
                self.note_end(to, End::Replaced(number));
                let row = self.ledger.signed_in(number, Token { family, number: 0 });
                to.row = Some(row);
                to.journal = self.journal_of(row);
                to.families[usize::from(family)] = Family::new();
                to.logins += 1;
                to.ask = None;
            });
            login.by(Chance::Login);
        }
        let Some(row) = world.row else { return };
        let logout = moves.go(Who::Owner, "logs out", |to| {
            self.note_end(to, End::LoggedOut);
            self.revoke_stored(to, row);
            to.family(row.token).logged_out = true;
            to.row = None;
            to.ask = None;
        });
        logout.by(Chance::Logout);
        if world.ask.is_none() && row.state != TokenState::NeedsReauth {
            let trigger =
                if row.state == TokenState::InDoubt { RefreshTrigger::Consented } else { RefreshTrigger::Now };
            let what = if trigger == RefreshTrigger::Consented { "asks, seeing the doubt" } else { "asks" };
            moves.go(Who::Owner, what, |to| to.ask = Some(Ask { seen: row.version, trigger })).by(Chance::Ask);
        }
    }
}

impl System {
    /// Revokes the refresh token of a row. Revoking a used token has no effect.
    pub(crate) fn revoke_stored(&self, to: &mut World, row: Row) {
        let reaches = |family| self.setting.revocation == RevocationScope::Grant || family == row.token.family;
        let ends = to.family_of(row.token).is_unused(row.token.number);
        for (family, tokens) in (0..).zip(&mut to.families) {
            tokens.alive &= !(ends && reaches(family));
        }
    }

    /// Records in the journals how the row's login ends, and removes its tokens.
    fn note_end(&self, to: &mut World, end: End) {
        if let Some(row) = to.row.filter(|_| self.is_ever_restored()) {
            to.ends[usize::from(row.version.login)] = end;
            to.journal = to.journal.filter(|kept| kept.version.login != row.version.login);
        }
    }
}

fn families_later(world: &World, pass: impl Fn(&mut Family)) -> [Family; MOST_LOGINS] {
    let mut families = world.families;
    families.iter_mut().for_each(pass);
    families
}

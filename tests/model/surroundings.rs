//! The moves of time, of a provider that refuses access tokens, and of the owner.

use goclaw::domain::refresh::{Effect, RefreshTrigger, RevocationScope};

use crate::{
    invariants::Invariant,
    provider::Family,
    system::{Moves, System, Who},
    without::Mechanism,
    world::{ANY_REPLICA, Age, Ask, Chance, End, Holder, MAX_LOGINS, Replica, Row, Sent, Token, TokenState, World},
};

impl System {
    pub(crate) fn time_moves(&self, world: &World, moves: &mut Moves) {
        let Some(row) = world.row else { return };
        if let TokenState::Refreshing(holder) = row.state {
            self.add_lease_expiry(world, row, holder, moves);
        }
        // Time stands still during a call, which is short, and while a replica asks again for its lease, which it does
        // at once.
        let is_busy = |(at, replica): (usize, &Replica)| {
            let is_asking =
                matches!(replica, Replica::Asking(_)) && row.state == TokenState::Refreshing(Holder::Replica(at));
            is_asking || replica.waits()
        };
        if world.replicas.iter().enumerate().any(is_busy) {
            return;
        }
        let is_retried = self.is_retried_under_grace(world, row);
        let families = families_later(world, Family::pass_half_the_grace);
        if (row.sent != Sent::LongAgo || world.families != families) && !(is_retried && row.sent == Sent::InTheWindow) {
            moves.add(Who::Time, "half the grace window passes", |new| {
                new.families = families;
                let sent = if row.sent == Sent::JustNow { Sent::InTheWindow } else { Sent::LongAgo };
                new.row = Some(Row { sent, ..row });
            });
        }
        if row.age < Age::Expired && !is_retried {
            moves.add(Who::Time, "passes", |new| {
                new.families = families_later(new, Family::pass_the_grace);
                new.row = Some(Row { sent: Sent::LongAgo, age: row.age.next(), ..row });
                if let Some(backup) = &mut new.backup {
                    backup.age = backup.age.next();
                }
                for answer in new.replicas.iter_mut().filter_map(Replica::answer).chain(&mut new.journal) {
                    answer.age = answer.age.next();
                }
            });
        }
    }

    /// Adds the end of the lease by the database's clock. A paused or cut-off holder notices later.
    fn add_lease_expiry(&self, world: &World, row: Row, holder: Holder, moves: &mut Moves) {
        let expired = self.stepper.lease_over(row);
        let mut replicas = world.replicas;
        let mut is_paused = false;
        let mut is_excused = false;
        if let Holder::Replica(at) = holder {
            match &mut replicas[at] {
                Replica::Sent(..) if self.is_without(Mechanism::CallShorterThanLease) => {}
                Replica::Leased(lease) | Replica::Sent(lease, _) => {
                    lease.paused = true;
                    is_paused = true;
                }
                Replica::Holding(_) => is_paused = true,
                Replica::CutOff(_) => is_excused = true,
                Replica::Idle | Replica::Down(_) | Replica::Asking(_) => {}
            }
        }
        let what = if is_paused { "runs out for a paused holder's lease" } else { "runs out for the lease" };
        let added = moves.add(Who::Time, what, |new| {
            new.row = Some(expired);
            new.replicas = replicas;
            new.excused |= is_paused || is_excused;
        });
        if is_paused {
            added.by(Chance::Pause);
        }
        // Doubt is needless if nothing was sent, no replica crashed or was refused, and the database failed only once:
        // the replica that took the lease can still use it.
        let is_needless = holder == Holder::Nobody
            && world.family_of(row.token).presentations(row.token.number) == 0
            && [Chance::Crash, Chance::Refused].iter().all(|chance| self.spent(world, *chance) == 0)
            && self.spent(world, Chance::Database) == 1;
        added.breaks(Invariant::I7, is_needless);
    }

    /// Returns whether the grace window allows a retry and an idle replica can begin it. Time then waits for that
    /// replica.
    fn is_retried_under_grace(&self, world: &World, row: Row) -> bool {
        row.sent != Sent::LongAgo
            && row.state == TokenState::InDoubt
            && world.replicas.contains(&Replica::Idle)
            && self.stepper.begin(row, row.version, ANY_REPLICA, RefreshTrigger::Due).1 == Effect::Present
    }

    pub(crate) fn provider_moves(&self, world: &World, moves: &mut Moves) {
        if let Some(row) = world.row
            && row.age < Age::Expired
            && !world.family_of(row.token).alive
        {
            moves
                .add(Who::Provider, "refuses the access token", |new| new.row = Some(Row { age: Age::Refused, ..row }));
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
            let login = moves.add(Who::Owner, "logs in", |new| {
                self.note_end(new, End::Replaced(number));
                let row = self.stepper.signed_in(number, Token { family, number: 0 });
                new.row = Some(row);
                new.journal = self.journal_of(row);
                new.families[usize::from(family)] = Family::new();
                new.logins += 1;
                new.ask = None;
            });
            login.by(Chance::Login);
        }
        let Some(row) = world.row else { return };
        let logout = moves.add(Who::Owner, "logs out", |new| {
            self.note_end(new, End::LoggedOut);
            self.revoke_stored(new, row);
            new.family(row.token).logged_out = true;
            new.row = None;
            new.ask = None;
        });
        logout.by(Chance::Logout);
        if world.ask.is_none() && row.state != TokenState::NeedsReauth {
            let trigger =
                if row.state == TokenState::InDoubt { RefreshTrigger::Consented } else { RefreshTrigger::Now };
            let what = if trigger == RefreshTrigger::Consented { "asks, seeing the doubt" } else { "asks" };
            moves.add(Who::Owner, what, |new| new.ask = Some(Ask { seen: row.version, trigger })).by(Chance::Ask);
        }
    }
}

impl System {
    /// Revokes the refresh token of a row. Revoking a used token has no effect.
    pub(crate) fn revoke_stored(&self, world: &mut World, row: Row) {
        let reaches = |family| self.setting.revocation == RevocationScope::Grant || family == row.token.family;
        let has_effect = world.family_of(row.token).is_unused(row.token.number);
        for (family, tokens) in (0..).zip(&mut world.families) {
            tokens.alive &= !(has_effect && reaches(family));
        }
    }

    /// Records in the journals how the row's login ends, and removes its tokens.
    fn note_end(&self, world: &mut World, end: End) {
        if let Some(row) = world.row.filter(|_| self.is_ever_restored()) {
            world.ends[usize::from(row.version.login)] = end;
            world.journal = world.journal.filter(|kept| kept.version.login != row.version.login);
        }
    }
}

fn families_later(world: &World, pass: impl Fn(&mut Family)) -> [Family; MAX_LOGINS] {
    let mut families = world.families;
    families.iter_mut().for_each(pass);
    families
}

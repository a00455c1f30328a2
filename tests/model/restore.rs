//! The moves of a restore: a backup of the row is taken and restored later, while replicas run or are down, with or
//! without their journal.

use crate::{
    system::{Moves, System, Who},
    without::Mechanism,
    world::{Answer, Chance, End, MAX_LOGINS, Replica, Restored, Row, World},
};

impl System {
    /// Returns whether the setting has a restore. Without one, the journal's committed record makes no difference.
    pub(crate) fn is_ever_restored(&self) -> bool {
        self.budget.of(Chance::Restore) > 0
    }

    /// Returns the journal's newest tokens after a login.
    pub(crate) fn journal_of(&self, row: Row) -> Option<Answer> {
        self.is_ever_restored().then_some(Answer { version: row.version, token: row.token, age: row.age })
    }

    pub(crate) fn restore_moves(&self, world: &World, moves: &mut Moves) {
        if !self.is_ever_restored() {
            return;
        }
        if let (Some(row), None) = (world.row, world.backup) {
            moves.add(Who::Owner, "takes a backup", |new| new.backup = Some(row)).by(Chance::Backup);
        }
        let has_records = world.journal.is_some() || world.ends != <[End; MAX_LOGINS]>::default();
        if has_records && world.restored.is_none() {
            let lose = moves.add(Who::Time, "takes the journal's disk", |new| {
                new.journal = None;
                new.ends = Default::default();
            });
            lose.by(Chance::LostJournal);
        }
        if let Some(old) = world.backup {
            self.restore(world, old, moves);
        }
        let is_up = |(_, replica): &(usize, &Replica)| !matches!(replica, Replica::Down(_));
        if let Some(restored) = world.restored
            && let Some((at, _)) = world.replicas.iter().enumerate().find(is_up)
        {
            let repaired = world.row.and_then(|row| self.repair(world, row, restored));
            moves.add(Who::Replica(at), "compares a restored row", |new| {
                if let (Some(row), None) = (new.row, repaired) {
                    self.revoke_stored(new, row);
                }
                new.row = repaired;
                new.restored = None;
                // The newest tokens are lost or not committed yet, so the owner decides whether to risk the old one.
                new.excused |= repaired.is_some_and(|row| row.is_restored);
            });
        }
    }

    fn restore(&self, world: &World, old: Row, moves: &mut Moves) {
        let is_up = world.replicas.iter().any(|replica| !matches!(replica, Replica::Down(_)));
        let has_journal = self.spent(world, Chance::LostJournal) == 0;
        let is_known = match world.row {
            Some(row) if row.version.login == old.version.login => is_up || has_journal,
            Some(_) | None => world.ends[usize::from(old.version.login)] != End::Unknown,
        };
        // Without a record of the presentation or the end, the gateway cannot notice the restore: a limit in
        // `docs/refresh.md`.
        if !is_known {
            return;
        }
        let newest = world.row.map(|row| (row.version, row.attempt));
        let restore = moves.add(Who::Owner, "restores the backup", |new| {
            new.row = Some(old);
            new.backup = None;
            new.restored = Some(Restored { newest });
            new.ask = None;
        });
        restore.by(Chance::Restore);
    }

    /// Returns the row after the gateway's repair: the newest tokens if a journal has them, otherwise doubt, or no row
    /// after a logout.
    fn repair(&self, world: &World, row: Row, restored: Restored) -> Option<Row> {
        let row = self.end_again(world, row)?;
        let Some((version, attempt)) = restored.newest else { return Some(row) };
        let newest = world.journal.filter(|kept| kept.version == version && version.login == row.version.login);
        let repaired = newest.and_then(|answer| self.stepper.succeed(Some(row), &answer, 0).0);
        Some(self.stepper.note_restore(repaired.unwrap_or(row), version, attempt))
    }

    fn end_again(&self, world: &World, row: Row) -> Option<Row> {
        let successor = world.successor(row.version.login);
        // A response may have ended the login already.
        if self.is_without(Mechanism::EndsRemembered) || successor == Some(row.version.login) {
            return Some(row);
        }
        let newest = world.journal.filter(|kept| Some(kept.version.login) == successor);
        self.stepper.end_restored_login(row, successor.is_none(), newest.as_ref())
    }

    /// Returns the new row if a response belongs to the login that replaced the restored one.
    pub(crate) fn replaced_by(&self, world: &World, answer: &Answer) -> Option<Row> {
        let row = world.row.filter(|row| row.version.login != answer.version.login)?;
        let is_successor = world.successor(row.version.login) == Some(answer.version.login);
        let has_rule = !self.is_without(Mechanism::CommitOfASuccessor);
        if is_successor && has_rule { self.stepper.end_restored_login(row, false, Some(answer)) } else { None }
    }
}

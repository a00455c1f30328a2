//! A backup of the row is taken and restored later, while replicas run or are down, with or without their journal.

use crate::{
    system::{Moves, System, Who},
    world::{Answer, Chance, Replica, Restored, Row, Version, World},
};

impl System {
    /// Whether the setting has a restore. Without one, the journal's committed record makes no difference.
    pub(crate) fn is_ever_restored(&self) -> bool {
        self.budget.of(Chance::Restore) > 0
    }

    pub(crate) fn restore_moves(&self, world: &World, moves: &mut Moves) {
        let Some(row) = world.row.filter(|_| self.is_ever_restored()) else { return };
        if world.backup.is_none() {
            moves.go(Who::Owner, "takes a backup", |to| to.backup = Some(row)).by(Chance::Backup);
        }
        if world.journal.is_some() {
            moves.go(Who::Time, "takes the journal's disk", |to| to.journal = None).by(Chance::LostJournal);
        }
        if let Some(old) = world.backup.filter(|old| old.version.login == row.version.login) {
            self.restore(world, row, old, moves);
        }
        let is_up = |(_, replica): &(usize, &Replica)| !matches!(replica, Replica::Down(_));
        if let Some(restored) = world.restored
            && let Some((at, _)) = world.replicas.iter().enumerate().find(is_up)
        {
            let healed = self.healed(world, row, restored);
            moves.go(Who::Replica(at), "compares a restored row", |to| {
                to.row = Some(healed);
                to.restored = None;
                // The newest tokens are lost, or on their way: the owner decides whether to risk the old one.
                to.excused |= healed.is_restored;
            });
        }
    }

    fn restore(&self, world: &World, row: Row, old: Row, moves: &mut Moves) {
        let is_up = world.replicas.iter().any(|replica| !matches!(replica, Replica::Down(_)));
        let restored = if is_up {
            Restored::Seen { version: row.version, attempt: row.attempt }
        } else if row.attempt == 0 && world.journal.is_some() {
            Restored::Unseen
        } else {
            // Nobody remembers a presentation or the newest tokens: a limit that `docs/refresh.md` states.
            return;
        };
        let restore = moves.go(Who::Owner, "restores the backup", |to| {
            to.row = Some(old);
            to.backup = None;
            to.restored = Some(restored);
            to.ask = None;
        });
        restore.by(Chance::Restore);
    }

    /// Returns the row after the rules of production: the newest tokens if a journal has them, else doubt.
    fn healed(&self, world: &World, row: Row, restored: Restored) -> Row {
        let is_newer = |answer: &Answer| answer.seen.login == row.version.login && answer.seen >= row.version;
        let newest = world.journal.filter(is_newer);
        match (newest, restored) {
            (Some(answer), Restored::Unseen) => self.ledger.answered(Some(row), &answer, 0).0.unwrap_or(row),
            (Some(answer), Restored::Seen { version, attempt }) if next(answer.seen) == version => {
                let healed = self.ledger.answered(Some(row), &answer, 0).0.unwrap_or(row);
                self.ledger.restored(healed, version, attempt)
            }
            (_, Restored::Seen { version, attempt }) => self.ledger.restored(row, version, attempt),
            (None, Restored::Unseen) => row,
        }
    }
}

fn next(version: Version) -> Version {
    Version { generation: version.generation + 1, ..version }
}

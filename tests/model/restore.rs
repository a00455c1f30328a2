//! A backup of the row is taken and restored later, while replicas run or are down, with or without their journal.

use crate::{
    system::{Moves, System, Who},
    without::Mechanism,
    world::{Answer, Chance, End, MOST_LOGINS, Replica, Restored, Row, Version, World},
};

impl System {
    /// Whether the setting has a restore. Without one, the journal's committed record makes no difference.
    pub(crate) fn is_ever_restored(&self) -> bool {
        self.budget.of(Chance::Restore) > 0
    }

    pub(crate) fn restore_moves(&self, world: &World, moves: &mut Moves) {
        if !self.is_ever_restored() {
            return;
        }
        if let (Some(row), None) = (world.row, world.backup) {
            moves.go(Who::Owner, "takes a backup", |to| to.backup = Some(row)).by(Chance::Backup);
        }
        let has_records = world.journal.is_some() || world.ends != <[End; MOST_LOGINS]>::default();
        if has_records && world.restored.is_none() {
            let lose = moves.go(Who::Time, "takes the journal's disk", |to| {
                to.journal = None;
                to.ends = Default::default();
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
            let healed = world.row.and_then(|row| self.healed(world, row, restored));
            moves.go(Who::Replica(at), "compares a restored row", |to| {
                if let (Some(row), None) = (to.row, healed) {
                    self.revoke_stored(to, row);
                }
                to.row = healed;
                to.restored = None;
                // The newest tokens are lost, or on their way: the owner decides whether to risk the old one.
                to.excused |= healed.is_some_and(|row| row.is_restored);
            });
        }
    }

    fn restore(&self, world: &World, old: Row, moves: &mut Moves) {
        let is_up = world.replicas.iter().any(|replica| !matches!(replica, Replica::Down(_)));
        let restored = match world.row.filter(|row| row.version.login == old.version.login) {
            Some(row) if is_up => Restored::Seen { version: row.version, attempt: row.attempt },
            Some(row) if row.attempt == 0 && world.journal.is_some() => Restored::Unseen,
            None if world.ends[usize::from(old.version.login)] != End::Unknown => Restored::Ended,
            // Nobody remembers a presentation, the newest tokens or the end: a limit that `docs/refresh.md` states.
            Some(_) | None => return,
        };
        let restore = moves.go(Who::Owner, "restores the backup", |to| {
            to.row = Some(old);
            to.backup = None;
            to.restored = Some(restored);
            to.ask = None;
        });
        restore.by(Chance::Restore);
    }

    /// Returns the row after the rules of production: the newest tokens if a journal has them, else doubt; nothing after
    /// a logout.
    fn healed(&self, world: &World, row: Row, restored: Restored) -> Option<Row> {
        if restored == Restored::Ended {
            return self.ended_again(world, row);
        }
        let is_newer = |answer: &Answer| answer.seen.login == row.version.login && answer.seen >= row.version;
        let newest = world.journal.filter(is_newer);
        Some(match (newest, restored) {
            (Some(answer), Restored::Seen { version, attempt }) if next(answer.seen) == version => {
                let healed = self.ledger.answered(Some(row), &answer, 0).0.unwrap_or(row);
                self.ledger.restored(healed, version, attempt)
            }
            (_, Restored::Seen { version, attempt }) => self.ledger.restored(row, version, attempt),
            (Some(answer), Restored::Unseen) => self.ledger.answered(Some(row), &answer, 0).0.unwrap_or(row),
            (_, Restored::Unseen | Restored::Ended) => row,
        })
    }

    fn ended_again(&self, world: &World, row: Row) -> Option<Row> {
        let successor = world.successor(row.version.login);
        // A response may have ended it again already.
        if self.is_without(Mechanism::EndsRemembered) || successor == Some(row.version.login) {
            return Some(row);
        }
        let newest = world.journal.filter(|kept| Some(kept.seen.login) == successor);
        self.ledger.returned(row, successor.is_none(), newest.as_ref())
    }

    /// Returns the row if a response belongs to the login that replaced the restored one.
    pub(crate) fn replaced_by(&self, world: &World, answer: &Answer) -> Option<Row> {
        let row = world.row.filter(|row| row.version.login != answer.seen.login)?;
        let is_successor = world.successor(row.version.login) == Some(answer.seen.login);
        let knows = !self.is_without(Mechanism::CommitOfASuccessor);
        if is_successor && knows { self.ledger.returned(row, false, Some(answer)) } else { None }
    }
}

fn next(version: Version) -> Version {
    Version { generation: version.generation + 1, ..version }
}

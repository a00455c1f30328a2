//! Breadth-first search through all reachable worlds, so that the first trace to a violation is a shortest one.

use std::{
    collections::{BTreeMap, HashMap, hash_map::Entry},
    hash::{BuildHasherDefault, Hasher},
};

use crate::{
    invariants::Invariant,
    system::{Move, Setting, System, Who},
    world::{Replica, Row, TokenState, World},
};

/// The findings of a search.
pub(crate) struct Findings {
    pub(crate) worlds: usize,
    /// The shortest trace to each violated invariant.
    pub(crate) broken: BTreeMap<Invariant, String>,
    /// I11: the number of worlds from which some run without further faults never reaches a stable state.
    pub(crate) stuck: usize,
    /// The trace to the first world that is counted in `stuck`.
    pub(crate) trace_to_stuck: String,
}

impl Findings {
    /// Returns a description of every violation with its shortest trace, if any.
    pub(crate) fn report(&self) -> Option<String> {
        let mut violations: Vec<_> =
            self.broken.iter().map(|(invariant, trace)| format!("{invariant:?} is broken:\n{trace}\n")).collect();
        if self.stuck > 0 {
            violations
                .push(format!("{} worlds never become stable, such as this:\n{}\n", self.stuck, self.trace_to_stuck));
        }
        (!violations.is_empty()).then(|| violations.concat())
    }
}

pub(crate) fn search(setting: Setting) -> Findings {
    let system = System::new(setting);
    let mut worlds = vec![system.start()];
    let mut origins = vec![None];
    let mut numbers = HashMap::<World, usize, BuildHasherDefault<FastHasher>>::default();
    numbers.insert(worlds[0], 0);
    let mut broken = BTreeMap::new();
    // For each world, its successors by moves that are neither a fault nor an action of the owner.
    let mut fault_free = Vec::new();

    let mut number = 0;
    while let Some(world) = worlds.get(number).copied() {
        let mut successors = Vec::new();
        for Move { who, what, chance, world: next, broken: breaks } in system.moves(&world) {
            for invariant in breaks {
                broken.entry(invariant).or_insert_with(|| trace(&origins, Some((number, who, what))));
            }
            let successor = match numbers.entry(next) {
                Entry::Occupied(known) => *known.get(),
                Entry::Vacant(unknown) => {
                    worlds.push(next);
                    origins.push(Some((number, who, what)));
                    *unknown.insert(worlds.len() - 1)
                }
            };
            if chance.is_none() {
                successors.push(successor);
            }
        }
        successors.sort_unstable();
        successors.dedup();
        fault_free.push(successors);
        number += 1;
    }

    let settles = always_settle(&worlds, &fault_free);
    let mut stuck = (0..worlds.len()).filter(|number| !settles[*number]);
    let trace_to_stuck = stuck.clone().next().map(|number| trace(&origins, origins[number])).unwrap_or_default();
    Findings { worlds: worlds.len(), broken, stuck: stuck.by_ref().count(), trace_to_stuck }
}

/// The move by which the search first reached a world: the number of the world before, and what happened.
type Origin = Option<(usize, Who, &'static str)>;

fn trace(origins: &[Origin], mut last: Origin) -> String {
    let mut steps = Vec::new();
    while let Some((before, who, what)) = last {
        steps.push(format!("    {who} {what}"));
        last = origins[before];
    }
    steps.reverse();
    steps.join("\n")
}

/// Returns, for each world, whether all runs without further faults reach a stable state. Propagates backwards from the
/// stable worlds: a world settles if it is stable, or if all its fault-free successors settle. The others are
/// deadlocks, endless loops and refreshes that never end.
fn always_settle(worlds: &[World], fault_free: &[Vec<usize>]) -> Vec<bool> {
    let mut predecessors = vec![Vec::new(); worlds.len()];
    for (number, successors) in fault_free.iter().enumerate() {
        for successor in successors {
            predecessors[*successor].push(number);
        }
    }
    // The number of successors that are not known to settle.
    let mut open: Vec<_> = fault_free.iter().map(Vec::len).collect();
    let mut settles: Vec<_> = worlds.iter().map(is_stable).collect();
    let mut queue: Vec<_> = (0..worlds.len()).filter(|number| settles[*number]).collect();
    while let Some(number) = queue.pop() {
        for before in &predecessors[number] {
            open[*before] -= 1;
            if open[*before] == 0 && !settles[*before] {
                settles[*before] = true;
                queue.push(*before);
            }
        }
    }
    settles
}

fn is_stable(world: &World) -> bool {
    // An account in doubt after a restore waits for its owner.
    let has_stable_state = |row: Row| match row.state {
        TokenState::InDoubt => row.is_restored,
        TokenState::Active | TokenState::NeedsReauth => true,
        TokenState::Refreshing(_) => false,
    };
    let is_settled = world.restored.is_none() && world.row.is_none_or(has_stable_state);
    is_settled && world.replicas.iter().all(|replica| matches!(replica, Replica::Idle | Replica::Down(None)))
}

/// A fast hasher with one multiplication per number. The standard hasher resists attackers, which the search does not
/// need.
#[derive(Default)]
struct FastHasher(u64);

impl FastHasher {
    fn mix(&mut self, number: u64) {
        self.0 = (self.0.rotate_left(5) ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

impl Hasher for FastHasher {
    fn write(&mut self, bytes: &[u8]) {
        for eight in bytes.chunks(8) {
            self.mix(eight.iter().fold(0, |number, byte| (number << 8) | u64::from(*byte)));
        }
    }

    fn write_u8(&mut self, number: u8) {
        self.mix(number.into());
    }

    fn write_usize(&mut self, number: usize) {
        self.mix(number as u64);
    }

    /// Hashes the discriminant of an enum.
    fn write_isize(&mut self, number: isize) {
        self.mix(number as u64);
    }

    /// Mixes the high bits into the low ones, which select the table slot: multiplication mixes only upwards.
    fn finish(&self) -> u64 {
        self.0 ^ (self.0 >> 32)
    }
}

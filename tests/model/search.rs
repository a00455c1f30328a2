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
    /// The trace to the first such world.
    pub(crate) way_to_stuck: String,
}

impl Findings {
    /// Returns a description of every violation with its shortest trace, if any.
    pub(crate) fn complaint(&self) -> Option<String> {
        let mut complaints: Vec<_> =
            self.broken.iter().map(|(invariant, trace)| format!("{invariant:?} is broken:\n{trace}\n")).collect();
        if self.stuck > 0 {
            complaints
                .push(format!("{} worlds never come to rest, such as this:\n{}\n", self.stuck, self.way_to_stuck));
        }
        (!complaints.is_empty()).then(|| complaints.concat())
    }
}

pub(crate) fn search(setting: Setting) -> Findings {
    let system = System::new(setting);
    let mut worlds = vec![system.start()];
    let mut ways = vec![None];
    let mut numbers = HashMap::<World, usize, BuildHasherDefault<Fast>>::default();
    numbers.insert(worlds[0], 0);
    let mut broken = BTreeMap::new();
    // The successors of each world without a fault or an action of the owner.
    let mut calm = Vec::new();

    let mut at = 0;
    while let Some(world) = worlds.get(at).copied() {
        let mut calmly = Vec::new();
        for Move { who, what, chance, to, broken: breaks } in system.moves(&world) {
            for invariant in breaks {
                broken.entry(invariant).or_insert_with(|| trace(&ways, Some((at, who, what))));
            }
            let number = match numbers.entry(to) {
                Entry::Occupied(known) => *known.get(),
                Entry::Vacant(new) => {
                    worlds.push(to);
                    ways.push(Some((at, who, what)));
                    *new.insert(worlds.len() - 1)
                }
            };
            if chance.is_none() {
                calmly.push(number);
            }
        }
        calmly.sort_unstable();
        calmly.dedup();
        calm.push(calmly);
        at += 1;
    }

    let good = comes_to_rest(&worlds, &calm);
    let mut stuck = (0..worlds.len()).filter(|at| !good[*at]);
    let way_to_stuck = stuck.clone().next().map(|at| trace(&ways, ways[at])).unwrap_or_default();
    Findings { worlds: worlds.len(), broken, stuck: stuck.by_ref().count(), way_to_stuck }
}

type Way = Option<(usize, Who, &'static str)>;

fn trace(ways: &[Way], mut last: Way) -> String {
    let mut steps = Vec::new();
    while let Some((from, who, what)) = last {
        steps.push(format!("    {who} {what}"));
        last = ways[from];
    }
    steps.reverse();
    steps.join("\n")
}

/// Returns, for each world, whether all runs without further faults reach a stable state. Propagates backwards from the
/// stable worlds: a world is good if it is stable, or if all its fault-free successors are good. The others are
/// deadlocks, endless loops and refreshes that never end.
fn comes_to_rest(worlds: &[World], calm: &[Vec<usize>]) -> Vec<bool> {
    let mut before = vec![Vec::new(); worlds.len()];
    for (from, to) in calm.iter().enumerate() {
        for to in to {
            before[*to].push(from);
        }
    }
    let mut open: Vec<_> = calm.iter().map(Vec::len).collect();
    let mut good: Vec<_> = worlds.iter().map(rests).collect();
    let mut queue: Vec<_> = (0..worlds.len()).filter(|at| good[*at]).collect();
    while let Some(at) = queue.pop() {
        for from in &before[at] {
            open[*from] -= 1;
            if open[*from] == 0 && !good[*from] {
                good[*from] = true;
                queue.push(*from);
            }
        }
    }
    good
}

fn rests(world: &World) -> bool {
    // An account in doubt after a restore waits for its owner.
    let is_at_rest = |row: Row| match row.state {
        TokenState::InDoubt => row.is_restored,
        TokenState::Active | TokenState::NeedsReauth => true,
        TokenState::Refreshing(_) => false,
    };
    let is_settled = world.restored.is_none() && world.row.is_none_or(is_at_rest);
    is_settled && world.replicas.iter().all(|replica| matches!(replica, Replica::Idle | Replica::Down(None)))
}

/// A fast hasher with one multiplication per number. The standard hasher resists attackers, which the search does not
/// need.
#[derive(Default)]
struct Fast(u64);

impl Fast {
    fn mix(&mut self, number: u64) {
        self.0 = (self.0.rotate_left(5) ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

impl Hasher for Fast {
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

//! The configuration of a search, and the moves that lead from one world to the next.

use std::fmt;

use goclaw::domain::refresh::{Effect, RevocationScope};

use crate::{
    invariants::Invariant,
    provider::{Family, Reuse},
    stepper::Stepper,
    without::Mechanism,
    world::{
        ANY_REPLICA, Ask, Budget, Chance, Holder, MAX_LOGINS, MAX_REPLICAS, Replica, Row, Token, TokenState, World,
    },
};

/// The parameters of a search: provider, replicas, refreshes of each login, and possible events.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Setting {
    pub(crate) reuse: Reuse,
    pub(crate) revocation: RevocationScope,
    pub(crate) replicas: usize,
    pub(crate) generations: u8,
    pub(crate) chances: &'static [(Chance, u8)],
    pub(crate) without: Option<Mechanism>,
    /// Whether replicas keep their names, for a readable trace. Otherwise worlds that differ only in the order of the
    /// replicas are equal, which divides their number by two, or by six for three replicas.
    pub(crate) named: bool,
}

impl Setting {
    /// Returns a setting with two replicas, in which each login can be refreshed `generations` times.
    pub(crate) const fn new(reuse: Reuse, generations: u8, chances: &'static [(Chance, u8)]) -> Self {
        let revocation = RevocationScope::Family;
        Self { reuse, revocation, replicas: 2, generations, chances, without: None, named: false }
    }

    pub(crate) const fn replicas(self, replicas: usize) -> Self {
        Self { replicas, ..self }
    }

    /// Returns the setting with a provider that ends the whole grant when one token is revoked.
    pub(crate) const fn revoking_the_grant(self) -> Self {
        Self { revocation: RevocationScope::Grant, ..self }
    }

    pub(crate) const fn named(self) -> Self {
        Self { named: true, ..self }
    }

    pub(crate) const fn without(self, mechanism: Mechanism) -> Self {
        Self { without: Some(mechanism), ..self }
    }
}

pub(crate) struct System {
    pub(crate) setting: Setting,
    pub(crate) stepper: Stepper,
    pub(crate) budget: Budget,
}

impl System {
    pub(crate) fn new(setting: Setting) -> Self {
        let stepper = Stepper::new(setting.reuse, setting.revocation, setting.without);
        Self { setting, stepper, budget: Budget::new(setting.chances) }
    }

    /// Returns the initial world: a connected account and idle replicas.
    pub(crate) fn start(&self) -> World {
        let mut families = [Family::default(); MAX_LOGINS];
        families[0] = Family::new();
        let row = self.stepper.signed_in(0, Token { family: 0, number: 0 });
        World {
            row: Some(row),
            replicas: std::array::from_fn(
                |at| if at < self.setting.replicas { Replica::Idle } else { Replica::Down(None) },
            ),
            families,
            logins: 1,
            backup: None,
            journal: self.journal_of(row),
            ends: Default::default(),
            restored: None,
            ask: None,
            left: self.budget,
            excused: false,
        }
    }

    pub(crate) fn moves(&self, world: &World) -> Vec<Move> {
        let mut moves = Moves { from: *world, moves: Vec::new() };
        for replica in 0..self.setting.replicas {
            self.replica_moves(world, replica, &mut moves);
        }
        self.time_moves(world, &mut moves);
        self.provider_moves(world, &mut moves);
        self.owner_moves(world, &mut moves);
        self.restore_moves(world, &mut moves);
        let affordable = moves.moves.into_iter().filter_map(|mut next| {
            if let Some(chance) = next.chance {
                next.world.left = world.left.spend(chance)?;
            }
            self.tidy(&mut next.world);
            Invariant::check(self, world, &mut next);
            Some(next)
        });
        affordable.collect()
    }

    pub(crate) fn is_without(&self, mechanism: Mechanism) -> bool {
        self.setting.without == Some(mechanism)
    }

    /// Returns how often an event has happened.
    pub(crate) fn spent(&self, world: &World, chance: Chance) -> u8 {
        self.budget.of(chance) - world.left.of(chance)
    }

    /// Normalizes a world, so that indistinguishable worlds are equal.
    fn tidy(&self, world: &mut World) {
        for row in world.row.iter_mut().chain(&mut world.backup) {
            if let TokenState::Refreshing(Holder::Replica(at)) = row.state
                && matches!(world.replicas[at], Replica::Idle | Replica::Down(_))
            {
                row.state = TokenState::Refreshing(Holder::Nobody);
            }
        }
        if let Some(row) = &world.row {
            // Drop the owner's request if it refers to an outdated row.
            let is_void =
                |ask: &Ask| self.stepper.begin(*row, ask.seen, ANY_REPLICA, ask.trigger).1 == Effect::UseCurrent;
            world.ask = world.ask.filter(|ask| !is_void(ask));
        }
        let rows = world.row.iter().chain(&world.backup).map(|row| row.token);
        let kept = world.journal.iter().map(|answer| answer.token);
        let known: Vec<_> = rows.chain(kept).chain(world.replicas.iter().filter_map(Replica::token)).collect();
        for (family, tokens) in (0..).zip(&mut world.families) {
            tokens.forget(|number| known.contains(&Token { family, number }));
        }
        if !self.setting.named {
            self.sort_replicas(world);
        }
    }

    fn sort_replicas(&self, world: &mut World) {
        let holder = |row: Option<Row>| match row.map(|row| row.state) {
            Some(TokenState::Refreshing(Holder::Replica(at))) => Some(at),
            _ => None,
        };
        let (lease, copied) = (holder(world.row), holder(world.backup));
        let mut order: [usize; MAX_REPLICAS] = std::array::from_fn(|at| at);
        order[..self.setting.replicas].sort_by_key(|at| (world.replicas[*at], lease == Some(*at), copied == Some(*at)));
        world.replicas = order.map(|at| world.replicas[at]);
        for (row, holder) in [(&mut world.row, lease), (&mut world.backup, copied)] {
            if let (Some(row), Some(holder)) = (row, holder) {
                let at = order.iter().position(|at| *at == holder).expect("a permutation");
                row.state = TokenState::Refreshing(Holder::Replica(at));
            }
        }
    }
}

/// A move from one world to the next, with the invariants that it breaks.
#[derive(Debug, Clone)]
pub(crate) struct Move {
    pub(crate) who: Who,
    pub(crate) what: &'static str,
    /// The fault or the owner's action that the move needs, if any.
    pub(crate) chance: Option<Chance>,
    /// The world after the move.
    pub(crate) world: World,
    pub(crate) broken: Vec<Invariant>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Who {
    Replica(usize),
    Time,
    Provider,
    Owner,
}

pub(crate) struct Moves {
    from: World,
    moves: Vec<Move>,
}

impl Moves {
    /// Adds a move to the world that `change` produces.
    pub(crate) fn add(&mut self, who: Who, what: &'static str, change: impl FnOnce(&mut World)) -> &mut Move {
        let mut world = self.from;
        change(&mut world);
        self.moves.push(Move { who, what, chance: None, world, broken: Vec::new() });
        self.moves.last_mut().expect("just pushed")
    }
}

impl Move {
    /// Makes the move use up one occurrence of `chance`.
    pub(crate) fn by(&mut self, chance: Chance) -> &mut Self {
        self.chance = Some(chance);
        self
    }

    /// Adds `invariant` to the broken ones if `is_broken`.
    pub(crate) fn breaks(&mut self, invariant: Invariant, is_broken: bool) -> &mut Self {
        if is_broken {
            self.broken.push(invariant);
        }
        self
    }
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Replica(0) => "A",
            Self::Replica(1) => "B",
            Self::Replica(_) => "C",
            Self::Time => "time",
            Self::Provider => "provider",
            Self::Owner => "owner",
        })
    }
}

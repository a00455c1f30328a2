//! The refresh protocol, searched through and held to its promises.
//!
//! A race that loses a login happens once in ten thousand runs, and no test that runs the gateway waits for it. So this
//! one does not run it: [`world`] is a small model of replicas, provider, disk, clock and owner; [`search`] walks through
//! every interleaving of their moves, with every fault at every step; [`invariants`] are checked at each. What happens to
//! the row is never modelled: [`ledger`] calls the `step` that the stores call.
//!
//! Reading order: [`world`], [`replica`], [`surroundings`], [`provider`]; then [`ledger`] and [`invariants`]. [`protocol`]
//! says that nothing breaks; [`ablations`] that without any one of its mechanisms something does. Beside the search,
//! [`scenarios`] and [`grace`] are single stories with real times, and [`properties`] are held against random rows.

// Says to clippy that all of it is test code, helpers included.
#![cfg(test)]

// The model.
mod invariants;
mod ledger;
mod provider;
mod replica;
mod search;
mod surroundings;
mod system;
mod world;

// What is searched.
mod ablations;
mod protocol;
mod without;

// `step` by itself.
mod grace;
mod properties;
mod random;
mod scenarios;

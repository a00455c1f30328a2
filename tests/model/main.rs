//! Model checking of the refresh protocol.
//!
//! A race that loses a login is too rare to find with tests that run the gateway. [`world`] is a small model of
//! replicas, provider, disk, clock and owner. [`search`] explores every interleaving of their moves, with each fault of
//! a setting at every step, and checks the [`invariants`] after each move. The rules of a refresh are not modelled:
//! [`stepper`] calls the same `step` as the stores.
//!
//! Reading order: [`world`], [`replica`], [`surroundings`], [`restore`], [`provider`], then [`stepper`] and
//! [`invariants`].
//! [`protocol`] checks that nothing breaks. [`ablations`] checks that something breaks without each mechanism.
//! [`scenarios`] and [`grace`] test single scenarios with real times, and [`properties`] tests random rows.

// Makes clippy treat the helpers as test code too.
#![cfg(test)]

// The model.
mod invariants;
mod provider;
mod replica;
mod restore;
mod search;
mod stepper;
mod surroundings;
mod system;
mod world;

// The searches.
mod ablations;
mod protocol;
mod without;

// Tests of `step` alone.
mod grace;
mod properties;
mod random;
mod scenarios;

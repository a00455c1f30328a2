//! The contract of `Random`: over the seeded generator of the tests, and over the system's. That the system's bytes cannot be
//! guessed is no property that a test could see; `hardening/entropy.rs` has what is done without them.

use std::{collections::HashSet, sync::Arc};

use goclaw::{adapters::system::SystemRandom, ports::Random};

use super::contract;
use crate::support::fakes::SeededRandom;

contract!(seeded: Seeded, system: System; [
    every_byte_of_every_length_is_filled,
    no_bytes_are_a_request_too,
    no_two_fills_are_alike,
    fills_of_several_threads_are_not_alike,
]);

trait Fixture {
    fn random() -> Arc<dyn Random>;
}

struct Seeded;

impl Fixture for Seeded {
    fn random() -> Arc<dyn Random> {
        SeededRandom::new(7)
    }
}

struct System;

impl Fixture for System {
    fn random() -> Arc<dyn Random> {
        Arc::new(SystemRandom)
    }
}

/// 16 bytes: two alike are no coincidence.
fn fill(random: &dyn Random) -> [u8; 16] {
    let mut bytes = [0; 16];
    random.fill(&mut bytes).expect("there is entropy");
    bytes
}

async fn every_byte_of_every_length_is_filled<F: Fixture>() {
    let random = F::random();
    for length in 1..=65 {
        // A byte that stays zero 16 times in a row was not filled.
        let mut filled = vec![0; length];
        for _ in 0..16 {
            let mut bytes = vec![0; length];
            random.fill(&mut bytes).expect("there is entropy");
            filled.iter_mut().zip(bytes).for_each(|(all, byte)| *all |= byte);
        }
        assert!(filled.iter().all(|byte| *byte != 0), "{length} bytes: {filled:?}");
    }
}

async fn no_bytes_are_a_request_too<F: Fixture>() {
    F::random().fill(&mut []).expect("nothing to fill");
}

async fn no_two_fills_are_alike<F: Fixture>() {
    let random = F::random();
    let fills: HashSet<[u8; 16]> = (0..1_000).map(|_| fill(&*random)).collect();
    assert_eq!(fills.len(), 1_000);
}

async fn fills_of_several_threads_are_not_alike<F: Fixture>() {
    let random = F::random();
    let fills: HashSet<[u8; 16]> = std::thread::scope(|scope| {
        let threads = [(); 4].map(|()| scope.spawn(|| [(); 250].map(|()| fill(&*random))));
        threads.into_iter().flat_map(|thread| thread.join().expect("no panic")).collect()
    });
    assert_eq!(fills.len(), 1_000);
}

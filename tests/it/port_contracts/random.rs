//! Contract of `Random`, for the seeded generator and the system's. A test cannot show that bytes are unpredictable.
//! `hardening/entropy.rs` tests the random values of a thousand logins.

use std::{collections::HashSet, sync::Arc};

use goclaw::{adapters::system::SystemRandom, ports::Random};

use super::contract;
use crate::support::fakes::SeededRandom;

contract!(seeded: Seeded, system: System; [
    every_byte_of_every_length_is_filled,
    an_empty_fill_succeeds,
    fills_never_repeat,
    fills_on_several_threads_never_repeat,
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

/// Returns 16 bytes. A repetition by chance is practically impossible.
fn fill(random: &dyn Random) -> [u8; 16] {
    let mut bytes = [0; 16];
    random.fill(&mut bytes).expect("there is entropy");
    bytes
}

async fn every_byte_of_every_length_is_filled<F: Fixture>() {
    let random = F::random();
    for length in 1..=65 {
        // A byte that is zero in 16 fills was never written.
        let mut filled = vec![0; length];
        for _ in 0..16 {
            let mut bytes = vec![0; length];
            random.fill(&mut bytes).expect("there is entropy");
            filled.iter_mut().zip(bytes).for_each(|(all, byte)| *all |= byte);
        }
        assert!(filled.iter().all(|byte| *byte != 0), "{length} bytes: {filled:?}");
    }
}

async fn an_empty_fill_succeeds<F: Fixture>() {
    F::random().fill(&mut []).expect("nothing to fill");
}

async fn fills_never_repeat<F: Fixture>() {
    let random = F::random();
    let fills: HashSet<[u8; 16]> = (0..1_000).map(|_| fill(&*random)).collect();
    assert_eq!(fills.len(), 1_000);
}

async fn fills_on_several_threads_never_repeat<F: Fixture>() {
    let random = F::random();
    let fills: HashSet<[u8; 16]> = std::thread::scope(|scope| {
        let threads = [(); 4].map(|()| scope.spawn(|| [(); 250].map(|()| fill(&*random))));
        threads.into_iter().flat_map(|thread| thread.join().expect("no panic")).collect()
    });
    assert_eq!(fills.len(), 1_000);
}

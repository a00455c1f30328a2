//! The measurement: every round asks everybody everything, so that what disturbs the machine disturbs all alike, and the
//! ratios hold where the figures do not.

use std::fs;

use crate::{
    Outcome,
    contestants::{self, GOCLAW},
    load::{LOADS, Round, write_script},
    report::{self, Cell, Extras},
    streams::{self, Arrivals},
};

pub(crate) fn run(goclaw: &str, rounds: usize, seconds: u32) -> Outcome {
    let folder = tempfile::tempdir()?;
    let script = write_script(folder.path())?;
    let load_before = fs::read_to_string("/proc/loadavg")?;
    let contestants = contestants::start(goclaw, folder.path())?;
    let gateway = contestants.iter().find(|contestant| contestant.name == GOCLAW).ok_or("no gateway")?;
    let start = (gateway.process.started_in, gateway.process.resident_kib()?);

    for contestant in &contestants {
        for load in &LOADS {
            load.check(contestant)?;
            // Connections are made, memory is got: none of it belongs to the first round.
            load.run(contestant, 1, &script)?;
        }
    }
    let mut cells: Vec<Cell> = LOADS
        .iter()
        .flat_map(|load| contestants.iter().map(|contestant| Cell::new(load.name, contestant.name)))
        .collect();
    for round in 0..rounds {
        report::say(&format!("round {} of {rounds}", round + 1));
        for (load, cells) in LOADS.iter().zip(cells.chunks_mut(contestants.len())) {
            // Another one begins each time: whoever comes first finds another machine than whoever comes last.
            for turn in 0..contestants.len() {
                let place = (turn + round) % contestants.len();
                if let (Some(contestant), Some(cell)) = (contestants.get(place), cells.get_mut(place)) {
                    let found: Round = load.run(contestant, seconds, &script)?;
                    cell.rounds.push(found);
                }
            }
        }
    }
    let mut paced: Vec<Arrivals> = contestants.iter().map(|_| Arrivals::default()).collect();
    for _ in 0..rounds {
        for (contestant, arrivals) in contestants.iter().zip(&mut paced) {
            streams::read_paced(contestant, arrivals)?;
        }
    }
    report::say("a thousand open streams");
    let mut open_kib = Vec::new();
    for contestant in &contestants {
        open_kib.push(streams::weigh_open(contestant)?);
    }
    let names = contestants.iter().map(|contestant| contestant.name).collect();
    report::loads(&cells, rounds, seconds, load_before.trim())?;
    report::extras(&Extras { names, paced, open_kib, start })
}

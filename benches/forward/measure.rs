//! Runs the measurement. Every round applies every load to every contestant, so that disturbances of the machine affect
//! all contestants and the ratios stay comparable.

use std::fs;

use crate::{
    Outcome,
    contestants::{self, Contestant, GOCLAW},
    load::{LOADS, Load, write_script},
    report::{self, Cell},
    steady,
    streams::{self, Streamed},
    turns,
};

pub(crate) fn run(goclaw: &str, litellm: &str, rounds: usize, seconds: u32) -> Outcome {
    let folder = tempfile::tempdir()?;
    let script = write_script(folder.path())?;
    let load_before = fs::read_to_string("/proc/loadavg")?;
    let contestants = contestants::start(goclaw, litellm, folder.path())?;
    let gateway = contestants.iter().find(|contestant| contestant.name == GOCLAW).ok_or("no gateway")?;
    let start = (gateway.process.started_in, gateway.process.resident_kib()?);
    let contestants_for = |load: &'static Load| contestants.iter().filter(|contestant| load.is_for(contestant));

    let mut cells = Vec::new();
    for load in &LOADS {
        for contestant in contestants_for(load) {
            load.check(contestant)?;
            // Warm-up: opens connections and allocates memory before the first round.
            load.run(contestant, 1, &script)?;
            cells.push(Cell::new(load.name, contestant.name));
        }
    }
    for round in 0..rounds {
        report::say(&format!("round {} of {rounds}", round + 1));
        let mut cells = cells.iter_mut();
        for load in &LOADS {
            let contestants: Vec<&Contestant> = contestants_for(load).collect();
            let mut cells: Vec<&mut Cell> = cells.by_ref().take(contestants.len()).collect();
            // Each round starts with another contestant, because the order affects the results.
            for turn in 0..contestants.len() {
                let index = (turn + round) % contestants.len();
                if let (Some(contestant), Some(cell)) = (contestants.get(index), cells.get_mut(index)) {
                    cell.rounds.push(load.run(contestant, seconds, &script)?);
                }
            }
        }
    }
    let proxies = || contestants.iter().filter(|contestant| contestant.path(streams::PACED).is_some());
    let mut streamed: Vec<Streamed> = proxies().map(|contestant| Streamed::new(contestant.name)).collect();
    for _ in 0..rounds {
        for (contestant, streamed) in proxies().zip(&mut streamed) {
            streamed.steady.extend(steady::run(contestant)?);
            streams::read_paced(contestant, streamed)?;
        }
    }
    for (contestant, streamed) in proxies().zip(&mut streamed) {
        report::say(&format!("disconnects and a thousand open streams: {}", contestant.name));
        streams::measure_disconnects(contestant, &contestants, streamed)?;
        streams::measure_open_streams(contestant, streamed)?;
    }
    let turns = turns::run(&contestants, rounds)?;
    report::loads(&cells, rounds, seconds, load_before.trim())?;
    report::turns(&turns)?;
    report::extras(&streamed, start)
}

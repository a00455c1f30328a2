//! Runs the measurement. Loads, paced streams and turns of conversations are measured in rounds, each over all contestants
//! that support them: a disturbance of the machine then affects all of them, and the ratios stay comparable.

use std::fs;

use crate::{
    Outcome,
    contestants::{self, Contestant, GOCLAW},
    load::{LOADS, Load, write_script},
    report::{self, Cell},
    steady,
    streams::{self, ExtraResults},
    turns,
};

pub(crate) fn run(goclaw: &str, litellm: &str, rounds: usize, seconds: u32) -> Outcome {
    let folder = tempfile::tempdir()?;
    let script = write_script(folder.path())?;
    let load_average = fs::read_to_string("/proc/loadavg")?;
    let contestants = contestants::start(goclaw, litellm, folder.path())?;
    let gateway = contestants.iter().find(|contestant| contestant.name == GOCLAW).ok_or("no gateway")?;
    let startup_time_and_memory = (gateway.process.started_in, gateway.process.resident_kib()?);
    let contestants_for =
        |load: &'static Load| contestants.iter().filter(|contestant| load.is_supported_by(contestant));

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
        let mut remaining_cells = cells.iter_mut();
        for load in &LOADS {
            let contestants: Vec<&Contestant> = contestants_for(load).collect();
            let mut cells_of_load: Vec<&mut Cell> = remaining_cells.by_ref().take(contestants.len()).collect();
            // Each round starts with another contestant, because the order affects the results.
            for offset in 0..contestants.len() {
                let index = (round + offset) % contestants.len();
                if let (Some(contestant), Some(cell)) = (contestants.get(index), cells_of_load.get_mut(index)) {
                    cell.rounds.push(load.run(contestant, seconds, &script)?);
                }
            }
        }
    }
    let streaming = || contestants.iter().filter(|contestant| contestant.path(streams::PACED).is_some());
    let mut extras: Vec<ExtraResults> = streaming().map(|contestant| ExtraResults::new(contestant.name)).collect();
    for _ in 0..rounds {
        for (contestant, extra) in streaming().zip(&mut extras) {
            extra.steady.extend(steady::run(contestant)?);
            streams::read_paced(contestant, extra)?;
        }
    }
    for (contestant, extra) in streaming().zip(&mut extras) {
        report::say(&format!("disconnects and a thousand open streams: {}", contestant.name));
        streams::measure_disconnects(contestant, &contestants, extra)?;
        streams::measure_open_streams(contestant, extra)?;
    }
    let turns = turns::run(&contestants, rounds)?;
    report::print_loads(&cells, rounds, seconds, load_average.trim())?;
    report::print_turns(&turns)?;
    report::print_extras(&extras, startup_time_and_memory)
}

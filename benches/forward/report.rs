//! What was measured, as the tables of `docs/benchmarks.md`.

use std::{
    io::{Write, stderr, stdout},
    time::Duration,
};

use crate::{
    Outcome,
    contestants::{DIRECT, GOCLAW, HYPER, NGINX},
    load::{LOADS, Round},
    streams::{Arrivals, MANY},
};

/// What one contestant did under one load.
pub(crate) struct Cell {
    load: &'static str,
    contestant: &'static str,
    pub(crate) rounds: Vec<Round>,
}

impl Cell {
    pub(crate) fn new(load: &'static str, contestant: &'static str) -> Self {
        Self { load, contestant, rounds: Vec::new() }
    }

    fn quantile(&self, share: f64, figure: impl Fn(&Round) -> f64) -> f64 {
        let values: Vec<f64> = self.rounds.iter().map(figure).collect();
        quantile(&values, share)
    }

    fn median(&self, figure: impl Fn(&Round) -> f64) -> f64 {
        self.quantile(0.5, figure)
    }
}

/// Tells whoever waits, beside the tables.
pub(crate) fn say(line: &str) {
    // Nobody to tell is no reason to stop.
    let _ = writeln!(stderr(), "{line}");
}

/// Prints what was found out under load. `machine` is how busy it was before.
pub(crate) fn loads(cells: &[Cell], rounds: usize, seconds: u32, machine: &str) -> Outcome {
    let mut out = stdout().lock();
    writeln!(out, "{rounds} rounds of {seconds} s each; medians; load of the machine before: {machine}\n")?;
    writeln!(out, "| load | through | requests/s (lowest to highest) | p50 ms | p99 ms | CPU µs/request | RSS MiB |")?;
    writeln!(out, "|---|---|---|---|---|---|---|")?;
    for cell in cells {
        let [lowest, highest] = [0.0, 1.0].map(|share| cell.quantile(share, |round| round.per_second));
        writeln!(
            out,
            "| {} | {} | {:.0} ({lowest:.0} to {highest:.0}) | {:.2} | {:.2} | {:.0} | {:.0} |",
            cell.load,
            cell.contestant,
            cell.median(|round| round.per_second),
            cell.median(|round| round.p50_us) / 1e3,
            cell.median(|round| round.p99_us) / 1e3,
            cell.median(|round| round.cpu_us),
            cell.median(|round| round.resident_kib) / 1024.0,
        )?;
    }
    writeln!(
        out,
        "\n| goclaw | requests/s of bare hyper's | requests/s of nginx's | CPU of nginx's | added p99 of nginx's |"
    )?;
    writeln!(out, "|---|---|---|---|---|")?;
    for load in &LOADS {
        let of =
            |name: &str| cells.iter().find(|cell| cell.load == load.name && cell.contestant == name).ok_or("no cell");
        let (direct, nginx, hyper, goclaw) = (of(DIRECT)?, of(NGINX)?, of(HYPER)?, of(GOCLAW)?);
        let speed = |cell: &Cell| cell.median(|round| round.per_second);
        let cpu = |cell: &Cell| cell.median(|round| round.cpu_us);
        let added = |cell: &Cell| cell.median(|round| round.p99_us) - direct.median(|round| round.p99_us);
        writeln!(
            out,
            "| {} | {:.2} | {:.2} | {:.2} | {} |",
            load.name,
            speed(goclaw) / speed(hyper),
            speed(goclaw) / speed(nginx),
            cpu(goclaw) / cpu(nginx),
            // Where nginx adds nothing that can be told from the noise, there is no ratio.
            if added(nginx) > 0.0 { format!("{:.2}", added(goclaw) / added(nginx)) } else { "-".to_owned() },
        )?;
    }
    Ok(())
}

/// What is no matter of requests per second.
pub(crate) struct Extras {
    pub(crate) names: Vec<&'static str>,
    pub(crate) paced: Vec<Arrivals>,
    pub(crate) open_kib: Vec<u64>,
    /// How long goclaw took to its first answer, and the memory it had then.
    pub(crate) start: (Duration, u64),
}

pub(crate) fn extras(extras: &Extras) -> Outcome {
    let mut out = stdout().lock();
    writeln!(
        out,
        "\n| 50 events, 20 ms apart | first event ms | gap p50 ms | gap p99 ms | memory for {MANY} open streams, MiB |"
    )?;
    writeln!(out, "|---|---|---|---|---|")?;
    for ((name, arrivals), kib) in extras.names.iter().zip(&extras.paced).zip(&extras.open_kib) {
        writeln!(
            out,
            "| {name} | {:.2} | {:.2} | {:.2} | {:.1} |",
            quantile(&arrivals.first, 0.5),
            quantile(&arrivals.gaps, 0.5),
            quantile(&arrivals.gaps, 0.99),
            *kib as f64 / 1024.0,
        )?;
    }
    let (first_answer, idle_kib) = extras.start;
    let first_answer = first_answer.as_millis();
    writeln!(
        out,
        "\ngoclaw's first answer {first_answer} ms after its start; {:.1} MiB then",
        idle_kib as f64 / 1024.0
    )?;
    Ok(())
}

/// The value below which this share of the values lies.
fn quantile(values: &[f64], share: f64) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    let place = (values.len().saturating_sub(1) as f64 * share).round() as usize;
    values.get(place).copied().unwrap_or(f64::NAN)
}

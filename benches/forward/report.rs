//! Prints the results as the tables of `docs/benchmarks.md`.

use std::{
    io::{StdoutLock, Write, stderr, stdout},
    time::Duration,
};

use crate::{
    Outcome,
    contestants::{DIRECT, GOCLAW, HYPER, LITELLM, NGINX, RESPONSES},
    load::{LOADS, Round},
    steady::{CALLERS, PER_SECOND},
    streams::{ExtraResults, MANY, OPEN_FOR},
    turns::{CALLERS as CALLERS_OF_TURNS, TurnResults},
};

/// The results of one contestant under one load.
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

/// Prints a progress line on stderr.
pub(crate) fn say(line: &str) {
    // A closed stderr does not stop the measurement.
    let _ = writeln!(stderr(), "{line}");
}

/// Prints the results under load. `load_average` is that of the machine before the measurement.
pub(crate) fn print_loads(cells: &[Cell], rounds: usize, seconds: u32, load_average: &str) -> Outcome {
    let mut out = stdout().lock();
    writeln!(out, "{rounds} rounds of {seconds} s each; medians; load of the machine before: {load_average}\n")?;
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
    print_ratios(cells, &mut out)
}

fn print_ratios(cells: &[Cell], out: &mut StdoutLock<'_>) -> Outcome {
    let speed = |cell: &Cell| cell.median(|round| round.per_second);
    let cpu = |cell: &Cell| cell.median(|round| round.cpu_us);
    writeln!(out, "\nThe figures of {GOCLAW}, divided by those of bare hyper and nginx:\n")?;
    writeln!(out, "| load | requests/s ÷ bare hyper's | requests/s ÷ nginx's | CPU ÷ nginx's | added p99 ÷ nginx's |")?;
    writeln!(out, "|---|---|---|---|---|")?;
    let cell_of = |load: &str, name: &str| {
        cells.iter().find(|cell| cell.load == load && cell.contestant == name).ok_or("no such cell")
    };
    for load in &LOADS {
        let [direct, nginx, hyper, goclaw] = [DIRECT, NGINX, HYPER, GOCLAW].map(|name| cell_of(load.name, name));
        let (direct, nginx, hyper, goclaw) = (direct?, nginx?, hyper?, goclaw?);
        let added = |cell: &Cell| cell.median(|round| round.p99_us) - direct.median(|round| round.p99_us);
        writeln!(
            out,
            "| {} | {:.2} | {:.2} | {:.2} | {} |",
            load.name,
            speed(goclaw) / speed(hyper),
            speed(goclaw) / speed(nginx),
            cpu(goclaw) / cpu(nginx),
            // No ratio if nginx is not slower than the upstream itself: that difference is noise.
            if added(nginx) > 0.0 { format!("{:.2}", added(goclaw) / added(nginx)) } else { "-".to_owned() },
        )?;
    }
    let prompt = LOADS.last().ok_or("no loads")?.name;
    let [proxy, responses, litellm] = [GOCLAW, RESPONSES, LITELLM].map(|name| cell_of(prompt, name));
    let (proxy, responses, litellm) = (proxy?, responses?, litellm?);
    writeln!(
        out,
        "\n{RESPONSES}: {:.2} of the requests/s of /v1/proxy, {:.0} times LiteLLM's, with {:.4} of its CPU",
        speed(responses) / speed(proxy),
        speed(responses) / speed(litellm),
        cpu(responses) / cpu(litellm),
    )?;
    Ok(())
}

pub(crate) fn print_turns(turns: &[TurnResults]) -> Outcome {
    let mut out = stdout().lock();
    writeln!(
        out,
        "\n| a prompt, answered in 50 events, 20 ms apart, {CALLERS_OF_TURNS} callers | CPU µs/response | first output ms at 1 connection |"
    )?;
    writeln!(out, "|---|---|---|")?;
    let cpu = |variant: &TurnResults| quantile(&variant.cpu_us, 0.5);
    for variant in turns {
        writeln!(out, "| {} | {:.0} | {:.3} |", variant.name, cpu(variant), quantile(&variant.first, 0.5))?;
    }
    if let [.., not_remembered, remembered] = turns {
        writeln!(
            out,
            "\nRemembering responses takes {:.2} times the CPU of not remembering them.",
            cpu(remembered) / cpu(not_remembered)
        )?;
    }
    Ok(())
}

/// Prints the other results. `start` is goclaw's time to its first response and its memory in KiB then.
pub(crate) fn print_extras(extras: &[ExtraResults], start: (Duration, u64)) -> Outcome {
    let mut out = stdout().lock();
    let open_for = OPEN_FOR.as_secs();
    writeln!(
        out,
        "\n| 50 events, 20 ms apart | first event ms | gap p50 ms | gap p99 ms | disconnect noticed after ms: median, highest | \
         memory for {MANY} open streams, MiB | growth in {open_for} s, MiB |"
    )?;
    writeln!(out, "|---|---|---|---|---|---|---|")?;
    for extra in extras {
        writeln!(
            out,
            "| {} | {:.2} | {:.2} | {:.2} | {:.1}, {:.1} | {:.1} | {:.1} |",
            extra.name,
            quantile(&extra.first, 0.5),
            quantile(&extra.gaps, 0.5),
            quantile(&extra.gaps, 0.99),
            quantile(&extra.disconnects, 0.5),
            quantile(&extra.disconnects, 1.0),
            extra.open_kib as f64 / 1024.0,
            extra.growth_kib as f64 / 1024.0,
        )?;
    }
    print_steady_pace(extras, &mut out)?;
    let (first_response, idle_kib) = start;
    let first_response = first_response.as_millis();
    writeln!(
        out,
        "\ngoclaw's first response came {first_response} ms after its start, with an RSS of {:.1} MiB",
        idle_kib as f64 / 1024.0
    )?;
    Ok(())
}

fn print_steady_pace(extras: &[ExtraResults], out: &mut StdoutLock<'_>) -> Outcome {
    writeln!(
        out,
        "\n| {CALLERS} callers, {PER_SECOND} requests/s in total | p50 ms | p99 ms | added p99 ms | ÷ nginx's |"
    )?;
    writeln!(out, "|---|---|---|---|---|")?;
    let p99 = |name: &str| extras.iter().find(|extra| extra.name == name).map(|extra| quantile(&extra.steady, 0.99));
    let (direct, nginx) = (p99(DIRECT).ok_or("no upstream")?, p99(NGINX).ok_or("no nginx")?);
    for ExtraResults { name, steady, .. } in extras {
        let (p50, p99) = (quantile(steady, 0.5), quantile(steady, 0.99));
        let added = p99 - direct;
        writeln!(out, "| {name} | {p50:.3} | {p99:.3} | {added:.3} | {:.2} |", added / (nginx - direct))?;
    }
    Ok(())
}

/// Returns the value below which this share of the values lies.
fn quantile(values: &[f64], share: f64) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    let index = (values.len().saturating_sub(1) as f64 * share).round() as usize;
    values.get(index).copied().unwrap_or(f64::NAN)
}

//! `goclaw requests` and `goclaw usage`: prints the records of requests, and how much programs have used models.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use clap::Subcommand;

use super::{
    client::GatewayClient,
    error::{CliError, Exit},
    render::{self, Output},
    values::positive,
    words::{TimeFormatter, table},
};
use crate::{
    adapters::contract::{RequestEntry, ToJSON, UsageEntry},
    ports::Clock,
};

#[derive(Debug, Subcommand)]
pub enum RequestsCommand {
    /// List the newest requests, the newest last
    List {
        /// How many
        #[arg(long, default_value_t = 50, value_parser = positive())]
        limit: usize,
        #[command(flatten)]
        output: Output,
    },
    /// Print each further request when its response has ended, until ctrl-c
    Tail {
        /// Print each as a line of JSON
        #[arg(long)]
        json: bool,
    },
}

/// Poll interval of `tail`.
const POLL_INTERVAL: Duration = Duration::from_secs(1);
/// The number of requests that a poll fetches at first.
const FIRST_LIMIT: usize = 500;
/// The number of requests that a poll fetches at most.
const MAX_LIMIT: usize = 16 * FIRST_LIMIT;

pub(super) async fn run(
    command: &RequestsCommand,
    client: &GatewayClient,
    times: &TimeFormatter,
    clock: &Arc<dyn Clock>,
) -> Result<Exit, CliError> {
    match command {
        RequestsCommand::List { limit, output } => {
            let page = client.requests(*limit).await?;
            if output.json {
                render::list_as_json(&page)?;
            } else {
                let rows = page.requests.iter().rev().map(|request| row(request, times));
                render::table(&table(HEADINGS, rows))?;
            }
        }
        RequestsCommand::Tail { json } => {
            let mut seen = client.requests(1).await?.requests.first().map_or(0, |newest| newest.number);
            let mut is_unreachable = false;
            loop {
                clock.sleep(POLL_INTERVAL).await;
                let requests = match newer_than(seen, client).await {
                    Err(error) if error.is_outage() => {
                        if !std::mem::replace(&mut is_unreachable, true) {
                            render::error(&format!("{error}; waiting for the gateway"));
                        }
                        continue;
                    }
                    found => found?,
                };
                is_unreachable = false;
                for request in requests.iter().rev() {
                    let is_read = if *json {
                        render::json_of_stream(&request.to_json_string())?
                    } else {
                        render::line_of_stream(&row(request, times).join("  "))?
                    };
                    if !is_read {
                        return Ok(Exit::Yes);
                    }
                }
                seen = requests.first().map_or(seen, |newest| newest.number);
            }
        }
    }
    Ok(Exit::Yes)
}

/// Returns the requests with a number above `seen`, newest first.
async fn newer_than(seen: i64, client: &GatewayClient) -> Result<Vec<RequestEntry>, CliError> {
    let mut limit = FIRST_LIMIT;
    loop {
        let mut requests = client.requests(limit).await?.requests;
        // Without stored records, a restarted gateway numbers its requests from 1 again.
        if requests.first().is_some_and(|newest| newest.number < seen) {
            return Ok(requests);
        }
        let is_truncated = requests.len() >= limit && requests.last().is_some_and(|oldest| oldest.number > seen);
        if !is_truncated || limit >= MAX_LIMIT {
            requests.retain(|request| request.number > seen);
            return Ok(requests);
        }
        limit *= 2;
    }
}

pub(super) async fn usage(
    days: u16,
    output: &Output,
    client: &GatewayClient,
    times: &TimeFormatter,
) -> Result<Exit, CliError> {
    let page = client.program_usage(days).await?;
    if output.json {
        render::list_as_json(&page)?;
    } else if page.usage.is_empty() {
        render::line("No program has used a model in this time.")?;
    } else {
        render::table(&usage_text(&page.usage, times))?;
    }
    Ok(Exit::Yes)
}

const HEADINGS: [&str; 9] = ["WHEN", "ID", "PROGRAM", "REQUEST", "STATUS", "MODEL", "TOKENS", "FIRST", "TOTAL"];

fn row(request: &RequestEntry, times: &TimeFormatter) -> [String; 9] {
    let millis = |time: u64| format!("{time} ms");
    let model = [request.provider.as_deref(), request.model.as_deref()].into_iter().flatten().collect::<Vec<_>>();
    let tokens = request.input_tokens.map(|input| format!("{input} + {}", request.output_tokens.unwrap_or_default()));
    let end = request.end.as_str();
    [
        times.second(request.at),
        request.id.clone(),
        request.program.clone().unwrap_or_else(|| "-".to_owned()),
        format!("{} {}", request.method, if request.route.is_empty() { "(unknown path)" } else { &request.route }),
        if end == "complete" { request.status.to_string() } else { format!("{} {end}", request.status) },
        if model.is_empty() { "-".to_owned() } else { model.join("/") },
        tokens.unwrap_or_else(|| "-".to_owned()),
        request.first_byte_ms.map_or_else(|| "-".to_owned(), millis),
        millis(request.total_ms),
    ]
}

/// Returns a table of the sums of all days, by program, account and model.
fn usage_text(usage: &[UsageEntry], times: &TimeFormatter) -> String {
    let mut sums: BTreeMap<[&str; 3], [u64; 5]> = BTreeMap::new();
    for entry in usage {
        let sum = sums.entry([&entry.program, &entry.provider, entry.model.as_deref().unwrap_or("-")]).or_default();
        let more = [entry.requests, entry.failures, entry.input_tokens, entry.cached_tokens, entry.output_tokens];
        sum.iter_mut().zip(more).for_each(|(sum, more)| *sum = sum.saturating_add(more));
    }
    let rows = sums.into_iter().map(|([program, provider, model], [requests, failures, input, cached, output])| {
        let name = [program, provider, model].map(str::to_owned);
        let [program, provider, model] = name;
        let [requests, failures, input, cached, output] =
            [requests, failures, input, cached, output].map(|sum| sum.to_string());
        [program, provider, model, requests, failures, input, cached, output]
    });
    let headings = ["PROGRAM", "ACCOUNT", "MODEL", "REQUESTS", "FAILED", "INPUT", "CACHED", "OUTPUT"];
    let first = usage.first().map(|entry| times.day(entry.day)).unwrap_or_default();
    format!("Since {first} (UTC):\n{}", table(headings, rows))
}

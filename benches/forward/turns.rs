//! Measures the turns of conversations: prompts whose responses arrive as slowly as a model writes. Shows what the
//! translation and the remembering of responses cost, and when the first output arrives.

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, TcpStream},
    thread,
    time::{Duration, Instant},
};

use crate::{
    Outcome,
    contestants::{Contestant, DIRECT, GOCLAW, RESPONSES},
    load::PROMPT_PATH,
    report,
};

/// Concurrent callers, and the turns of each in one round.
pub(crate) const CALLERS: usize = 100;
const TURNS: usize = 4;
/// Turns of a single caller, which measure the time to the first output.
const SINGLE_CALLER_TURNS: usize = 200;
/// The upstream pauses between events if a prompt contains this word.
pub(crate) const SLOWLY: &str = "slowly";
const OUTPUT: &[u8] = b"response.output_text.delta";
const END: &[u8] = b"0\r\n\r\n";

/// The results of one contestant, with or without remembered responses.
pub(crate) struct TurnResults {
    /// The name in the report.
    pub(crate) name: &'static str,
    contestant: &'static str,
    /// The request's `store`: whether the gateway remembers the response.
    is_stored: bool,
    /// The proxy's CPU time for a turn, in each round.
    pub(crate) cpu_us: Vec<f64>,
    /// Milliseconds from a request to its first output, for one caller.
    pub(crate) first: Vec<f64>,
}

/// Runs all rounds, in each with another order of the contestants.
pub(crate) fn run(contestants: &[Contestant], rounds: usize) -> Outcome<Vec<TurnResults>> {
    let variant = |name, contestant, is_stored| TurnResults {
        name,
        contestant,
        is_stored,
        cpu_us: Vec::new(),
        first: Vec::new(),
    };
    let mut variants = [
        variant(DIRECT, DIRECT, false),
        variant(GOCLAW, GOCLAW, false),
        variant("goclaw /v1/responses, not remembered", RESPONSES, false),
        variant("goclaw /v1/responses, remembered", RESPONSES, true),
    ];
    for round in 0..rounds {
        report::say(&format!("turns, round {} of {rounds}", round + 1));
        variants.rotate_left(1);
        for variant in &mut variants {
            let contestant =
                contestants.iter().find(|one| one.name == variant.contestant).ok_or("no such contestant")?;
            let before = contestant.process.cpu_us()?;
            run_callers(contestant, variant.is_stored)?;
            variant.cpu_us.push((contestant.process.cpu_us()? - before) as f64 / (CALLERS * TURNS) as f64);
            let body = prompt("Tell me 48 words.", variant.is_stored);
            variant.first.extend(send_prompts(contestant, SINGLE_CALLER_TURNS, &body)?);
        }
    }
    let mut variants = Vec::from(variants);
    variants.sort_by_key(|variant| (variant.is_stored, variant.contestant != DIRECT, variant.contestant));
    Ok(variants)
}

fn prompt(text: &str, is_stored: bool) -> String {
    format!("{{\"model\":\"bench\",\"input\":\"{text}\",\"stream\":true,\"store\":{is_stored}}}")
}

fn run_callers(contestant: &Contestant, is_stored: bool) -> Outcome {
    let body = prompt(&format!("Tell me 48 words, {SLOWLY}."), is_stored);
    let results: Vec<Outcome<Vec<f64>>> = thread::scope(|scope| {
        let callers: Vec<_> = (0..CALLERS).map(|_| scope.spawn(|| send_prompts(contestant, TURNS, &body))).collect();
        callers.into_iter().map(|caller| caller.join().unwrap_or_else(|_| Err("a caller died".into()))).collect()
    });
    results.into_iter().collect::<Outcome<Vec<_>>>().map(drop)
}

/// Sends prompts one after another over one connection. Returns the milliseconds until the first output of each.
fn send_prompts(contestant: &Contestant, turns: usize, body: &str) -> Outcome<Vec<f64>> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, contestant.process.port))?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    let path = contestant.path(PROMPT_PATH).ok_or("the contestant takes no prompts")?;
    let (authorization, length) = (&contestant.authorization, body.len());
    let request = format!(
        "POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: {authorization}\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\n\r\n{body}"
    );
    let mut times = Vec::with_capacity(turns);
    for _ in 0..turns {
        let begun = Instant::now();
        stream.write_all(request.as_bytes())?;
        let (mut read, mut first) = (Vec::new(), None);
        while !read.ends_with(END) {
            let mut buffer = [0; 16_384];
            let length = stream.read(&mut buffer)?;
            if length == 0 {
                return Err(format!("{} ends a response early", contestant.name).into());
            }
            read.extend_from_slice(buffer.get(..length).unwrap_or_default());
            if first.is_none() && read.windows(OUTPUT.len()).any(|bytes| bytes == OUTPUT) {
                first = Some(begun.elapsed().as_secs_f64() * 1e3);
            }
        }
        times.push(first.ok_or_else(|| format!("{} has no output", contestant.name))?);
    }
    Ok(times)
}

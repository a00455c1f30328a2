//! Measures streams: the arrival of each event, the memory of a thousand open streams, and the time until the upstream
//! notices that a caller has disconnected.

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, TcpStream},
    thread,
    time::{Duration, Instant},
};

use crate::{
    Outcome,
    contestants::{Contestant, DIRECT},
    process::ask,
    unix_us,
};

pub(crate) const PACED: &str = "/compatible-mode/v1/paced";
const HELD: &str = "/compatible-mode/v1/held";
const SILENT: &str = "/compatible-mode/v1/silent";

/// Number of streams that are open at once, and for how long.
pub(crate) const MANY: usize = 1_000;
pub(crate) const OPEN_FOR: Duration = Duration::from_secs(15);
/// Number of disconnects that are measured.
const DISCONNECTS: usize = 20;
/// The longest wait for more of a response, and for the upstream to notice a disconnect.
const TIMEOUT: Duration = Duration::from_secs(20);

/// The results of one contestant that are not in the tables of loads and turns.
pub(crate) struct ExtraResults {
    pub(crate) name: &'static str,
    /// Milliseconds from a request to the end of its response, with callers at a steady pace.
    pub(crate) steady: Vec<f64>,
    /// Milliseconds from the request to the first event of a paced stream.
    pub(crate) first: Vec<f64>,
    /// Milliseconds from one event to the next.
    pub(crate) gaps: Vec<f64>,
    /// Milliseconds until the upstream notices a caller's disconnect.
    pub(crate) disconnects: Vec<f64>,
    /// Memory in KiB that a thousand open streams add, and its growth while they stay open.
    pub(crate) open_kib: u64,
    pub(crate) growth_kib: i64,
}

impl ExtraResults {
    pub(crate) fn new(name: &'static str) -> Self {
        let (steady, first, gaps, disconnects) = Default::default();
        Self { name, steady, first, gaps, disconnects, open_kib: 0, growth_kib: 0 }
    }
}

/// Reads one paced stream to its end.
pub(crate) fn read_paced(contestant: &Contestant, extra: &mut ExtraResults) -> Outcome {
    let begun = Instant::now();
    let mut stream = request(contestant, PACED)?;
    let mut last = None;
    let mut buffer = [0; 4_096];
    loop {
        let length = stream.read(&mut buffer)?;
        let now = Instant::now();
        let read = buffer.get(..length).unwrap_or_default();
        // Searches the bytes because a proxy may send the head and the first event separately or together.
        if read.windows(5).any(|bytes| bytes == b"data:") {
            match last.replace(now) {
                None => extra.first.push((now - begun).as_secs_f64() * 1e3),
                Some(last) => extra.gaps.push((now - last).as_secs_f64() * 1e3),
            }
        }
        if length == 0 || read.ends_with(b"0\r\n\r\n") {
            return if last.is_some() { Ok(()) } else { Err(format!("{} sends no events", contestant.name).into()) };
        }
    }
}

/// Sends requests that get no response, and disconnects. The upstream records the time at which it notices that.
pub(crate) fn measure_disconnects(contestant: &Contestant, all: &[Contestant], extra: &mut ExtraResults) -> Outcome {
    let upstream = all.iter().find(|contestant| contestant.name == DIRECT).ok_or("no upstream")?;
    let last_noticed_at = || -> Outcome<u64> {
        let response = ask(upstream.process.port, "GET", "/disconnected", &upstream.authorization, "")?;
        Ok(response.rsplit("\r\n").next().unwrap_or_default().parse()?)
    };
    for _ in 0..DISCONNECTS {
        let stream = request(contestant, SILENT)?;
        thread::sleep(Duration::from_millis(50));
        let (before, disconnected) = (last_noticed_at()?, unix_us());
        drop(stream);
        let begun = Instant::now();
        let mut noticed = last_noticed_at()?;
        while noticed == before {
            if begun.elapsed() > TIMEOUT {
                return Err(format!("{} does not end the request of a disconnected caller", contestant.name).into());
            }
            thread::sleep(Duration::from_millis(1));
            noticed = last_noticed_at()?;
        }
        extra.disconnects.push(noticed.saturating_sub(disconnected) as f64 / 1e3);
    }
    Ok(())
}

/// Opens a thousand endless streams with one event a second, and measures the memory that they use.
pub(crate) fn measure_open_streams(contestant: &Contestant, extra: &mut ExtraResults) -> Outcome {
    let before = contestant.process.resident_kib()?;
    let mut open = Vec::with_capacity(MANY);
    for _ in 0..MANY {
        let mut stream = request(contestant, HELD)?;
        let mut received = Vec::new();
        while !received.windows(5).any(|bytes| bytes == b"data:") {
            let mut buffer = [0; 4_096];
            let length = stream.read(&mut buffer)?;
            if length == 0 {
                return Err(format!("{} ends a stream after {} others", contestant.name, open.len()).into());
            }
            received.extend_from_slice(buffer.get(..length).unwrap_or_default());
        }
        open.push(stream);
    }
    let opened = contestant.process.resident_kib()?;
    thread::sleep(OPEN_FOR);
    extra.open_kib = opened.saturating_sub(before);
    extra.growth_kib = contestant.process.resident_kib()?.cast_signed() - opened.cast_signed();
    Ok(())
}

fn request(contestant: &Contestant, path: &str) -> Outcome<TcpStream> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, contestant.process.port))?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    let path = contestant.path(path).ok_or("the contestant has no such path")?;
    let head = format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: {}\r\n\r\n", contestant.authorization);
    stream.write_all(head.as_bytes())?;
    Ok(stream)
}

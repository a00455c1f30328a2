//! Streams as models send them: when each event arrives, and what a thousand open ones weigh.

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, TcpStream},
    time::{Duration, Instant},
};

use crate::{Outcome, contestants::Contestant};

/// How many streams are open at once for the weighing.
pub(crate) const MANY: usize = 1_000;
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// When the events of paced streams arrived.
#[derive(Default)]
pub(crate) struct Arrivals {
    /// From the request to the first byte of the answer's body, in milliseconds.
    pub(crate) first: Vec<f64>,
    /// From one event to the next.
    pub(crate) gaps: Vec<f64>,
}

/// Reads one paced stream to its end.
pub(crate) fn read_paced(contestant: &Contestant, arrivals: &mut Arrivals) -> Outcome {
    let begun = Instant::now();
    let mut stream = request(contestant, "/compatible-mode/v1/paced")?;
    let mut last = None;
    let mut buffer = [0; 4_096];
    loop {
        let length = stream.read(&mut buffer)?;
        let now = Instant::now();
        let read = buffer.get(..length).unwrap_or_default();
        // Looks at what is there and not at how it is cut: a proxy may send the head and the first event apart.
        if read.windows(5).any(|bytes| bytes == b"data:") {
            match last.replace(now) {
                None => arrivals.first.push((now - begun).as_secs_f64() * 1e3),
                Some(last) => arrivals.gaps.push((now - last).as_secs_f64() * 1e3),
            }
        }
        if length == 0 || read.ends_with(b"0\r\n\r\n") {
            return if last.is_some() { Ok(()) } else { Err(format!("{} sends no events", contestant.name).into()) };
        }
    }
}

/// What a thousand streams add to the memory, in KiB, each with one event sent and no end in sight.
pub(crate) fn weigh_open(contestant: &Contestant) -> Outcome<u64> {
    let before = contestant.process.resident_kib()?;
    let mut open = Vec::with_capacity(MANY);
    for _ in 0..MANY {
        let mut stream = request(contestant, "/compatible-mode/v1/held")?;
        let mut begun = Vec::new();
        while !begun.windows(5).any(|bytes| bytes == b"data:") {
            let mut buffer = [0; 4_096];
            let length = stream.read(&mut buffer)?;
            if length == 0 {
                return Err(format!("{} ends a stream after {} others", contestant.name, open.len()).into());
            }
            begun.extend_from_slice(buffer.get(..length).unwrap_or_default());
        }
        open.push(stream);
    }
    Ok(contestant.process.resident_kib()?.saturating_sub(before))
}

fn request(contestant: &Contestant, path: &str) -> Outcome<TcpStream> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, contestant.process.port))?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let head = format!(
        "GET {}{path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: {}\r\n\r\n",
        contestant.prefix, contestant.authorization
    );
    stream.write_all(head.as_bytes())?;
    Ok(stream)
}

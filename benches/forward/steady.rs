//! Measures the latency that a proxy adds, with callers that send requests at a steady pace and leave the machine
//! mostly idle. Under full load, the wait for a core would hide this latency.

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, TcpStream},
    thread,
    time::{Duration, Instant},
};

use crate::{Outcome, contestants::Contestant, load::SMALL};

pub(crate) const CALLERS: u32 = 16;
/// Interval between the requests of one caller.
const INTERVAL: Duration = Duration::from_millis(8);
/// Requests of one caller in one round.
const REQUESTS: u32 = 400;

/// Requests per second of all callers.
pub(crate) const PER_SECOND: u128 = CALLERS as u128 * 1_000 / INTERVAL.as_millis();

/// Runs one round and returns the times from sending a request to the last byte of its response, in milliseconds.
pub(crate) fn run(contestant: &Contestant) -> Outcome<Vec<f64>> {
    let (port, request) = (contestant.process.port, SMALL.message(contestant)?);
    let request = request.as_bytes();
    let begin = Instant::now() + Duration::from_millis(50);
    let results: Vec<Outcome<Vec<f64>>> = thread::scope(|scope| {
        // The starts of the callers are spread over one interval.
        let callers = (0..CALLERS).map(|number| begin + INTERVAL * number / CALLERS);
        let callers: Vec<_> = callers.map(|begin| scope.spawn(move || call(port, request, begin))).collect();
        callers.into_iter().map(|caller| caller.join().unwrap_or_else(|_| Err("a caller died".into()))).collect()
    });
    let times: Vec<Vec<f64>> = results.into_iter().collect::<Outcome<_>>()?;
    Ok(times.concat())
}

fn call(port: u16, request: &[u8], begin: Instant) -> Outcome<Vec<f64>> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    let mut times = Vec::new();
    let mut buffer = [0; 8_192];
    for number in 0..REQUESTS {
        thread::sleep((begin + INTERVAL * number).saturating_duration_since(Instant::now()));
        let sent = Instant::now();
        stream.write_all(request)?;
        let mut length = 0;
        while !buffer.get(..length).unwrap_or_default().ends_with(SMALL.ending.as_bytes()) {
            match stream.read(buffer.get_mut(length..).unwrap_or_default())? {
                0 => return Err("a response is incomplete or too large".into()),
                more => length += more,
            }
        }
        times.push(sent.elapsed().as_secs_f64() * 1e3);
    }
    Ok(times)
}

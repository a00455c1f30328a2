//! Measures requests to a distant provider over each HTTP version: the first request, later ones, and one after a
//! pause. `benches/warm.sh` builds and runs it.

#![expect(clippy::disallowed_methods, reason = "it measures real time, and its servers run until they are killed")]
#![expect(clippy::print_stdout, reason = "it prints the tables of docs/benchmarks.md")]

use std::{
    error::Error,
    fs,
    io::{Read, Write},
    net::TcpStream,
    path::Path,
    process::Command,
    thread,
    time::{Duration, Instant},
};

#[path = "../forward/process.rs"]
#[expect(dead_code, reason = "the bench of forwarding uses the rest")]
mod process;
mod provider;
mod relay;

use process::{Process, ask, free_port};
use provider::{BURST, CA_FILE, Direct, LARGE, LARGE_BYTES, SMALL};

type Outcome<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

/// The delay in each direction.
const DELAY: Duration = Duration::from_millis(20);
/// Number of routes of each contestant.
const COPIES: usize = 5;
const WARM_REQUESTS: usize = 10;
const LARGE_REQUESTS: usize = 5;
/// Callers and bursts of each, for the CPU time.
const CALLERS: usize = 8;
const BURSTS: usize = 250;
/// The accounts of the gateway: through the relay, and without it.
const FAR: &str = "dashscope";
const NEAR: &str = "near";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Version {
    Http1,
    Http2,
}

impl Version {
    fn alpn(self) -> &'static [u8] {
        match self {
            Self::Http1 => b"http/1.1",
            Self::Http2 => b"h2",
        }
    }
}

/// A route to the provider through the relay, with or without a gateway.
enum Route {
    Direct(Direct),
    Gateway(Gateway),
}

struct Contestant {
    name: &'static str,
    /// Several, because each pause gives only one measurement of each.
    routes: Vec<Route>,
    /// Milliseconds of the first request of each route, with the handshakes.
    cold: Vec<f64>,
    /// Milliseconds of the requests right after the first.
    warm: Vec<f64>,
    /// The median in milliseconds after each pause.
    after_pauses: Vec<f64>,
    /// MiB/s of a large body.
    large: Vec<f64>,
}

struct Gateway {
    process: Process,
    authorization: String,
    _folder: tempfile::TempDir,
}

fn main() -> Outcome {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [goclaw, pauses @ ..] = arguments.as_slice() else { return Err("usage: benches/warm.sh [SECONDS...]".into()) };
    let pauses = pauses.iter().map(|seconds| Ok(seconds.parse()?)).collect::<Outcome<Vec<u64>>>()?;
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(measure(goclaw, &pauses))
}

async fn measure(goclaw: &str, pauses: &[u64]) -> Outcome {
    let provider = provider::start().await?;
    let far = relay::start(provider, DELAY).await?;
    let mut contestants = Vec::new();
    for (name, version) in [("direct, HTTP/1.1", Version::Http1), ("direct, HTTP/2", Version::Http2)] {
        let mut contestant = Contestant::new(name);
        for _ in 0..COPIES {
            let begun = Instant::now();
            let mut direct = Direct::connect(far, version).await?;
            direct.get(SMALL).await?;
            contestant.add(Route::Direct(direct), begun);
        }
        contestants.push(contestant);
    }
    for (name, http2) in [("goclaw, HTTP/1.1", false), ("goclaw, HTTP/2", true)] {
        let mut contestant = Contestant::new(name);
        for _ in 0..COPIES {
            let gateway = Gateway::start(goclaw, far, provider.port(), http2)?;
            let begun = Instant::now();
            gateway.get(FAR, SMALL)?;
            contestant.add(Route::Gateway(gateway), begun);
        }
        contestants.push(contestant);
    }
    for _ in 0..WARM_REQUESTS {
        for contestant in &mut contestants {
            let times = contestant.time_all().await?;
            contestant.warm.extend(times);
        }
    }
    for _ in 0..LARGE_REQUESTS {
        for contestant in &mut contestants {
            let Some(route) = contestant.routes.first_mut() else { continue };
            let begun = Instant::now();
            assert!(route.get(LARGE).await? >= LARGE_BYTES, "a truncated body");
            contestant.large.push(LARGE_BYTES as f64 / 1_048_576.0 / begun.elapsed().as_secs_f64());
        }
    }
    for seconds in pauses {
        println!("pausing {seconds} s");
        tokio::time::sleep(Duration::from_secs(*seconds)).await;
        for contestant in &mut contestants {
            let after_pause = median(&contestant.time_all().await?);
            contestant.after_pauses.push(after_pause);
        }
    }
    report(&contestants, pauses);
    for contestant in &contestants {
        if let Some(Route::Gateway(gateway)) = contestant.routes.first() {
            println!("{}: {:.0} µs of CPU for a burst of 50 events", contestant.name, gateway.cpu_of_a_burst()?);
        }
    }
    Ok(())
}

fn report(contestants: &[Contestant], pauses: &[u64]) {
    let heads: String = pauses.iter().map(|seconds| format!(" after {seconds} s |")).collect();
    println!("\n| median ms | first request | warm |{heads} MiB/s of 4 MiB |");
    println!("|---|---|---|{}---|", "---|".repeat(pauses.len()));
    for contestant in contestants {
        let after_pauses: String = contestant.after_pauses.iter().map(|millis| format!(" {millis:.1} |")).collect();
        let [cold, warm, large] = [&contestant.cold, &contestant.warm, &contestant.large].map(|times| median(times));
        println!("| {} | {cold:.1} | {warm:.1} |{after_pauses} {large:.1} |", contestant.name);
    }
}

impl Contestant {
    fn new(name: &'static str) -> Self {
        let (routes, [cold, warm, after_pauses, large]) = (Vec::new(), Default::default());
        Self { name, routes, cold, warm, after_pauses, large }
    }

    fn add(&mut self, route: Route, begun: Instant) {
        self.cold.push(millis(begun));
        self.routes.push(route);
    }

    /// Returns the milliseconds of one request on each route.
    async fn time_all(&mut self) -> Outcome<Vec<f64>> {
        let mut times = Vec::new();
        for route in &mut self.routes {
            let begun = Instant::now();
            route.get(SMALL).await?;
            times.push(millis(begun));
        }
        Ok(times)
    }
}

impl Route {
    async fn get(&mut self, path: &str) -> Outcome<usize> {
        match self {
            Self::Direct(direct) => direct.get(path).await,
            Self::Gateway(gateway) => tokio::task::block_in_place(|| gateway.get(FAR, path)),
        }
    }
}

impl Gateway {
    fn start(program: &str, far: u16, near: u16, http2: bool) -> Outcome<Self> {
        let (folder, port) = (tempfile::tempdir()?, free_port()?);
        let data = folder.path().join("data");
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("HOME", folder.path())
            .env("GOCLAW_DATA_DIR", &data)
            .env("GOCLAW_PORT", port.to_string())
            .env("GOCLAW_CALLBACK__PORT", free_port()?.to_string())
            .env("GOCLAW_TLS__CA_FILE", CA_FILE)
            .env("GOCLAW_OUTBOUND__HTTP2", http2.to_string())
            .env("GOCLAW_PROVIDERS__DASHSCOPE__API_BASE", format!("https://localhost:{far}"))
            .env("GOCLAW_PROVIDERS__NEAR__TYPE", "dashscope")
            .env("GOCLAW_PROVIDERS__NEAR__API_BASE", format!("https://localhost:{near}"))
            .stderr(fs::File::create(folder.path().join("goclaw.log"))?);
        let process = Process::start(command, port, "/healthz")?;
        let authorization = format!("Bearer {}", token(&data)?);
        for account in [FAR, NEAR] {
            let (path, body) = (format!("/v1/auth/{account}/secret"), r#"{"api_key": "sk-bench", "unchecked": true}"#);
            let response = ask(port, "PUT", &path, &authorization, body)?;
            if !response.starts_with("HTTP/1.1 200") {
                return Err(format!("goclaw does not accept the key: {response}").into());
            }
        }
        Ok(Self { process, authorization, _folder: folder })
    }

    /// Sends a GET to the gateway on a new local connection, which takes almost no time.
    fn get(&self, account: &str, path: &str) -> Outcome<usize> {
        let response = ask(self.process.port, "GET", &format!("/v1/proxy/{account}{path}"), &self.authorization, "")?;
        if response.starts_with("HTTP/1.1 200") { Ok(response.len()) } else { Err(response.into()) }
    }

    /// Returns the CPU time of the gateway for one burst, over a warm connection without the relay.
    fn cpu_of_a_burst(&self) -> Outcome<f64> {
        // Warm-up.
        self.run_callers(20)?;
        let before = self.process.cpu_us()?;
        self.run_callers(BURSTS)?;
        Ok((self.process.cpu_us()? - before) as f64 / (CALLERS * BURSTS) as f64)
    }

    /// Requests this many bursts with each of the concurrent callers.
    fn run_callers(&self, requests: usize) -> Outcome {
        thread::scope(|scope| {
            let callers: Vec<_> = (0..CALLERS).map(|_| scope.spawn(|| self.request_bursts(requests))).collect();
            callers.into_iter().try_for_each(|caller| caller.join().unwrap_or_else(|_| Err("a caller died".into())))
        })
    }

    /// Requests bursts one after another over one connection.
    fn request_bursts(&self, requests: usize) -> Outcome {
        let mut stream = TcpStream::connect(("127.0.0.1", self.process.port))?;
        stream.set_nodelay(true)?;
        let (path, authorization) = (format!("/v1/proxy/{NEAR}{BURST}"), &self.authorization);
        let request = format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: {authorization}\r\n\r\n");
        for _ in 0..requests {
            stream.write_all(request.as_bytes())?;
            let (mut read, mut buffer) = (Vec::new(), [0; 16_384]);
            while !read.ends_with(b"\r\n0\r\n\r\n") {
                match stream.read(&mut buffer)? {
                    0 => return Err("a response ends early".into()),
                    length => read.extend_from_slice(buffer.get(..length).unwrap_or_default()),
                }
            }
        }
        Ok(())
    }
}

fn token(data: &Path) -> Outcome<String> {
    Ok(fs::read_to_string(data.join("gateway.token"))?.trim().to_owned())
}

fn millis(begun: Instant) -> f64 {
    begun.elapsed().as_secs_f64() * 1e3
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}

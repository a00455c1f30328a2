//! A test of a program that sends the largest bodies with the most values on several connections and reads no response:
//! the gateway's memory stays within its budget, and health checks get through.

use std::{
    fs,
    sync::Arc,
    time::{Duration, Instant},
};

use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    task::JoinSet,
};

use crate::support::{
    gateway::{Gateway, Home, pause},
    provider::Provider,
};

const LARGEST: usize = 32 * 1024 * 1024;
const CONNECTIONS: usize = 8;
/// Maximum growth of the gateway's memory during the attack: the budget of 256 MiB for all bodies, and 44 MiB more.
const MAX_GROWTH_MIB: u64 = 300;
/// Maximum time of a health check. In this build without optimizations, parsing the bodies takes far longer.
const MAX_PROBE_TIME: Duration = Duration::from_secs(5);

/// Returns a request whose body is `start`, `filling` repeated up to the largest size, and `end`.
fn request(token: &str, start: &str, filling: &str, end: &str) -> Arc<Vec<u8>> {
    let body = [start, &filling.repeat((LARGEST - start.len() - end.len()) / filling.len()), end].concat();
    let head = format!(
        "POST /v1/responses HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    Arc::new([head.into_bytes(), body.into_bytes()].concat())
}

/// Sends a request on a connection that can hold little unread data. A refusal may close it before the end.
async fn send(port: u16, request: &[u8]) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(2048).expect("a small buffer");
    let mut stream = socket.connect(([127, 0, 0, 1], port).into()).await.expect("a connection");
    let _ = stream.write_all(request).await;
    stream
}

/// The status of a response, if one came, and the connection with the rest of it.
type AttackResult = (Option<u16>, TcpStream);

/// Sends a request and reads no more than the status of the response.
async fn attack(port: u16, request: Arc<Vec<u8>>) -> Vec<AttackResult> {
    let mut stream = send(port, &request).await;
    let mut start = [0; 12];
    let read = stream.read_exact(&mut start).await;
    let status = str::from_utf8(&start).ok().and_then(|start| start.split(' ').nth(1)?.parse().ok());
    vec![(status.filter(|_| read.is_ok()), stream)]
}

fn memory_mib(gateway: &Gateway, name: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", gateway.process_id())).expect("its status");
    let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("a line");
    line.trim_start_matches(':').trim().trim_end_matches(" kB").parse::<u64>().expect("a number") / 1024
}

/// Sends health checks until the attackers are done. Returns the longest wait, and the statuses that attackers got.
async fn slowest_probe(gateway: &Gateway, attackers: &mut JoinSet<Vec<AttackResult>>) -> (Duration, Vec<u16>) {
    let (mut slowest, mut attacks) = (Duration::ZERO, Vec::new());
    loop {
        #[expect(clippy::disallowed_methods, reason = "the processes under test have no fake clock")]
        let begun = Instant::now();
        assert_eq!(gateway.get("/healthz").await.status, 200);
        slowest = slowest.max(begun.elapsed());
        while let Some(done) = attackers.try_join_next() {
            attacks.extend(done.expect("an attacker"));
        }
        if attackers.is_empty() {
            return (slowest, attacks.iter().filter_map(|(status, _unread)| *status).collect());
        }
        pause(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn the_largest_bodies_of_one_program_stay_within_the_memory_budget() {
    let provider = Provider::approving();
    let home = Home::new(&provider).with("RUST_LOG", "info");
    let gateway = home.start().await;
    gateway.sign_in().await;
    let token = gateway.post("/v1/tokens", json!({"name": "editor"})).await.json();
    let token = token["token"].as_str().expect("a token");
    let small_values = request(token, r#"{"model":"openai-codex/gpt-5.5","input":["#, "0,", "0]}");
    let start = r#"{"model":"openai-codex/gpt-5.5","stream":true,"input":"hi","metadata":{"a":""#;
    let repeated = request(token, start, "abcdefghijklmnopqrstuvwxyz", r#""}}"#);
    let at_rest = memory_mib(&gateway, "VmRSS");
    let mut attackers = JoinSet::new();
    for _ in 0..CONNECTIONS {
        attackers.spawn(attack(home.port, Arc::clone(&small_values)));
    }
    let port = home.port;
    attackers.spawn(async move {
        let mut unread = Vec::new();
        for _ in 0..CONNECTIONS {
            unread.extend(attack(port, Arc::clone(&repeated)).await);
        }
        unread
    });
    let (slowest, statuses) = slowest_probe(&gateway, &mut attackers).await;
    let growth = memory_mib(&gateway, "VmHWM").saturating_sub(at_rest);
    eprintln!("{at_rest} MiB at rest, {growth} MiB more; the slowest health check took {slowest:?}; {statuses:?}");
    assert!(growth <= MAX_GROWTH_MIB, "{growth} MiB above {at_rest} MiB");
    assert!(slowest < MAX_PROBE_TIME, "a health check took {slowest:?}");
    assert!(statuses.iter().all(|status| [200, 400, 413, 503].contains(status)), "{statuses:?}");
}

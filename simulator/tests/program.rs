//! The program: one line when it is ready, a clean end when it is told to stop.
#![expect(clippy::unwrap_used, reason = "a step that fails here is a failed test")]

use std::{
    process::{ExitStatus, Stdio},
    time::Duration,
};

use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, BufReader},
    net::TcpStream,
    process::{Child, Command},
    time::timeout,
};

/// Starting includes generating keys on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

fn program(flags: &[&str]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_goclaw-simulator"))
        .args(flags)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}

/// Reads the first line, tries both ports, and returns what else the program prints until `stop` has ended it.
async fn run(flags: &[&str], stop: impl AsyncFnOnce(&mut Child)) -> (String, ExitStatus) {
    let mut child = program(flags);
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    timeout(PATIENCE, stdout.read_line(&mut line)).await.unwrap().unwrap();
    let ready: Value = serde_json::from_str(&line).unwrap();
    for member in ["issuer", "control_url"] {
        let address = ready.get(member).and_then(Value::as_str).and_then(|url| url.strip_prefix("http://")).unwrap();
        TcpStream::connect(address).await.unwrap();
    }
    stop(&mut child).await;
    let status = timeout(PATIENCE, child.wait()).await.unwrap().unwrap();
    let mut rest = String::new();
    stdout.read_to_string(&mut rest).await.unwrap();
    (rest, status)
}

#[tokio::test]
async fn it_ends_with_its_stdin_if_asked_to() {
    let (rest, status) = run(&["--exit-with-stdin"], async |child| drop(child.stdin.take())).await;
    assert_eq!((rest.as_str(), status.code()), ("", Some(0)));
}

#[tokio::test]
async fn it_ends_at_sigterm_and_not_with_its_stdin() {
    let flags = ["--approval", "auto", "--reuse", "grace=10s", "--access-lifetime", "20s", "--redirect-ports", "1455"];
    let (rest, status) = run(&flags, async |child| {
        drop(child.stdin.take());
        assert!(timeout(Duration::from_millis(200), child.wait()).await.is_err(), "it ended with its stdin");
        let kill = format!("kill -TERM {}", child.id().unwrap());
        assert!(Command::new("sh").args(["-c", &kill]).status().await.unwrap().success());
    })
    .await;
    assert_eq!((rest.as_str(), status.code()), ("", Some(0)));
}

#[tokio::test]
async fn flags_that_make_no_sense_are_refused() {
    for flags in [["--no-such", "1"].as_slice(), &["--reuse", "sometimes"], &["--access-lifetime", "7"], &["--port"]] {
        let status = timeout(PATIENCE, program(flags).wait()).await.unwrap().unwrap();
        assert_eq!(status.code(), Some(1), "{flags:?}");
    }
}

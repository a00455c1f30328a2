//! Tests the program: it prints its addresses in one line when it is ready, and stops cleanly.
#![expect(clippy::unwrap_used, reason = "a step that fails here is a failed test")]

use std::{
    process::{ExitStatus, Stdio},
    time::Duration,
};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, BufReader},
    process::{Child, Command},
    time::timeout,
};

/// Long enough to generate the signing keys on a busy machine.
const TIMEOUT: Duration = Duration::from_secs(60);

fn program(flags: &[&str]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_goclaw-simulator"))
        .args(flags)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}

/// Reads the address line, calls `stop`, and returns the remaining output and the exit status.
async fn run(flags: &[&str], stop: impl AsyncFnOnce(&Value, &mut Child)) -> (String, ExitStatus) {
    let mut child = program(flags);
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    timeout(TIMEOUT, stdout.read_line(&mut line)).await.unwrap().unwrap();
    stop(&serde_json::from_str(&line).unwrap(), &mut child).await;
    let status = timeout(TIMEOUT, child.wait()).await.unwrap().unwrap();
    let mut rest = String::new();
    stdout.read_to_string(&mut rest).await.unwrap();
    (rest, status)
}

/// Requests a URL. Returns the status, and the body if it is JSON.
async fn get(url: &str) -> (u16, Value) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let http = reqwest::Client::builder().no_proxy().timeout(TIMEOUT).build().unwrap();
    let response = http.get(url).send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap_or_default())
}

fn address<'a>(ready: &'a Value, member: &str) -> &'a str {
    ready[member].as_str().unwrap()
}

#[tokio::test]
async fn it_prints_every_address_and_listens_there() {
    let (rest, status) = run(&["--exit-with-stdin"], async |ready, child| {
        assert_eq!(ready.as_object().unwrap().len(), 6, "{ready}");
        for (member, path, status) in [
            ("issuer", "/.well-known/openid-configuration", 200),
            ("control_url", "/healthz", 200),
            ("backend_url", "/wham/usage", 401),
            ("sessions_url", "/v1/client", 200),
            ("studio_url", "/billing/info/", 401),
            ("dashscope_url", "/compatible-mode/v1/models", 401),
        ] {
            let (answered, _) = get(&format!("{}{path}", address(ready, member))).await;
            assert_eq!(answered, status, "{member}");
        }
        let metadata = get(&format!("{}/.well-known/openid-configuration", address(ready, "issuer"))).await.1;
        assert_eq!(metadata["issuer"], ready["issuer"]);
        let settings = get(&format!("{}/settings", address(ready, "control_url"))).await.1;
        assert_eq!(settings["approval"], json!({"mode": "ask"}), "the approval page is on by default");
        drop(child.stdin.take());
    })
    .await;
    assert_eq!((rest.as_str(), status.code()), ("", Some(0)), "it must stop when its stdin closes");
}

#[tokio::test]
async fn flags_become_settings() {
    let flags = [
        ["--approval", "auto"],
        ["--reuse", "grace=10s"],
        ["--access-lifetime", "20s"],
        ["--refresh-lifetime", "1d"],
        ["--code-lifetime", "1m"],
        ["--redirect-ports", "1455,1457"],
        ["--accounts", "3"],
        ["--settings", r#"{"stream_deltas": 7}"#],
    ];
    let flags: Vec<_> = flags.as_flattened().iter().copied().chain(["--exit-with-stdin"]).collect();
    run(&flags, async |ready, child| {
        let settings = get(&format!("{}/settings", address(ready, "control_url"))).await.1;
        for (name, value) in [
            ("approval", json!({"mode": "auto_approve"})),
            ("reuse", json!({"grace": "10s"})),
            ("access_lifetime", json!("20s")),
            ("refresh_lifetime", json!("1d")),
            ("code_lifetime", json!("1m")),
            ("redirect_ports", json!({"only": [1455, 1457]})),
            ("stream_deltas", json!(7)),
        ] {
            assert_eq!(settings[name], value, "{name}");
        }
        assert_eq!(settings["accounts"].as_array().unwrap().len(), 3);
        drop(child.stdin.take());
    })
    .await;
}

#[tokio::test]
async fn sigterm_stops_it_and_a_closed_stdin_does_not() {
    let (rest, status) = run(&["--approval", "auto"], async |_, child| {
        drop(child.stdin.take());
        assert!(timeout(Duration::from_millis(200), child.wait()).await.is_err(), "it stopped when its stdin closed");
        let kill = format!("kill -TERM {}", child.id().unwrap());
        assert!(Command::new("sh").args(["-c", &kill]).status().await.unwrap().success());
    })
    .await;
    assert_eq!((rest.as_str(), status.code()), ("", Some(0)));
}

#[tokio::test]
async fn invalid_flags_are_refused_with_the_reason() {
    for (flags, why) in [
        (["--no-such", "1"].as_slice(), "unknown flag --no-such; --help lists them"),
        (&["--reuse", "sometimes"], "--reuse does not take `sometimes`"),
        (&["--access-lifetime", "7"], "--access-lifetime does not take `7`"),
        (&["--settings", r#"{"no_such": 1}"#], r#"--settings does not take `{"no_such": 1}`"#),
        (&["--port"], "--port needs a value"),
    ] {
        let output = timeout(TIMEOUT, program(flags).wait_with_output()).await.unwrap().unwrap();
        assert_eq!(output.status.code(), Some(1), "{flags:?}");
        assert_eq!(String::from_utf8(output.stderr).unwrap(), format!("goclaw-simulator: {why}\n"));
    }
}

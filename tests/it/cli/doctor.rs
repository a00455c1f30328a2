//! Tests of `goclaw doctor`: checks with and without a problem.

use std::{
    fs,
    io::{Read, Write},
    net::TcpListener,
    process::Command,
    thread,
    time::{Duration, SystemTime},
};

use crate::support::gateway::{CommandOutput, Home, free_port};

/// Starts a server whose `Date` header is this far ahead, and returns its address.
fn start_server(ahead: Duration) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    #[expect(clippy::disallowed_methods, reason = "the server runs until the test process ends")]
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let date = httpdate::fmt_http_date(now() + ahead);
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream
                .write_all(format!("HTTP/1.1 404 Not Found\r\nDate: {date}\r\nConnection: close\r\n\r\n").as_bytes());
        }
    });
    format!("http://{address}")
}

#[expect(clippy::disallowed_methods, reason = "the server under test compares its clock with this one")]
fn now() -> SystemTime {
    SystemTime::now()
}

/// Returns a home whose accounts all use `server`.
fn home_at(server: &str) -> Home {
    Home::without_provider().with_providers_at(server)
}

fn assert_found(output: &CommandOutput, code: i32, findings: &[&str]) {
    assert_eq!(output.code, Some(code), "{}{}", output.stdout, output.stderr);
    for finding in findings {
        assert!(output.stdout.contains(finding), "{finding:?} is not in {}{}", output.stdout, output.stderr);
    }
}

#[tokio::test]
async fn a_healthy_machine_has_no_problem_before_and_after_the_start() {
    let home = home_at(&start_server(Duration::ZERO));
    let output = home.run(&["doctor"]);
    let free = format!("ok       API port {}: free; no gateway runs here\n", home.port);
    assert_found(&output, 0, &["ok       configuration: valid\n", &free, "is created at the first start"]);
    assert!(!home.data_dir().exists(), "doctor creates nothing");
    let _gateway = home.start().await;
    let in_use = format!("ok       API port {}: a gateway responds there\n", home.port);
    let output = home.run(&["doctor"]);
    assert_found(
        &output,
        0,
        &[&in_use, "can be read and is up to date", "ok       encryption key: opens the database\n"],
    );
    assert!(output.stdout.contains("(for dashscope, openai-codex, suno): can be reached, and agrees on the time"));
    assert_eq!(output.stdout.matches("PROBLEM").count(), 0);
}

#[test]
fn a_taken_port_is_named_with_its_holder() {
    let home = home_at(&start_server(Duration::ZERO));
    let _api = TcpListener::bind(("127.0.0.1", home.port)).expect("the port");
    let _callback = TcpListener::bind(("127.0.0.1", home.callback_port)).expect("the port");
    let output = home.run(&["doctor"]);
    let (api, callback) =
        (format!("PROBLEM  API port {}: ", home.port), format!("PROBLEM  callback port {}: ", home.callback_port));
    let holder = format!("(process {})", std::process::id());
    assert_found(&output, 1, &[&api, &callback, "GOCLAW_PORT="]);
    assert_eq!(output.stdout.matches(&holder).count(), 2, "{}", output.stdout);
}

#[test]
fn a_wrong_clock_and_an_unreachable_server_are_problems() {
    // 3600 s, or 3599 s if a second has passed meanwhile.
    let output = home_at(&start_server(Duration::from_secs(3600))).run(&["doctor"]);
    assert_found(&output, 1, &["but this machine's clock is 3", " s behind it\n", "timedatectl"]);
    let nowhere = format!("http://127.0.0.1:{}", free_port());
    let output = home_at(&nowhere).run(&["doctor"]);
    assert_found(&output, 1, &[&format!("PROBLEM  {nowhere} (for "), "refused the connection", "enabled = false"]);
}

#[test]
fn a_data_folder_that_cannot_be_written_is_a_problem() {
    // Nobody can create files in this folder of the kernel, not even root.
    let home = home_at(&start_server(Duration::ZERO)).with("GOCLAW_DATA_DIR", "/proc/goclaw");
    assert_found(&home.run(&["doctor"]), 1, &["PROBLEM  data folder: cannot write to /proc: ", "free space"]);
}

#[tokio::test]
async fn a_wrong_key_and_a_missing_key_are_problems() {
    let home = home_at(&start_server(Duration::ZERO));
    home.start().await.stop().await;
    let key = home.data_dir().join("encryption.key");
    fs::write(&key, "2a".repeat(32)).expect("a file");
    assert_found(&home.run(&["doctor"]), 1, &["PROBLEM  encryption key: the database was sealed with the key"]);
    fs::remove_file(&key).expect("the key is removed");
    assert_found(&home.run(&["doctor"]), 1, &["PROBLEM  encryption key: missing", "backup"]);
    assert!(!key.exists(), "doctor creates no key");
}

#[test]
fn an_unreachable_database_is_a_problem() {
    let url = format!("postgres://goclaw:canary@127.0.0.1:{}/goclaw", free_port());
    let home = home_at(&start_server(Duration::ZERO))
        .with("GOCLAW_DATABASE__URL", &url)
        .with("GOCLAW_TOKEN", "a-token-with-32-characters-or-more")
        .with("GOCLAW_ENCRYPTION__KEY", &"2a".repeat(32));
    let output = home.run(&["doctor"]);
    assert_found(&output, 1, &["PROBLEM  database: ", "database.url"]);
    assert!(!output.stdout.contains("canary"), "{}", output.stdout);
}

#[test]
fn a_low_limit_of_open_files_and_an_invalid_configuration_are_problems() {
    let home = home_at(&start_server(Duration::ZERO));
    let template = home.command(&[]);
    let mut limited = Command::new("sh");
    limited.args(["-c", "ulimit -n 256; exec \"$0\" doctor"]).arg(template.get_program()).env_clear();
    limited.envs(template.get_envs().filter_map(|(name, value)| Some((name, value?))));
    assert_found(&CommandOutput::of(limited), 1, &["PROBLEM  open files: at most 256\n", "ulimit -n"]);
    let invalid = home.with("GOCLAW_REFRESH__LEAD", "soon");
    let output = invalid.run(&["doctor"]);
    assert_found(&output, 1, &["PROBLEM  configuration: invalid setting refresh.lead", "Nothing else was checked"]);
    assert_eq!(output.stdout.lines().count(), 2);
}

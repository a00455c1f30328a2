//! Tests of the first start, which creates files, of failed starts, which print one sentence with the reason and the
//! remedy, and of what a started gateway hides from its log and from other processes.

use std::{
    fs,
    net::TcpListener,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::Path,
};

use goclaw::{
    adapters::settings::{Environment, Settings, SettingsError},
    bootstrap,
};
use insta::assert_snapshot;

use crate::support::{
    gateway::{CommandOutput, Gateway, Home, http},
    provider::Provider,
    terminal::in_terminal,
};

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap_or_else(|error| panic!("{}: {error}", path.display())).permissions().mode() & 0o777
}

/// Returns name, modification time and content of each file.
fn snapshot(folder: &Path) -> Vec<(String, i64, i64, Vec<u8>)> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut files: Vec<_> = entries
        .filter(|entry| entry.path().is_file())
        .map(|entry| {
            let (path, metadata) = (entry.path(), entry.metadata().unwrap_or_else(|error| panic!("{error}")));
            let content = fs::read(&path).unwrap_or_default();
            (path.display().to_string(), metadata.mtime(), metadata.mtime_nsec(), content)
        })
        .collect();
    files.sort();
    files
}

/// Returns the last line of stderr, after the log lines.
fn sentence(output: &CommandOutput) -> &str {
    output.stderr.lines().last().unwrap_or_default()
}

fn assert_refused(output: &CommandOutput, code: i32, words: &[&str]) {
    assert_eq!(output.code, Some(code), "{}{}", output.stdout, output.stderr);
    assert_eq!(output.stdout, "", "a failed start prints no banner");
    for word in words {
        assert!(sentence(output).contains(word), "{word:?} is not in {:?}", sentence(output));
    }
    assert!(!output.stderr.contains("panicked"), "{}", output.stderr);
}

async fn start_in_terminal(home: &Home) -> Gateway {
    home.wait_until_healthy(home.spawn(in_terminal(&home.command(&[])), "gateway")).await
}

#[tokio::test]
async fn the_first_start_creates_private_files_and_prints_their_paths() {
    let home = Home::without_provider();
    let gateway = start_in_terminal(&home).await;
    let data = home.data_dir();
    assert_eq!(mode(&data), 0o700);
    for file in ["goclaw.db", "encryption.key", "gateway.token"] {
        assert_eq!(mode(&data.join(file)), 0o600, "{file}");
    }
    for entry in fs::read_dir(&data).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(mode(&path) & 0o077, 0, "{} is open to others", path.display());
    }
    let banner = home.printed("gateway", "stdout");
    let (base, token) = (&gateway.base, data.join("gateway.token"));
    for line in [
        format!("Page      {base}/#link=goclaw_"),
        format!("API       {base}/v1"),
        format!("API docs  {base}/docs"),
        format!("Token     {}", token.display()),
        format!("Data      {}", data.display()),
        "ChatGPT   not connected".to_owned(),
        format!("Next      {} auth login", env!("CARGO_BIN_EXE_goclaw")),
    ] {
        assert!(banner.contains(&line), "{line:?} is not in {banner}");
    }
    assert!(gateway.token.starts_with("goclaw_gw_"), "secret scanners find it");
    assert!(!banner.contains(&gateway.token), "the banner shows the token's file, not the token");

    let (key, token) = (fs::read(data.join("encryption.key")).unwrap(), gateway.token.clone());
    gateway.stop().await;
    let gateway = home.start().await;
    assert_eq!((fs::read(data.join("encryption.key")).unwrap(), &gateway.token), (key, &token), "created once");
}

#[tokio::test]
async fn the_banner_names_the_connected_account() {
    let provider = Provider::approving();
    let home = Home::new(&provider);
    let gateway = home.start().await;
    gateway.sign_in().await;
    gateway.stop().await;
    let gateway = start_in_terminal(&home).await;
    let banner = home.printed("gateway", "stdout");
    assert!(
        banner.contains("ChatGPT   connected as person1@example.com, plan plus, access token expires "),
        "{banner}"
    );
    assert!(banner.contains("auth status\r\n"), "{banner}");
    gateway.stop().await;
}

#[tokio::test]
async fn without_a_terminal_the_start_is_one_line_in_the_log() {
    let home = Home::without_provider();
    let gateway = home.start().await;
    assert_eq!(home.printed("gateway", "stdout"), "");
    let log = home.printed("gateway", "stderr");
    let started: Vec<_> = log.lines().filter(|line| line.contains("goclaw is running")).collect();
    let address = format!("address=127.0.0.1:{}", home.port);
    assert!(matches!(started[..], [line] if line.contains(&address)), "{log}");
    assert!(!log.contains("#link="), "{log}");
    gateway.stop().await;
}

#[test]
fn a_port_in_use_is_one_sentence_with_the_remedy_and_creates_nothing() {
    let home = Home::without_provider();
    let _squatter = TcpListener::bind(("127.0.0.1", home.port)).unwrap();
    let output = home.run(&[]);
    let (port, other) = (home.port, home.port + 1);
    let taken = format!("port {port} is taken on 127.0.0.1");
    assert_refused(&output, 1, &[&taken, &format!("GOCLAW_PORT={other} goclaw")]);
    assert_eq!(output.stderr.lines().count(), 1, "{}", output.stderr);
    assert!(!home.data_dir().exists(), "a failed start left files");
}

#[tokio::test]
async fn a_second_gateway_on_the_same_port_does_not_disturb_the_first() {
    let home = Home::without_provider();
    let gateway = home.start().await;
    let output = home.run(&[]);
    assert_refused(&output, 1, &["is taken on 127.0.0.1"]);
    assert_eq!(gateway.get("/v1/providers").await.status, 200);
}

#[test]
fn an_invalid_setting_is_one_sentence_with_key_value_and_allowed_values() {
    for (name, value, words) in [
        ("GOCLAW_SERVER__PROT", "1", &["unknown setting server.prot", "host, port, public_url"][..]),
        ("GOCLAW_NONSENSE", "1", &["unknown setting nonsense (GOCLAW_NONSENSE)", "callback, data_dir, database"]),
        ("GOCLAW_SERVER__HOST", "nowhere", &["server.host = \"nowhere\"", "an IP address"]),
        ("GOCLAW_PORT", "70000", &["server.port = \"70000\"", "1 to 65535"]),
        ("GOCLAW_PORT", "0", &["server.port = \"0\"", "1 to 65535"]),
        ("GOCLAW_LOG__FILTER", "access=loud", &["log.filter = \"access=loud\"", "info,access=off"]),
        ("GOCLAW_LOG__FILTER", "warning", &["log.filter = \"warning\"", "error, warn, info"]),
        ("GOCLAW_CALLBACK__TIMEOUT", "soon", &["callback.timeout = \"soon\"", "6m"]),
        ("GOCLAW_CALLBACK__PORT", "-1", &["callback.port = \"-1\"", "1 to 65535"]),
        ("GOCLAW_DATABASE__URL", "mysql:CANARY", &["database.url = (not shown)", "sqlite:PATH"]),
        (
            "GOCLAW_PROVIDERS__OPENAI_CODEX__ISSUER",
            "http://auth.example",
            &["providers.openai-codex.issuer = (not shown)", "https"],
        ),
        (
            "GOCLAW_PROVIDERS__OPENAI_CODEX__TYPE",
            "suno",
            &["providers.openai-codex.type", "always has the type openai-codex"],
        ),
        ("GOCLAW_PROVIDERS__MINE__ENABLED", "true", &["missing setting providers.mine.type"]),
        ("GOCLAW_CONFIG", "/nonexistent.toml", &["cannot read the configuration file /nonexistent.toml"]),
        ("GOCLAW_CONFIG", "/proc", &["cannot read the configuration file /proc: is a directory"]),
    ] {
        let home = Home::without_provider().with(name, value);
        let output = home.run(&[]);
        assert_refused(&output, 2, words);
        assert_eq!(output.stderr.lines().count(), 1, "{name}: {}", output.stderr);
        assert!(!output.stderr.contains("CANARY"), "{}", output.stderr);
        assert!(!home.data_dir().exists(), "{name}: a failed start left files");
    }
}

#[test]
fn an_error_in_the_file_is_named_without_showing_its_secrets() {
    for (content, words) in [
        ("[server]\nprot = 1", &["unknown setting server.prot", "host, port, public_url"][..]),
        ("[server]\nhost = 'x'", &["server.host = \"x\""]),
        ("[server]\ntoken = 'CANARY'\ntoken_file = 't'", &["server.token and server.token_file are both set"]),
        ("[encryption]\nkey = 'CANARY'\nkey_file = 'k'", &["encryption.key and encryption.key_file are both set"]),
        ("[encryption]\nkey = 'CANARY'\nkeys = ['CANARY']", &["encryption.key and encryption.keys are both set"]),
        ("[encryption]\nkeys = ['CANARY']", &["the setting encryption.keys has no valid encryption key"]),
        ("[encryption]\nkeyz = 'CANARY'", &["unknown setting encryption.keyz", "key, key_file, keys"]),
        ("[server]\ntoken = ['CANARY', {x = 1}]", &["server.token"]),
        ("[server\ntoken = 'CANARY'", &["cannot read the configuration file", "line 1"]),
        ("server.port = 1\nserver.token = 'CANARY", &["cannot read the configuration file", "line 2"]),
        ("server.token = CANARY", &["cannot read the configuration file", "line 1"]),
    ] {
        let home = Home::without_provider();
        let file = home.path().join("goclaw.toml");
        fs::write(&file, content).unwrap();
        let output = home.run(&["--config", &file.display().to_string()]);
        assert_refused(&output, 2, words);
        assert_eq!(output.stderr.lines().count(), 1, "{content}: {}", output.stderr);
        assert!(!output.stderr.contains("CANARY"), "{content}: {}", output.stderr);
        assert!(!home.data_dir().exists(), "{content}");
    }
}

#[test]
fn quoted_input_of_a_parser_is_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.toml");
    fs::write(&file, format!("{}token = canary\n", "\n".repeat(11))).unwrap();
    let error = Settings::load(Some(file.clone()), &Environment::from_pairs([])).unwrap_err();
    let shown = bootstrap::sentence(&error.into()).replace(&file.display().to_string(), "FILE");
    let (text, place) = shown.rsplit_once(" in ").unwrap();
    assert_snapshot!(text, @"cannot read the configuration file FILE: TOML parse error at line 12, column 9: string values must be quoted, expected literal string");
    assert!(place.ends_with("FILE"), "{place}");
    let missing = SettingsError::Missing { key: "one line | of text".to_owned(), why: "it is kept" };
    assert_snapshot!(bootstrap::sentence(&missing.into()), @"missing setting one line | of text: it is kept");
}

#[test]
fn an_invalid_key_is_rejected_and_not_shown() {
    let home = Home::without_provider().with("GOCLAW_ENCRYPTION__KEY", "CANARY");
    let output = home.run(&[]);
    assert_refused(&output, 2, &["the setting encryption.key has no valid encryption key", "openssl rand -base64 32"]);
    assert!(!output.stderr.contains("CANARY"), "{}", output.stderr);
}

#[tokio::test]
async fn a_missing_key_stops_the_start_and_is_not_replaced() {
    let provider = Provider::approving();
    let home = Home::new(&provider);
    let gateway = home.start().await;
    gateway.sign_in().await;
    gateway.stop().await;
    let (key, aside) = (home.data_dir().join("encryption.key"), home.path().join("aside"));
    fs::rename(&key, &aside).unwrap();
    let sealed = home.text("SELECT api_key FROM llm_providers");
    let output = home.run(&[]);
    assert_refused(&output, 1, &[&key.display().to_string(), "is missing", "put it back"]);
    assert!(!key.exists(), "a new key cannot open the stored secrets");
    assert_eq!(
        (home.count_accounts_and_refresh_tokens(), home.text("SELECT api_key FROM llm_providers")),
        ((1, 1), sealed)
    );

    fs::rename(&aside, &key).unwrap();
    let gateway = home.start().await;
    assert_eq!(gateway.status().await["authenticated"], true, "the restored key works");
}

#[tokio::test]
async fn another_key_is_rejected_with_the_ids_of_both() {
    let home = Home::without_provider();
    let gateway = home.start().await;
    let put = gateway.call(
        reqwest::Method::PUT,
        "/v1/auth/suno/secret",
        Some(serde_json::json!({"session_token": "s", "unchecked": true})),
    );
    assert_eq!(put.await.status, 200);
    gateway.stop().await;
    let sealed = home.text("SELECT api_key FROM llm_providers");
    let key_id = sealed.split(':').nth(1).unwrap().to_owned();

    let other = "00".repeat(32);
    let home = home.with("GOCLAW_ENCRYPTION__KEY", &other);
    let output = home.run(&[]);
    assert_refused(&output, 1, &[&key_id]);
    let ids: Vec<&str> = sentence(&output)
        .split(|letter: char| !letter.is_ascii_hexdigit())
        .filter(|word| word.len() == key_id.len())
        .collect();
    assert_eq!(ids.len(), 2, "both keys are named in {:?}", sentence(&output));
    assert!(!output.stderr.contains(&other), "{}", output.stderr);
    assert_eq!(home.text("SELECT api_key FROM llm_providers"), sealed);
}

#[tokio::test]
async fn a_secret_file_readable_by_others_is_rejected() {
    for file in ["encryption.key", "gateway.token"] {
        let home = Home::without_provider();
        home.start().await.stop().await;
        let path = home.data_dir().join(file);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let before = snapshot(&home.data_dir());
        let output = home.run(&[]);
        assert_refused(&output, 1, &["may be read by others (mode 0640)", &format!("chmod 600 {}", path.display())]);
        let secrets = |files: &[(String, i64, i64, Vec<u8>)]| {
            files.iter().filter(|file| !file.0.contains("goclaw.db")).cloned().collect::<Vec<_>>()
        };
        assert_eq!(secrets(&snapshot(&home.data_dir())), secrets(&before), "{file}");
    }
}

#[tokio::test]
async fn configured_files_may_be_read_by_others_with_a_warning_and_not_written() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let write = |name: &str, text: &str, mode: u32| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        path
    };
    let key = write("key", "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=", 0o440);
    let token = write("token", "a-token-of-its-owner-with-many-bits", 0o444);
    let home = Home::without_provider()
        .with("GOCLAW_ENCRYPTION__KEY_FILE", &key.display().to_string())
        .with("GOCLAW_SERVER__TOKEN_FILE", &token.display().to_string());
    // The test's own client reads the token from this file.
    fs::create_dir(home.data_dir()).unwrap();
    fs::copy(&token, home.data_dir().join("gateway.token")).unwrap();
    let gateway = home.start().await;
    assert_eq!(home.run(&["auth", "status"]).code, Some(1), "the command reads the same file");
    let warning = format!("every user of this machine can read {} (mode 0444)", token.display());
    assert!(gateway.log().contains(&warning), "{}", gateway.log());
    assert!(!gateway.log().contains(&format!("can read {}", key.display())), "the group only");
    gateway.stop().await;
    fs::set_permissions(&key, fs::Permissions::from_mode(0o660)).unwrap();
    let output = home.run(&[]);
    assert_refused(&output, 1, &["is writable by others (mode 0660)", &key.display().to_string()]);
}

#[test]
fn a_token_that_can_be_guessed_prevents_the_start() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("token");
    for length in [1, 5, 31] {
        let token = "7".repeat(length);
        fs::write(&file, &token).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        let new_home = Home::without_provider;
        for home in [
            new_home().with("GOCLAW_SERVER__TOKEN", &token),
            new_home().with("GOCLAW_TOKEN", &token),
            new_home().with("GOCLAW_SERVER__TOKEN_FILE", &file.display().to_string()),
        ] {
            let output = home.run(&["serve"]);
            assert_refused(&output, 1, &["fewer than 32 characters", "openssl rand -hex 32"]);
        }
    }
}

#[tokio::test]
async fn a_token_of_32_characters_is_accepted() {
    let token = "0123456789abcdef0123456789abcdef";
    let gateway = Home::without_provider().with("GOCLAW_SERVER__TOKEN", token).start().await;
    assert_eq!(gateway.get("/v1/providers").await.status, 200);
}

#[tokio::test]
async fn refused_tokens_are_logged_once_with_their_number() {
    let home = Home::without_provider();
    let gateway = home.start().await;
    for number in 0..40 {
        let request = http().get(format!("{}/v1/providers", gateway.base)).bearer_auth(format!("guess-{number}"));
        assert_ne!(request.send().await.expect("a response").status(), 200);
    }
    gateway.stop().await;
    let log = home.printed("gateway", "stdout") + &home.printed("gateway", "stderr");
    assert_eq!(log.matches("wrong token").count(), 1, "{log}");
    assert!(log.contains("requests=40"), "{log}");
    assert!(!log.contains("guess-"), "{log}");
}

#[tokio::test]
async fn no_core_file_is_written_and_other_processes_cannot_read_the_memory() {
    let gateway = Home::without_provider().start().await;
    let of_process = |file: &str| format!("/proc/{}/{file}", gateway.process_id());
    let limits = fs::read_to_string(of_process("limits")).expect("the limits");
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).expect("a limit");
    assert_eq!(core.split_whitespace().nth(4), Some("0"), "{core}");
    // The files of a process that is not dumpable belong to root, whichever user runs the process (proc(5)).
    let memory = fs::metadata(of_process("mem")).expect("a file");
    assert_eq!((memory.uid(), memory.gid()), (0, 0));
}

#[test]
fn a_database_of_a_newer_version_is_rejected_and_unchanged() {
    let home = Home::without_provider();
    assert_eq!(home.run(&["migrate"]).code, Some(0));
    home.change_database("INSERT INTO __diesel_schema_migrations (version) VALUES ('99990101000000c')");
    let output = home.run(&[]);
    assert_refused(&output, 1, &["was written by a newer goclaw"]);
    assert!(!home.data_dir().join("encryption.key").exists());
}

#[test]
fn commands_that_read_a_database_create_none() {
    let home = Home::without_provider();
    for command in
        [&["audit", "verify"][..], &["keys", "list"], &["export", "moving.age", "--all"], &["backup", "b.age"]]
    {
        let failed = home.run(command);
        assert!(failed.code == Some(1) && failed.stderr.contains("there is no database"), "{failed:?}");
        assert!(!home.data_dir().exists(), "{command:?} created the folder");
    }
}

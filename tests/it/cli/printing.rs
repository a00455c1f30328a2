//! Tests of printing: control characters, colours, closed pipes, shell quoting, and the file of `goclaw onboard`.

use std::{fs, io, os::unix::fs::PermissionsExt, path::Path};

use goclaw::adapters::cli::{
    Connection,
    address::GatewayAddress,
    error::CliError,
    onboard::{exports, onboard, write},
    render::{ignoring_closed_pipe, printable, printable_json},
    shell::{curl, last_argument, quoted},
};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use crate::support::{gateway::Home, terminal::in_terminal};

#[test]
fn control_and_invisible_characters_are_replaced() {
    assert_eq!(printable("two\nlines"), "two\nlines");
    assert_eq!(printable("a\u{202e}b\u{200b}\u{e0041}"), "a\u{fffd}b\u{fffd}\u{fffd}");
    assert_eq!(printable("\x1b]0;title\x07\r\u{9b}2J"), "\u{fffd}]0;title\u{fffd}\u{fffd}\u{fffd}2J");
}

#[test]
fn escaped_json_has_the_same_value() {
    let raw = "{\"a\": \"x\u{9b}\u{7f}\u{202e}\u{e0041}\"}\n";
    let printed = printable_json(raw);
    assert_eq!(printed, "{\"a\": \"x\\u009b\\u007f\\u202e\\udb40\\udc41\"}\n");
    let value = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
    assert_eq!(value(&printed), value(raw));
}

#[test]
fn a_closed_pipe_is_ignored_and_a_full_disk_is_not() {
    assert!(ignoring_closed_pipe(Err(io::ErrorKind::BrokenPipe.into())).is_ok());
    assert!(ignoring_closed_pipe(Err(io::ErrorKind::StorageFull.into())).is_err());
}

#[test]
fn quoted_text_is_not_expanded() {
    for (text, expected) in [
        ("", "''"),
        ("plain", "'plain'"),
        ("$(reboot) `x` \"y\" \\", "'$(reboot) `x` \"y\" \\'"),
        ("it's", r"'it'\''s'"),
    ] {
        assert_eq!(quoted(text), expected);
    }
}

#[test]
fn the_curl_line_refers_to_the_token() {
    let url = Url::parse("http://127.0.0.1:3577/v1/auth/openai/status").unwrap();
    assert_eq!(
        curl(&url, None),
        "curl -sS -H \"Authorization: Bearer $GOCLAW_TOKEN\" 'http://127.0.0.1:3577/v1/auth/openai/status'"
    );
    assert_eq!(
        curl(&url, Some(Path::new("my data/token"))),
        "curl -sS -H \"Authorization: Bearer $(cat 'my data/token')\" \
         'http://127.0.0.1:3577/v1/auth/openai/status'"
    );
}

fn exports_of(url: &str, token: &str) -> String {
    let address = GatewayAddress::parse(url).unwrap();
    exports(&Connection::default(), &address, &SecretString::from(token)).expose_secret().to_owned()
}

#[test]
fn a_name_that_begins_with_a_hyphen_is_no_option() {
    assert_eq!((last_argument("-x").as_str(), last_argument("x").as_str()), ("-- '-x'", "'x'"));
}

#[test]
fn the_exports_are_quoted_for_the_shell() {
    assert_eq!(
        exports_of("http://127.0.0.1:3577", "it's $(secret)"),
        "export GOCLAW_PORT=3577\nexport GOCLAW_HOST='127.0.0.1'\nexport GOCLAW_TOKEN='it'\\''s $(secret)'\n"
    );
    assert_eq!(
        exports_of("https://gateway.example/goclaw", "t"),
        "export GOCLAW_PORT=443\nexport GOCLAW_HOST='gateway.example'\n\
         export GOCLAW_GATEWAY_URL='https://gateway.example/goclaw'\nexport GOCLAW_TOKEN='t'\n"
    );
}

#[test]
fn the_onboarding_file_is_private_and_replaced_only_with_force() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(".env.local");
    write(&path, &SecretString::from("one"), false).unwrap();
    let error = write(&path, &SecretString::from("two"), false).unwrap_err();
    assert!(matches!(error, CliError::FileExists(_)));
    assert_eq!(fs::read_to_string(&path).unwrap(), "one");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    write(&path, &SecretString::from("three"), true).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "three");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no draft is left behind");
}

#[test]
fn onboarding_without_a_token_fails() {
    let url = "http://127.0.0.1:3577".to_owned();
    let connection = Connection { url, token_file: Some("data/gateway.token".into()), ..Connection::default() };
    let error = onboard(false, &connection).unwrap_err();
    assert_eq!(error.to_string(), "no gateway token found");
}

#[tokio::test]
async fn failures_are_red_only_in_a_terminal_that_allows_colours() {
    let home = Home::without_provider();
    let health_output = |variables: &[(&str, &str)]| {
        let mut command = home.command(&["health"]);
        command.envs(variables.iter().copied());
        String::from_utf8(in_terminal(&command).output().expect("script").stdout).expect("text")
    };
    let red = "\u{1b}[1m\u{1b}[31mcannot reach gateway";
    let coloured = health_output(&[("TERM", "xterm")]);
    assert!(coloured.starts_with(red), "{coloured:?}");
    for plain in
        [health_output(&[]), health_output(&[("TERM", "dumb")]), health_output(&[("TERM", "xterm"), ("NO_COLOR", "1")])]
    {
        assert!(plain.starts_with("cannot reach gateway") && !plain.contains('\u{1b}'), "{plain:?}");
    }
}

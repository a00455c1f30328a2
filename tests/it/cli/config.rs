//! Tests of `goclaw config`: settings with their origin, hidden secrets, and the check.

use std::fs;

use insta::assert_snapshot;

use super::masked_output;
use crate::support::gateway::Home;

const README: &str = include_str!("../../../README.md");

/// Returns a home whose configuration file has this text.
fn home_with(text: &str) -> Home {
    let home = Home::without_provider();
    let file = home.path().join("config.toml");
    fs::write(&file, text).expect("a file");
    home.with("GOCLAW_CONFIG", &file.display().to_string())
}

/// Returns the row of a setting: its value and its origin.
fn row<'a>(output: &'a str, key: &str) -> Vec<&'a str> {
    let row = output.lines().find(|line| line.split_whitespace().next() == Some(key));
    row.unwrap_or_else(|| panic!("no {key} in {output}")).split_whitespace().skip(1).collect()
}

#[test]
fn each_setting_is_shown_with_its_origin_and_variables_override_the_file() {
    let home = home_with(
        "server.port = 1\nserver.allowed_hosts = [\"a.example\", \"b.example\"]\nrefresh.lead = \"12h\"\n\
         agents = [{key = \"a\", provider = \"openai-codex/x\"}]\n\
         [providers.openai-codex]\noriginator = \"mine\"\nissuer = \"https://id.example\"\n",
    );
    let output = home.with("GOCLAW_CALLBACK__TIMEOUT", "90s").run(&["config", "show"]);
    assert_eq!(output.code, Some(0), "{}", output.stderr);
    for (key, expected) in [
        ("server.allowed_hosts", "a.example, b.example file"),
        ("refresh.lead", "12h file"),
        ("refresh.lease", "1m default"),
        ("callback.timeout", "90s variable GOCLAW_CALLBACK__TIMEOUT"),
        ("server.host", "127.0.0.1 default"),
        ("agents.0.key", "a file"),
        ("providers.openai-codex.originator", "mine file"),
        ("providers.openai-codex.issuer", "https://id.example file"),
        ("providers.openai-codex.token_url", "https://id.example/oauth/token default"),
        ("webhook.url", "(none) default"),
    ] {
        assert_eq!(row(&output.stdout, key).join(" "), expected, "{key}");
    }
    assert_eq!(row(&output.stdout, "server.port")[1..], ["variable", "GOCLAW_PORT"]);
}

#[test]
fn every_setting_of_the_readme_is_shown() {
    let output = Home::without_provider().run(&["config", "show"]).stdout;
    let table = README.split("\n## Settings\n").nth(1).and_then(|rest| rest.split("\n## ").next()).expect("a section");
    let keys = table.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    for key in keys.filter(|key| !key.contains('*')) {
        row(&output, key);
    }
}

#[test]
fn no_secret_is_shown() {
    let canary = "canary-canary-canary-canary-canary";
    let home = home_with(&format!("webhook.secret = \"{canary}\"\nwebhook.url = \"https://hook.example/{canary}\"\n"))
        .with("GOCLAW_DATABASE__URL", &format!("postgres://user:{canary}@db.example/goclaw"))
        .with("GOCLAW_ENCRYPTION__KEYS", canary)
        .with("GOCLAW_TOKEN", canary);
    let output = home.run(&["config", "show"]);
    assert_eq!(output.code, Some(0), "{}", output.stderr);
    assert!(!format!("{}{}", output.stdout, output.stderr).contains("canary"), "{}", output.stdout);
    for (key, origin) in [
        ("webhook.secret", "file"),
        ("webhook.url", "file"),
        ("database.url", "variable GOCLAW_DATABASE__URL"),
        ("encryption.keys", "variable GOCLAW_ENCRYPTION__KEYS"),
        ("server.token", "variable GOCLAW_TOKEN"),
    ] {
        assert_eq!(row(&output.stdout, key).join(" "), format!("(set, not shown) {origin}"));
    }
}

#[test]
fn the_path_of_the_database_is_shown() {
    let home = Home::without_provider().with("GOCLAW_DATABASE__URL", "sqlite:/srv/goclaw.db");
    let output = home.run(&["config", "show"]).stdout;
    assert_eq!(row(&output, "database.url").join(" "), "sqlite:/srv/goclaw.db variable GOCLAW_DATABASE__URL");
}

#[test]
fn the_check_reports_every_error() {
    let valid = Home::without_provider();
    assert_snapshot!(masked_output(&valid, &valid.run(&["config", "check"])), @r"
    The configuration is valid.
    [exit code 0]
    ");
    assert!(!valid.data_dir().exists(), "the check creates nothing");
    let home = home_with("server.prot = 1\nrefresh.lead = \"long\"\n[callback]\ntimeout = \"1h\"\n");
    let output = home.run(&["config", "check"]);
    assert_eq!(output.code, Some(2));
    assert_snapshot!(output.stderr, @r#"
    unknown setting server.prot; expected one of allowed_hosts, allowed_origins, drain, host, port, public_url, tls_certificate_file, tls_key_file, token, token_file, trusted_proxies
    invalid setting refresh.lead = "long": it must be a duration like 20s or 24h, longer than 0s
    invalid setting callback.timeout = "1h": it must be a duration like 6m or 90s, at most 10m
    "#);
    let short_lease = home_with("refresh.lease = \"20s\"\n").run(&["config", "check"]);
    assert_eq!(short_lease.code, Some(2));
    assert!(short_lease.stderr.starts_with("invalid setting refresh.lease = \"20s\": "), "{}", short_lease.stderr);
    let home = home_with("server.port = \n");
    assert_eq!(home.run(&["config", "check"]).code, Some(2));
}

#[test]
fn the_check_reads_the_key_file_and_the_token_file() {
    let home = Home::without_provider().with("GOCLAW_ENCRYPTION__KEY_FILE", "/nonexistent/key");
    let token = home.path().join("token");
    fs::write(&token, "short").expect("a file");
    let home = home.with("GOCLAW_SERVER__TOKEN_FILE", &token.display().to_string());
    let output = home.run(&["config", "check"]);
    assert_eq!((output.code, output.stdout.as_str()), (Some(2), ""), "{}", output.stderr);
    assert!(output.stderr.contains("the configured file /nonexistent/key does not exist"), "{}", output.stderr);
    assert!(output.stderr.contains("has fewer than 32 characters"), "{}", output.stderr);
    let long = "a-token-with-32-characters-or-more";
    for unsendable in [format!("{long}\n{long}"), format!("\u{feff}{long}"), format!("{long} {long}")] {
        fs::write(&token, unsendable).expect("a file");
        let output = home.run(&["config", "check"]);
        assert!(output.stderr.contains("cannot be sent in an HTTP header"), "{}", output.stderr);
    }
}

//! The configuration: what may be set, from where, what wins, and what the sentence says when it cannot be used.

use std::{fs, path::PathBuf, time::Duration};

use goclaw::{
    adapters::settings::{DatabaseSettings, Environment, Settings, SettingsError},
    domain::provider::ProviderType,
};
use proptest::prelude::*;

fn environment(variables: &[(&str, &str)]) -> Environment {
    let home = [("HOME", "/home/owner")];
    Environment::from_pairs(home.iter().chain(variables).map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
}

fn load(variables: &[(&str, &str)]) -> Result<Settings, SettingsError> {
    Settings::load(None, &environment(variables))
}

fn refusal(variables: &[(&str, &str)]) -> String {
    load(variables).expect_err("it is refused").to_string()
}

#[test]
fn the_defaults_are_the_documented_ones() {
    let settings = load(&[]).unwrap();
    assert_eq!(settings.data_dir, PathBuf::from("/home/owner/.local/share/goclaw"));
    assert!(matches!(settings.database, DatabaseSettings::Sqlite(path) if path == settings.data_dir.join("goclaw.db")));
    assert_eq!((settings.server.host.to_string().as_str(), settings.server.port), ("127.0.0.1", 3577));
    assert_eq!((settings.callback.port, settings.callback.timeout), (1455, Duration::from_secs(360)));
    let codex = settings.providers.iter().find(|provider| provider.provider_type == ProviderType::OpenaiCodex).unwrap();
    let oauth = codex.oauth.as_ref().unwrap();
    assert_eq!(oauth.token_url.as_str(), "https://auth.openai.com/oauth/token");
    assert_eq!(oauth.redirect_uri, "http://localhost:1455/auth/callback");
    assert_eq!(oauth.originator.as_deref(), Some("goclaw"));
    let xdg = load(&[("XDG_DATA_HOME", "/data")]).unwrap();
    assert_eq!(xdg.data_dir, PathBuf::from("/data/goclaw"));
}

#[test]
fn variables_win_over_the_file_and_names_with_underscores_mean_hyphens() {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in [
        ("c.toml", "server.port = 4000\n[providers.openai-codex]\noriginator = \"file\"\nscopes = [\"openid\"]\n"),
        (
            "c.json",
            r#"{"server":{"port":4000},"providers":{"openai-codex":{"originator":"file","scopes":["openid"]}}}"#,
        ),
    ] {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        let settings = Settings::load(
            Some(path),
            &environment(&[
                ("GOCLAW_PROVIDERS__OPENAI_CODEX__ORIGINATOR", "variable"),
                ("GOCLAW_CALLBACK__TIMEOUT", "90s"),
            ]),
        )
        .unwrap();
        assert_eq!((settings.server.port, settings.callback.timeout), (4000, Duration::from_secs(90)));
        let codex = settings.providers.iter().find(|provider| provider.name.as_str() == "openai-codex").unwrap();
        let oauth = codex.oauth.as_ref().unwrap();
        assert_eq!(
            (oauth.originator.as_deref(), oauth.scopes.as_slice()),
            (Some("variable"), &["openid".to_owned()][..])
        );
    }
}

#[test]
fn further_accounts_and_configured_endpoints() {
    let settings = load(&[
        ("GOCLAW_PROVIDERS__WORK__TYPE", "openai-codex"),
        ("GOCLAW_PROVIDERS__WORK__EXTRA_AUTHORIZE_PARAMS__PROMPT", "login"),
        ("GOCLAW_PROVIDERS__WORK__SCOPES", "openid, offline_access"),
        ("GOCLAW_PROVIDERS__DASHSCOPE__ISSUER", "https://id.example/realm"),
        ("GOCLAW_PROVIDERS__DASHSCOPE__CLIENT_ID", "client"),
    ])
    .unwrap();
    let oauth = |name: &str| {
        let provider = settings.providers.iter().find(|provider| provider.name.as_str() == name).unwrap();
        provider.oauth.clone().unwrap()
    };
    assert_eq!(oauth("work").extra_params, [("prompt".to_owned(), "login".to_owned())]);
    assert_eq!(oauth("work").scopes, ["openid", "offline_access"]);
    assert_eq!(oauth("dashscope").token_url.as_str(), "https://id.example/realm/oauth/token");
    let unconfigured = load(&[]).unwrap();
    assert!(unconfigured.providers.iter().all(|p| p.oauth.is_some() == (p.provider_type == ProviderType::OpenaiCodex)));
}

#[test]
fn short_names_are_the_seed_s_and_may_not_contradict_the_long_ones() {
    assert_eq!(load(&[("GOCLAW_PORT", "4001")]).unwrap().server.port, 4001);
    assert!(load(&[("GOCLAW_PORT", "4001"), ("GOCLAW_SERVER__PORT", "4001")]).is_ok());
    assert_eq!(
        refusal(&[("GOCLAW_PORT", "4001"), ("GOCLAW_SERVER__PORT", "4002")]),
        "GOCLAW_PORT and GOCLAW_SERVER__PORT are both set: set one of them"
    );
    assert!(load(&[("GOCLAW_GATEWAY_URL", "http://x"), ("GOCLAW_PORT", "")]).is_ok(), "an empty variable is not set");
}

#[test]
fn a_bad_value_is_answered_with_key_value_and_what_is_allowed() {
    for (name, value, sentence) in [
        ("GOCLAW_PORT", "0", r#"bad setting server.port = "0": it must be a port number, 1 to 65535"#),
        (
            "GOCLAW_HOST",
            "here",
            r#"bad setting server.host = "here": it must be an IP address, e.g. 127.0.0.1, or localhost"#,
        ),
        (
            "GOCLAW_CALLBACK__TIMEOUT",
            "6",
            r#"bad setting callback.timeout = "6": it must be a duration like 6m or 90s, at most 10m"#,
        ),
        (
            "GOCLAW_PROVIDERS__OPENAI_CODEX__TOKEN_URL",
            "http://evil.example/",
            r#"bad setting providers.openai-codex.token_url = "http://evil.example/": it must be https (http is allowed on a loopback host only)"#,
        ),
        (
            "GOCLAW_PROVIDERS__WORK__ENABLED",
            "yes",
            "missing setting providers.work.type: a provider that is not built in must say its type",
        ),
        (
            "GOCLAW_PROVIDERS__SUNO__ENABLED",
            "yes",
            r#"bad setting providers.suno.enabled = "yes": it must be true or false"#,
        ),
        (
            "GOCLAW_DATABASE__URL",
            "mysql://u:pw@h/d",
            "bad setting database.url = (not shown): it must be sqlite:PATH or postgres://USER:PASSWORD@HOST/DATABASE",
        ),
        (
            "GOCLAW_PROVIDERS__OPENAI_CODEX__EXTRA_AUTHORIZE_PARAMS__STATE",
            "x",
            r#"bad setting providers.openai-codex.extra_authorize_params.state = "x": this parameter is the gateway's own"#,
        ),
    ] {
        assert_eq!(refusal(&[(name, value)]), sentence);
    }
}

#[test]
fn an_unknown_key_is_answered_with_the_known_ones() {
    assert_eq!(
        refusal(&[("GOCLAW_SERVER__PROT", "1")]),
        "unknown setting server.prot; known there: allowed_hosts, host, port, token, token_file"
    );
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("c.toml");
    fs::write(&path, "[serverr]\nport = 1\n").unwrap();
    let sentence = Settings::load(Some(path), &environment(&[])).unwrap_err().to_string();
    assert!(sentence.starts_with("unknown setting serverr.port; known there: agent, agents, callback"), "{sentence}");
}

#[test]
fn a_secret_is_given_itself_or_as_a_file() {
    let both = [("GOCLAW_TOKEN", "canary"), ("GOCLAW_SERVER__TOKEN_FILE", "/f")];
    assert_eq!(refusal(&both), "server.token and server.token_file are both set: set one of them");
    let settings = load(&[("GOCLAW_TOKEN", "canary"), ("GOCLAW_ENCRYPTION__KEY", "canary")]).unwrap();
    assert!(!format!("{settings:?}").contains("canary"));
}

#[test]
fn gateways_that_share_a_database_must_be_given_what_they_share() {
    let url = ("GOCLAW_DATABASE__URL", "postgres://u:canary@h/d");
    let why = "gateways on PostgreSQL share it, so it must be configured, itself or as a file";
    assert_eq!(refusal(&[url]), format!("missing setting server.token: {why}"));
    assert_eq!(refusal(&[url, ("GOCLAW_TOKEN", "t")]), format!("missing setting encryption.key: {why}"));
    let settings = load(&[url, ("GOCLAW_TOKEN", "t"), ("GOCLAW_ENCRYPTION__KEY_FILE", "/k")]).unwrap();
    assert!(matches!(settings.database, DatabaseSettings::Postgres(_)));
    assert!(!format!("{settings:?}").contains("canary"));
}

proptest! {
    #[test]
    fn no_value_makes_reading_panic(value in ".{0,40}", key in prop::sample::select(vec![
        "GOCLAW_PORT", "GOCLAW_HOST", "GOCLAW_CALLBACK__TIMEOUT", "GOCLAW_CALLBACK__BIND", "GOCLAW_DATABASE__URL",
        "GOCLAW_PROVIDERS__OPENAI_CODEX__ISSUER", "GOCLAW_PROVIDERS__OPENAI_CODEX__SCOPES", "GOCLAW_PROVIDERS__X__TYPE",
    ]), name in "[A-Z_]{0,12}") {
        let _ = load(&[(key, &value)]);
        let _ = load(&[(&format!("GOCLAW_{name}"), &value)]);
    }
}

#[test]
fn agents_are_one_as_in_the_seed_or_a_list() {
    let folder = tempfile::tempdir().unwrap();
    let agents = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        Settings::load(Some(path), &environment(&[])).map(|settings| settings.models)
    };
    let seed = r#"{"agent": {"key": "my-agent", "provider": "openai-codex/gpt-4o"}}"#;
    let names = agents("seed.json", seed).unwrap();
    let found = &names.agents["my-agent"];
    assert_eq!((found.provider.as_str(), found.model.as_str()), ("openai-codex", "gpt-4o"));
    assert_eq!(names.default_provider.as_str(), "openai-codex");

    let list = "default_provider = \"work\"\n\
                agents = [{key = \"a\", provider = \"work/x\"}, {key = \"b\", provider = \"suno/y\"}]\n";
    let names = agents("list.toml", list).unwrap();
    assert_eq!(names.agents.keys().collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(names.default_provider.as_str(), "work");

    for (file, text, says) in [
        ("1.toml", "[agent]\nkey = \"a\"\n", "agent.provider"),
        ("2.toml", "[agent]\nkey = \"a\"\nprovider = \"gpt-4o\"\n", "<provider>/<model>"),
        (
            "3.toml",
            "agents = [{key = \"a\", provider = \"x/y\"}, {key = \"a\", provider = \"x/z\"}]\n",
            "another agent",
        ),
        ("4.toml", "[agent]\nkey = \"a\"\nprovider = \"x/y\"\nmodel = \"z\"\n", "unknown setting agent.model"),
        ("5.toml", "default_provider = \"No Name\"\n", "default_provider"),
    ] {
        let sentence = agents(file, text).unwrap_err().to_string();
        assert!(sentence.contains(says), "{file}: {sentence}");
    }
}

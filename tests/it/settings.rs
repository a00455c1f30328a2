//! Tests of the configuration: its sources, their precedence, and the error texts.

use std::{fs, path::PathBuf, time::Duration};

use goclaw::{
    adapters::settings::{DatabaseSettings, Environment, Settings, SettingsError},
    domain::{provider::ProviderType, proxy::ProxyRule},
};
use insta::assert_snapshot;
use proptest::prelude::*;

fn environment(variables: &[(&str, &str)]) -> Environment {
    let home = [("HOME", "/home/owner")];
    Environment::from_pairs(home.iter().chain(variables).map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
}

fn load(variables: &[(&str, &str)]) -> Result<Settings, SettingsError> {
    Settings::load(None, &environment(variables))
}

fn load_file(name: &str, content: &str) -> Result<Settings, SettingsError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, content).unwrap();
    Settings::load(Some(path), &environment(&[]))
}

/// Returns the error texts, one per line, and checks that none contains a secret. All tests use `canary` as the secret.
fn texts(configurations: impl IntoIterator<Item = Result<Settings, SettingsError>>) -> String {
    let text = |loaded: Result<Settings, SettingsError>| loaded.expect_err("an error").to_string();
    let texts = configurations.into_iter().map(text).collect::<Vec<_>>().join("\n");
    assert!(!texts.contains("canary"), "{texts}");
    texts
}

#[test]
fn the_defaults_are_as_documented() {
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
fn variables_override_the_file_and_their_underscores_match_hyphens() {
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
fn additional_accounts_and_endpoints_can_be_configured() {
    let settings = load(&[
        ("GOCLAW_PROVIDERS__WORK__TYPE", "openai-codex"),
        ("GOCLAW_PROVIDERS__WORK__EXTRA_AUTHORIZE_PARAMS__PROMPT", "login"),
        ("GOCLAW_PROVIDERS__WORK__SCOPES", "openid, offline_access"),
        ("GOCLAW_PROVIDERS__DASHSCOPE__ISSUER", "https://id.example/realm"),
        ("GOCLAW_PROVIDERS__DASHSCOPE__CLIENT_ID", "client"),
        ("GOCLAW_PROVIDERS__DASHSCOPE__REQUIRES_ISS", "true"),
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
    assert!(
        unconfigured
            .providers
            .iter()
            .all(|provider| provider.oauth.is_some() == (provider.provider_type == ProviderType::OpenaiCodex))
    );
}

#[test]
fn only_one_issuer_per_callback_address_may_omit_iss() {
    let other_issuer = ("GOCLAW_PROVIDERS__WORK__ISSUER", "https://id.example");
    let work = ("GOCLAW_PROVIDERS__WORK__TYPE", "openai-codex");
    let refusal = load(&[work, other_issuer]).map(drop).unwrap_err().to_string();
    assert!(refusal.starts_with("invalid setting providers.work.requires_iss = \"false\": "), "{refusal}");
    for fix in [
        ("GOCLAW_PROVIDERS__WORK__REQUIRES_ISS", "true"),
        ("GOCLAW_PROVIDERS__OPENAI_CODEX__REQUIRES_ISS", "true"),
        ("GOCLAW_PROVIDERS__OPENAI_CODEX__ENABLED", "false"),
        ("GOCLAW_PROVIDERS__OPENAI_CODEX__ISSUER", "https://id.example"),
    ] {
        assert!(load(&[work, other_issuer, fix]).is_ok(), "{fix:?}");
    }
    assert!(load(&[work]).is_ok(), "two accounts with the same issuer");
}

#[test]
fn the_dashscope_endpoint_determines_region_and_chat_path() {
    let (compatible, plan) = ("compatible-mode/v1/chat/completions", "v1/chat/completions");
    for (url, base, region, chat) in [
        ("https://dashscope.aliyuncs.com", "https://dashscope.aliyuncs.com", "China (Beijing)", compatible),
        (
            "https://dashscope-intl.aliyuncs.com/compatible-mode/v1",
            "https://dashscope-intl.aliyuncs.com",
            "Singapore",
            compatible,
        ),
        (
            "https://coding-intl.dashscope.aliyuncs.com/v1",
            "https://coding-intl.dashscope.aliyuncs.com",
            "the international coding plan",
            plan,
        ),
        ("http://127.0.0.1:9", "http://127.0.0.1:9", "another server", compatible),
    ] {
        let settings = load(&[("GOCLAW_PROVIDERS__DASHSCOPE__API_BASE", url)]).unwrap();
        let dashscope =
            settings.providers.iter().find(|provider| provider.provider_type == ProviderType::Dashscope).unwrap();
        assert_eq!((dashscope.api_base.as_str(), dashscope.model_api().unwrap().prompt_path), (base, chat));
        let hint = dashscope.secret_hint().unwrap();
        assert!(hint.contains(&format!("api_base is {base} ({region})")), "{hint}");
        assert_eq!(dashscope.check_path().is_none(), chat == plan);
        assert_eq!(*dashscope.proxy_paths == [ProxyRule::parse("v1/*").unwrap()], chat == plan);
    }
}

#[test]
fn short_variables_work_and_may_repeat_the_long_form() {
    assert_eq!(load(&[("GOCLAW_PORT", "4001")]).unwrap().server.port, 4001);
    assert!(load(&[("GOCLAW_PORT", "4001"), ("GOCLAW_SERVER__PORT", "4001")]).is_ok());
    assert!(
        load(&[("GOCLAW_GATEWAY_URL", "http://x"), ("GOCLAW_PORT", "")]).is_ok(),
        "an empty variable counts as not set"
    );
}

#[test]
fn an_error_about_an_invalid_value_names_its_key_and_the_allowed_values() {
    let variables = [
        ("GOCLAW_PORT", "0"),
        ("GOCLAW_CALLBACK__PORT", "-1"),
        ("GOCLAW_CALLBACK__PORT", "3577"),
        ("GOCLAW_HOST", "here"),
        ("GOCLAW_CALLBACK__BIND", "::x"),
        ("GOCLAW_SERVER__ALLOWED_HOSTS", "gateway.example, https://other.example"),
        ("GOCLAW_SERVER__TOKEN", "canary with spaces"),
        ("GOCLAW_CALLBACK__TIMEOUT", "6"),
        ("GOCLAW_CALLBACK__TIMEOUT", "11m"),
        ("GOCLAW_REFRESH__LEAD", "0s"),
        ("GOCLAW_REFRESH__LEASE", "40s"),
        ("GOCLAW_REFRESH__BACKOFF_MAX", "1s"),
        ("GOCLAW_REFRESH__PROACTIVE", "1"),
        ("GOCLAW_DATABASE__URL", "mysql://u:canary@h/d"),
        ("GOCLAW_DATABASE__URL", "sqlite::memory:"),
        ("GOCLAW_DEFAULT_PROVIDER", "No Name"),
        ("GOCLAW_AGENT__PROVIDER", "gpt-4o"),
        ("GOCLAW_SERVER__ALLOWED_ORIGINS", "http://localhost:8080/app"),
        ("GOCLAW_SERVER__ALLOWED_ORIGINS", "*"),
        ("GOCLAW_SERVER__ALLOWED_ORIGINS", "null"),
        ("GOCLAW_SERVER__ALLOWED_ORIGINS", "file:///app"),
        ("GOCLAW_SERVER__ALLOWED_ORIGINS", "https://*.app.example"),
        ("GOCLAW_WEBHOOK__URL", "http://hooks.example/"),
        ("GOCLAW_WEBHOOK__SECRET", "canary"),
        ("GOCLAW_WEBHOOK__SECRET", "whsec_canary, which is not base64"),
        ("GOCLAW_PROVIDERS__WORK__TYPE", "other"),
        ("GOCLAW_PROVIDERS__SUNO__TYPE", "dashscope"),
        ("GOCLAW_PROVIDERS__SUNO__ENABLED", "yes"),
        ("GOCLAW_PROVIDERS__SUNO__REFRESH_GRACE", "long"),
        ("GOCLAW_PROVIDERS__OPENAI_CODEX__TOKEN_URL", "http://evil.example/"),
        ("GOCLAW_PROVIDERS__OPENAI_CODEX__ISSUER", "https://user@auth.example"),
        ("GOCLAW_PROVIDERS__OPENAI_CODEX__REVOCATION", "all"),
        ("GOCLAW_PROVIDERS__OPENAI_CODEX__REDIRECT_HOST", "gateway.example"),
        ("GOCLAW_PROVIDERS__OPENAI_CODEX__EXTRA_AUTHORIZE_PARAMS__STATE", "x"),
        ("GOCLAW_PROVIDERS__OPENAI_CODEX__PROXY_PATHS", "codex/*, /wham"),
        ("GOCLAW_PROVIDERS__OPENAI_CODEX__USER_AGENT", "goclaw\n"),
    ];
    assert_snapshot!(texts(variables.map(|variable| load(&[variable]))), @r#"
    invalid setting server.port = "0": it must be a port number, 1 to 65535
    invalid setting callback.port = "-1": it must be a port number, 1 to 65535
    invalid setting callback.port = "3577": the API uses this port; choose another one for the API or for the callback
    invalid setting server.host = "here": it must be an IP address, e.g. 127.0.0.1, or localhost
    invalid setting callback.bind = "::x": it must be an IP address, e.g. 127.0.0.1, or localhost
    invalid setting server.allowed_hosts = "https://other.example": it must be a host name in lower case or an IP address, without scheme and port, e.g. gateway.example
    invalid setting server.token = (not shown): it must be visible ASCII without spaces, so that it can be sent in an HTTP header
    invalid setting callback.timeout = "6": it must be a duration like 6m or 90s, at most 10m
    invalid setting callback.timeout = "11m": it must be a duration like 6m or 90s, at most 10m
    invalid setting refresh.lead = "0s": it must be a duration like 20s or 24h, longer than 0s
    invalid setting refresh.lease = "40s": refresh.lease must be more than twice refresh.http_timeout
    invalid setting refresh.backoff_max = "1s": refresh.backoff_max must not be less than refresh.backoff_min
    invalid setting refresh.proactive = "1": it must be true or false
    invalid setting database.url = (not shown): it must be sqlite:PATH or postgres://USER:PASSWORD@HOST/DATABASE
    invalid setting database.url = (not shown): it must be sqlite:PATH or postgres://USER:PASSWORD@HOST/DATABASE
    invalid setting default_provider = "No Name": an account name is 1 to 50 lower-case letters, digits and inner hyphens
    invalid setting agent.provider = "gpt-4o": a model is named <provider>/<model>, e.g. openai-codex/gpt-5.5
    invalid setting server.allowed_origins = "http://localhost:8080/app": it must be an origin as browsers send it: scheme, host and port, without a path, e.g. http://localhost:8080 or app://obsidian.md
    invalid setting server.allowed_origins = "*": it must be an origin as browsers send it: scheme, host and port, without a path, e.g. http://localhost:8080 or app://obsidian.md
    invalid setting server.allowed_origins = "null": it must be an origin as browsers send it: scheme, host and port, without a path, e.g. http://localhost:8080 or app://obsidian.md
    invalid setting server.allowed_origins = "file:///app": it must be an origin as browsers send it: scheme, host and port, without a path, e.g. http://localhost:8080 or app://obsidian.md
    invalid setting server.allowed_origins = "https://*.app.example": it must be an origin as browsers send it: scheme, host and port, without a path, e.g. http://localhost:8080 or app://obsidian.md
    invalid setting webhook.url = (not shown): it must be https (http is allowed on a loopback host only)
    invalid setting webhook.secret = (not shown): it must have at least 24 characters, and valid base64 after whsec_
    invalid setting webhook.secret = (not shown): it must have at least 24 characters, and valid base64 after whsec_
    invalid setting providers.work.type = "other": it must be one of openai-codex, suno, dashscope
    invalid setting providers.suno.type = "dashscope": the built-in provider suno always has the type suno
    invalid setting providers.suno.enabled = "yes": it must be true or false
    invalid setting providers.suno.refresh_grace = "long": it must be a duration like 60s, or 0s
    invalid setting providers.openai-codex.token_url = (not shown): it must be https (http is allowed on a loopback host only)
    invalid setting providers.openai-codex.issuer = (not shown): it must not contain a user name, a password or a fragment
    invalid setting providers.openai-codex.revocation = "all": it must be family or grant
    invalid setting providers.openai-codex.redirect_host = "gateway.example": it must be localhost, 127.0.0.1 or [::1], because the browser is redirected to its own machine
    invalid setting providers.openai-codex.extra_authorize_params.state = "x": the gateway sets this parameter itself
    invalid setting providers.openai-codex.proxy_paths = "/wham": it must be a path without a leading slash, e.g. wham/usage, or everything below a path, e.g. codex/*, each after a method or for all of them, e.g. GET codex/models
    invalid setting providers.openai-codex.user_agent = "goclaw\n": it must be visible ASCII
    "#);
}

#[test]
fn an_error_about_an_unknown_key_lists_the_known_keys() {
    let variables = ["SERVER__PROT", "NONSENSE", "ENCRYPTION__KEYZ", "AGENT__MODEL", "SERVERR__PORT", "LOG_FILTER"];
    let unknown = variables.map(|name| load(&[(&format!("GOCLAW_{name}"), "canary")]));
    let file = load_file("c.toml", "[providers.work]\ntype = 'suno'\nsecret = 'canary'\n");
    assert_snapshot!(texts(unknown.into_iter().chain([file])), @r#"
    unknown setting server.prot (GOCLAW_SERVER__PROT); expected one of allowed_hosts, allowed_origins, drain, host, port, public_url, tls_certificate_file, tls_key_file, token, token_file, trusted_proxies
    unknown setting nonsense (GOCLAW_NONSENSE); expected one of agent, agents, callback, data_dir, database, default_provider, encryption, log, models, outbound, providers, refresh, requests, server, tls, webhook
    unknown setting encryption.keyz (GOCLAW_ENCRYPTION__KEYZ); expected one of key, key_file, keys
    unknown setting agent.model (GOCLAW_AGENT__MODEL); expected one of key, provider
    unknown setting serverr (GOCLAW_SERVERR__PORT); expected one of agent, agents, callback, data_dir, database, default_provider, encryption, log, models, outbound, providers, refresh, requests, server, tls, webhook
    unknown setting log_filter (GOCLAW_LOG_FILTER; two underscores separate a section from its setting); expected one of agent, agents, callback, data_dir, database, default_provider, encryption, log, models, outbound, providers, refresh, requests, server, tls, webhook
    unknown setting providers.work.secret; expected one of api_base, authorize_url, client_id, client_version, enabled, extra_authorize_params, issuer, models, originator, program_paths, proxy, proxy_paths, redirect_host, refresh_grace, requires_iss, revocation, revoke_url, scopes, session_url, token_url, type, user_agent
    "#);
}

#[test]
fn a_value_of_the_wrong_type_is_not_shown() {
    let files = [
        "server.token = ['canary', {x = 1}]",
        "server.token = ['canary']",
        "server.port = ['canary']",
        "server.port.x = 'canary'",
        "encryption = 'canary'",
        "providers.work = 'canary'",
        "providers.suno.models = {x = 'canary'}",
        "agents = ['canary']",
    ];
    assert_snapshot!(texts(files.map(|content| load_file("c.toml", content))), @r#"
    invalid setting server.token = (not shown): it must be a single value
    invalid setting server.token = (not shown): it must be a single value
    invalid setting server.port = (not shown): it must be a single value
    invalid setting server.port = (not shown): it must be a single value
    invalid setting encryption = (not shown): it must be a table of settings
    invalid setting providers.work = (not shown): it must be a table of settings
    invalid setting providers.suno.models = (not shown): it must be a list of strings
    invalid setting agents = (not shown): it must be a table of settings
    "#);
    assert!(load_file("c.json", r#"{"server": {"port": null}}"#).is_ok(), "null counts as not set");
}

#[test]
fn an_error_names_the_missing_or_contradictory_settings() {
    let postgres = ("GOCLAW_DATABASE__URL", "postgres://u:canary@h/d");
    let configurations: [&[(&str, &str)]; 10] = [
        &[("GOCLAW_PORT", "4001"), ("GOCLAW_SERVER__PORT", "4002")],
        &[("GOCLAW_TOKEN", "canary"), ("GOCLAW_SERVER__TOKEN_FILE", "/f")],
        &[("GOCLAW_ENCRYPTION__KEY", "canary"), ("GOCLAW_ENCRYPTION__KEY_FILE", "/f")],
        &[("GOCLAW_ENCRYPTION__KEYS", "canary"), ("GOCLAW_ENCRYPTION__KEY_FILE", "/f")],
        &[postgres],
        &[postgres, ("GOCLAW_TOKEN", "t")],
        &[("GOCLAW_WEBHOOK__URL", "https://hooks.example/")],
        &[("GOCLAW_AGENT__KEY", "a")],
        &[("GOCLAW_PROVIDERS__WORK__ENABLED", "true")],
        &[("GOCLAW_PROVIDERS__DASHSCOPE__ISSUER", "https://id.example")],
    ];
    assert_snapshot!(texts(configurations.map(load)), @r#"
    GOCLAW_PORT and GOCLAW_SERVER__PORT are both set; set only one of them
    server.token and server.token_file are both set; set only one of them
    encryption.key and encryption.key_file are both set; set only one of them
    encryption.keys and encryption.key_file are both set; set only one of them
    missing setting server.token: gateways that share a PostgreSQL database need the same one; set it, or the path of its file
    missing setting encryption.key: gateways that share a PostgreSQL database need the same one; set it, or the path of its file
    missing setting webhook.secret: it signs the calls, so that the receiver can verify their origin
    missing setting agent.provider: an agent needs a key and a provider, e.g. my-agent and openai-codex/gpt-5.5
    missing setting providers.work.type: a provider that is not built in needs a type
    missing setting providers.dashscope.client_id: a login needs the id of an OAuth client that is registered with the provider
    "#);
}

#[test]
fn the_debug_output_contains_no_secret() {
    let settings = load(&[("GOCLAW_TOKEN", "canary"), ("GOCLAW_ENCRYPTION__KEY", "canary")]).unwrap();
    assert!(!format!("{settings:?}").contains("canary"));
    let proxies = ["HTTPS_PROXY", "GOCLAW_OUTBOUND__PROXY", "GOCLAW_PROVIDERS__SUNO__PROXY"];
    let settings = proxies.map(|name| load(&[(name, "http://canary:canary@proxy.example")]).unwrap());
    assert!(settings.iter().all(|settings| format!("{settings:?}").contains("proxy.example")));
    assert!(!format!("{settings:?}").contains("canary"));
    let shared = [
        ("GOCLAW_DATABASE__URL", "postgres://u:canary@h/d"),
        ("GOCLAW_TOKEN", "t"),
        ("GOCLAW_ENCRYPTION__KEY_FILE", "/k"),
    ];
    let settings = load(&shared).unwrap();
    assert!(matches!(settings.database, DatabaseSettings::Postgres(_)));
    assert!(!format!("{settings:?}").contains("canary"));
}

/// Returns the keys at and below `section`, with `*` for any name. Finds them in the error about an unknown key `x`.
fn keys(section: &str) -> Vec<String> {
    let prefix = if section.is_empty() { String::new() } else { format!("{section}.") };
    let probe = format!("{prefix}x");
    let variable = format!("GOCLAW_{}", probe.to_uppercase().replace('.', "__"));
    match load(&[(&variable, "value")]) {
        Err(SettingsError::UnknownKey { key, known, .. }) if key == probe => {
            known.split(", ").flat_map(|name| keys(&format!("{prefix}{name}"))).collect()
        }
        // A map of tables.
        Err(SettingsError::InvalidValue { key, .. }) if key == probe => keys(&probe),
        // A single value or a list.
        Err(SettingsError::InvalidValue { key, .. }) if key == section => vec![section.replace(".x", ".*")],
        // A map of strings.
        _ => vec![probe.replace(".x", ".*")],
    }
}

#[test]
fn the_readme_lists_every_setting() {
    let readme = include_str!("../../README.md");
    let table = readme.split("## Settings").nth(1).and_then(|rest| rest.split("\n## ").next()).unwrap();
    let mut listed: Vec<&str> = table.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
    listed.sort_unstable();
    assert_eq!(listed, keys(""));
}

proptest! {
    #[test]
    fn no_value_causes_a_panic(value in ".{0,40}", key in prop::sample::select(vec![
        "GOCLAW_PORT", "GOCLAW_HOST", "GOCLAW_CALLBACK__TIMEOUT", "GOCLAW_CALLBACK__BIND", "GOCLAW_DATABASE__URL",
        "GOCLAW_PROVIDERS__OPENAI_CODEX__ISSUER", "GOCLAW_PROVIDERS__OPENAI_CODEX__SCOPES", "GOCLAW_PROVIDERS__X__TYPE",
    ]), name in "[A-Z_]{0,12}") {
        let _ = load(&[(key, &value)]);
        let _ = load(&[(&format!("GOCLAW_{name}"), &value)]);
    }
}

#[test]
fn agents_can_be_one_table_or_a_list() {
    let single = r#"{"agent": {"key": "my-agent", "provider": "openai-codex/gpt-4o"}}"#;
    let names = load_file("c.json", single).unwrap().models;
    let agent = &names.agents["my-agent"];
    assert_eq!((agent.provider.as_str(), agent.model.as_str()), ("openai-codex", "gpt-4o"));
    assert_eq!(names.default_provider.as_str(), "openai-codex");

    let list = "default_provider = \"work\"\n\
                agents = [{key = \"a\", provider = \"work/x\"}, {key = \"b\", provider = \"suno/y\"}]\n";
    let names = load_file("c.toml", list).unwrap().models;
    assert_eq!(names.agents.keys().collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(names.default_provider.as_str(), "work");

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("c.toml");
    fs::write(&path, list).unwrap();
    let names = Settings::load(Some(path), &environment(&[("GOCLAW_AGENTS__1__KEY", "c")])).unwrap().models;
    assert_eq!(names.agents.keys().collect::<Vec<_>>(), ["a", "c"], "a variable overrides one member of the list");

    let twice = "agents = [{key = \"a\", provider = \"x/y\"}, {key = \"a\", provider = \"x/z\"}]\n";
    assert_snapshot!(texts([load_file("c.toml", twice)]), @r#"invalid setting agents.1.key = "a": another agent has this key"#);
}

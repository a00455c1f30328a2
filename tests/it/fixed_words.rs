//! Tests of the names and texts that the requirements fix: routes, JSON members, tables, ports, environment variables,
//! CLI lines and page texts. The expected values are literals, never constants of the code.

use std::{fs, path::PathBuf};

use goclaw::{
    adapters::{
        http::openapi_document,
        settings::{Environment, Settings},
    },
    domain::{model_ref::ModelRef, provider::ProviderType},
};
use serde_json::{Value, json};

use crate::support::{
    fakes::{TestGateway, alice},
    gateway::{CommandOutput, Gateway, Home, free_port},
    provider::Provider,
};

const ACTIVE: [&str; 2] = [
    "OpenAI OAuth: active (provider: openai-codex)",
    "Use model prefix 'openai-codex/' in agent config (e.g. openai-codex/gpt-4o).",
];
const NOT_FOUND: [&str; 2] = ["No OAuth tokens found.", "Use the web UI to authenticate with ChatGPT OAuth."];

/// Returns the first two printed lines.
fn first_lines(text: &str) -> [&str; 2] {
    let mut lines = text.lines();
    [lines.next().unwrap_or_default(), lines.next().unwrap_or_default()]
}

/// Asserts that the response has these members. It may have more.
fn assert_members(response: &Value, members: &Value) {
    for (name, value) in members.as_object().expect("members") {
        assert_eq!(response.get(name), Some(value), "{name} in {response}");
    }
}

fn settings(file: Option<PathBuf>) -> Settings {
    let home = [("HOME".to_owned(), "/home/owner".to_owned())];
    Settings::load(file, &Environment::from_pairs(home)).expect("settings")
}

async fn paste(gateway: &Gateway, provider: &Provider, started: &Value) -> Value {
    let auth_url = started["auth_url"].as_str().expect("an auth_url");
    let redirect_url = provider.redirect_for(auth_url).await;
    gateway.post("/v1/auth/openai/callback", json!({"redirect_url": redirect_url})).await.json()
}

#[tokio::test]
async fn routes_members_and_stored_places_are_the_required_ones() {
    let provider = Provider::approving();
    let home = Home::new(&provider);
    let gateway = home.start().await;
    assert_members(&gateway.get("/v1/auth/openai/status").await.json(), &json!({"authenticated": false}));
    assert_eq!(first_lines(&home.run(&["auth", "status"]).stdout), NOT_FOUND);

    let started = gateway.post("/v1/auth/openai/start", json!({})).await.json();
    let connected = paste(&gateway, &provider, &started).await;
    assert_members(&connected, &json!({"authenticated": true, "provider_name": "openai-codex"}));
    assert_eq!(connected["provider_id"], home.text("SELECT id FROM llm_providers WHERE name = 'openai-codex'"));
    let connected = json!({"authenticated": true, "provider_name": "openai-codex"});
    assert_members(&gateway.get("/v1/auth/openai/status").await.json(), &connected);
    let again = gateway.post("/v1/auth/openai/start", json!({})).await.json();
    assert_members(&again, &json!({"status": "already_authenticated"}));
    assert_eq!(first_lines(&home.run(&["auth", "status"]).stdout), ACTIVE);

    assert_eq!(home.text("SELECT provider_type FROM llm_providers WHERE api_key LIKE 'v2:%'"), "openai-codex");
    assert!(home.number("SELECT json_extract(settings, '$.expires_at') FROM llm_providers") > 1_700_000_000);
    let secret = "SELECT value FROM config_secrets WHERE key = 'oauth.openai-codex.refresh_token'";
    assert!(home.text(secret).starts_with("v2:"));

    home.change_database("UPDATE llm_providers SET settings = json_set(settings, '$.expires_at', 1)");
    let expired = json!({"authenticated": false, "error": "token invalid or expired"});
    assert_members(&gateway.get("/v1/auth/openai/status").await.json(), &expired);
    assert_eq!(first_lines(&home.run(&["auth", "status"]).stdout)[0], "token invalid or expired");

    let logged_out = gateway.post("/v1/auth/openai/logout", json!({})).await.json();
    assert_members(&logged_out, &json!({"status": "logged out"}));
    assert_eq!(home.count_accounts_and_refresh_tokens(), (0, 0));
    assert_members(
        &gateway.post("/v1/auth/xyz/logout", json!({})).await.json(),
        &json!({"error": "unknown provider: xyz"}),
    );
    assert_eq!(first_lines(&home.run(&["auth", "logout", "xyz"]).stderr)[0], "unknown provider: xyz");
    assert_eq!(home.run(&["auth", "logout", "openai"]).code, Some(0));
    assert_eq!(home.run(&["auth", "logout"]).code, Some(0));
}

#[tokio::test]
async fn the_four_variables_select_the_gateway_and_the_token() {
    let home = Home::without_provider();
    let gateway = home.start().await;
    let (url, unused_port) = (format!("http://127.0.0.1:{}", home.port), free_port().to_string());
    let status = |variables: &[(&str, &str)]| {
        let mut command = home.command(&["auth", "status"]);
        command.env_remove("GOCLAW_PORT").envs(variables.iter().copied());
        CommandOutput::of(command)
    };
    let port = home.port.to_string();
    let by_port = status(&[("GOCLAW_HOST", "127.0.0.1"), ("GOCLAW_PORT", &port), ("GOCLAW_TOKEN", &gateway.token)]);
    assert_eq!(first_lines(&by_port.stdout), NOT_FOUND, "{}", by_port.stderr);
    let by_url =
        status(&[("GOCLAW_GATEWAY_URL", &url), ("GOCLAW_PORT", &unused_port), ("GOCLAW_TOKEN", &gateway.token)]);
    assert_eq!(first_lines(&by_url.stdout), NOT_FOUND, "the URL takes precedence: {}", by_url.stderr);

    // Host and port each have a default. Nothing listens on this loopback address.
    let default_port = status(&[("GOCLAW_HOST", "127.77.3.1"), ("GOCLAW_TOKEN", &gateway.token)]);
    assert_eq!(first_lines(&default_port.stderr)[0], "cannot reach gateway at http://127.77.3.1:3577");
    let default_host = status(&[("GOCLAW_PORT", &unused_port)]);
    assert_eq!(first_lines(&default_host.stderr)[0], format!("cannot reach gateway at http://127.0.0.1:{unused_port}"));
}

#[test]
fn addresses_scopes_and_names_are_the_required_ones() {
    let settings = settings(None);
    assert_eq!((settings.server.host.to_string().as_str(), settings.server.port), ("127.0.0.1", 3577));
    assert_eq!(settings.callback.port, 1455);
    let codex = settings.providers.iter().find(|provider| provider.name.as_str() == "openai-codex").expect("built in");
    let client = codex.oauth.as_ref().expect("a client");
    assert_eq!(client.redirect_uri, "http://localhost:1455/auth/callback");
    assert_eq!(client.authorize_url.as_str(), "https://auth.openai.com/oauth/authorize");
    assert_eq!(client.token_url.as_str(), "https://auth.openai.com/oauth/token");
    let scopes = "openid profile email offline_access api.connectors.read api.connectors.invoke";
    assert_eq!(client.scopes.join(" "), scopes);
    for (text, provider_type) in [
        ("openai-codex", ProviderType::OpenaiCodex),
        ("suno", ProviderType::Suno),
        ("dashscope", ProviderType::Dashscope),
    ] {
        assert_eq!(ProviderType::parse(text), Some(provider_type));
    }
}

#[test]
fn an_agent_s_model_has_the_account_as_its_prefix() {
    let agent = r#"{"agent": {"key": "my-agent", "provider": "openai-codex/gpt-4o"}}"#;
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("goclaw.json");
    fs::write(&file, agent).expect("the file");
    let names = settings(Some(file)).models;
    let model = names.agents.get("my-agent").expect("the agent");
    assert_eq!((model.provider.as_str(), model.model.as_str()), ("openai-codex", "gpt-4o"));
    assert_eq!(ModelRef::parse("openai-codex/gpt-4o").as_ref(), Ok(model));
}

#[tokio::test]
async fn a_callback_port_in_use_is_reported_in_the_required_words() {
    let gateway = TestGateway::open().await;
    gateway.listener.hold_port(true);
    let error = gateway.start_login(alice()).await.callback_error.expect("the port is in use");
    assert!(error.to_string().starts_with("failed to start OAuth flow (is port 1455 available?)"), "{error}");
}

#[test]
fn the_openapi_document_has_the_required_routes_and_members() {
    let document: Value = serde_json::from_str(&openapi_document()).expect("the document is JSON");
    for (path, method) in [
        ("/v1/auth/{provider}/status", "get"),
        ("/v1/auth/{provider}/start", "post"),
        ("/v1/auth/{provider}/callback", "post"),
        ("/v1/auth/{provider}/logout", "post"),
    ] {
        assert!(document["paths"][path][method].is_object(), "{method} {path}");
    }
    // Compares the bodies of operations, because schema names may change.
    let resolve = |schema: &Value| match schema["$ref"].as_str() {
        Some(reference) => {
            document.pointer(reference.strip_prefix('#').expect("in this document")).expect("a schema").clone()
        }
        None => schema.clone(),
    };
    let members = |schema: &Value| -> Vec<String> {
        let schema = resolve(schema);
        let parts = ["oneOf", "anyOf", "allOf"].into_iter().filter_map(|key| schema[key].as_array()).flatten();
        let all = parts.map(resolve).chain([schema.clone()]).collect::<Vec<_>>();
        all.iter().filter_map(|schema| schema["properties"].as_object()).flat_map(|map| map.keys().cloned()).collect()
    };
    let json_of = |content: &Value| {
        let content = content["content"].as_object().expect("content");
        content.values().next().expect("a body")["schema"].clone()
    };
    for (path, method, expected) in [
        ("/v1/auth/{provider}/status", "get", &["authenticated", "provider_name"][..]),
        ("/v1/auth/{provider}/start", "post", &["auth_url", "status"]),
        ("/v1/auth/{provider}/callback", "post", &["authenticated", "provider_name", "provider_id"]),
        ("/v1/auth/{provider}/logout", "post", &["status"]),
    ] {
        let found = members(&json_of(&document["paths"][path][method]["responses"]["200"]));
        for member in expected {
            assert!(found.iter().any(|name| name == member), "{method} {path}: {member} is not in {found:?}");
        }
    }
    let callback = &document["paths"]["/v1/auth/{provider}/callback"]["post"]["requestBody"];
    assert_eq!(members(&json_of(callback)), ["redirect_url"]);
}

/// `page.rs` clicks `Connect ChatGPT` in a browser; this test checks the parts of the text.
#[test]
fn the_page_has_the_required_words() {
    let index = include_str!("../../src/adapters/web_ui/page/index.html");
    assert!(index.contains(">Providers</a>"));
    let cards = include_str!("../../src/adapters/web_ui/page/cards.js");
    assert!(cards.contains(r#""Connect""#));
    let providers = include_str!("../../src/adapters/web_ui/page/providers.js");
    assert!(providers.contains(r#"title: "Providers""#));
    assert!(providers.contains(r#"" OAuth""#) && providers.contains("`Connect ${"));
    let words = include_str!("../../src/adapters/web_ui/page/words.js");
    assert!(words.contains(r#""openai-codex": "ChatGPT""#));
    assert_eq!(ProviderType::OpenaiCodex.descriptor().display_name, "ChatGPT");
}

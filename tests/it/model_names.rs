//! Tests of model names in the forms that clients use, against a simulator that is as strict as the real backend.

use serde_json::{Value, json};

use crate::{
    models::signed_in,
    support::{
        gateway::{Gateway, Home, HttpResponse},
        provider::Provider,
    },
};

async fn listed_ids(gateway: &Gateway) -> Vec<String> {
    let models = gateway.get("/v1/models").await.json();
    let entries = models["data"].as_array().expect("models").iter();
    entries.map(|model| model["id"].as_str().expect("an id").to_owned()).collect()
}

async fn respond(gateway: &Gateway, model: &str, members: Value) -> HttpResponse {
    let mut body = json!({"model": model, "input": "Hello"});
    body.as_object_mut().expect("an object").extend(members.as_object().expect("an object").clone());
    gateway.post("/v1/responses", body).await
}

/// Returns the effort and the tier that the backend received. The simulator echoes them.
fn effort_and_tier(response: &HttpResponse) -> (Value, Value) {
    assert_eq!(response.status, 200, "{}", response.text);
    let body = response.json();
    (body["reasoning"]["effort"].clone(), body["service_tier"].clone())
}

#[tokio::test]
async fn a_model_of_the_default_provider_has_two_names() {
    let (_provider, _home, gateway) = signed_in().await;
    let ids = listed_ids(&gateway).await;
    assert_eq!(
        ids,
        [
            "gpt-5.5",
            "gpt-5.4",
            "gpt-5.3-codex-spark",
            "openai-codex/gpt-5.5",
            "openai-codex/gpt-5.4",
            "openai-codex/gpt-5.3-codex-spark"
        ]
    );
    for (path, id) in [
        ("gpt-5.5", "gpt-5.5"),
        ("openai-codex/gpt-5.5", "openai-codex/gpt-5.5"),
        ("openai-codex%2Fgpt-5.5", "openai-codex/gpt-5.5"),
        ("openai-codex%2fgpt-5.5?x=1", "openai-codex/gpt-5.5"),
        ("openai/gpt-5.5", "openai/gpt-5.5"),
        ("gpt-5.5-high", "gpt-5.5-high"),
        ("openai-codex/gpt-5.5-low-fast", "openai-codex/gpt-5.5-low-fast"),
    ] {
        let found = gateway.get(&format!("/v1/models/{path}")).await;
        let expected =
            json!({"id": id, "object": "model", "created": 0, "owned_by": "openai-codex", "context_length": 272_000});
        assert_eq!((found.status, found.json()), (200, expected), "{path}");
    }
    for path in
        ["gpt-9", "gpt-9-high", "gpt-5.5-huge", "gpt-4o", "openai-codex/gpt-9", "work/gpt-5.5", "gpt-5.5/", "a/b/c"]
    {
        let missing = gateway.get(&format!("/v1/models/{path}")).await;
        let code = &missing.json()["error"]["code"];
        assert_eq!((missing.status, code), (404, &json!("model_not_found")), "{path}: {}", missing.text);
        assert_eq!(missing.header("x-should-retry"), "false", "{path}");
    }
}

#[tokio::test]
async fn the_codex_cli_gets_the_catalogue_with_names_that_requests_may_use() {
    let provider = Provider::approving();
    let home = Home::new(&provider)
        .with("GOCLAW_AGENT__KEY", "my-agent")
        .with("GOCLAW_AGENT__PROVIDER", "openai-codex/gpt-5.4");
    let gateway = home.start().await;
    gateway.sign_in().await;
    let answer = gateway.get("/v1/models?client_version=0.169.0").await;
    let prompted = respond(&gateway, "gpt-5.5", json!({})).await;
    assert_eq!(answer.header("etag"), prompted.header("x-models-etag"), "the CLI would read the list again each turn");
    let list = answer.json();
    let entries = list["models"].as_array().expect("a catalogue");
    let slugs: Vec<_> = entries.iter().map(|entry| entry["slug"].as_str().expect("a slug")).collect();
    assert_eq!(slugs.len(), 7, "three models under two names each, and the agent: {slugs:?}");
    for entry in entries {
        let slug = entry["slug"].as_str().expect("a slug");
        assert_eq!((&entry["context_window"], &entry["supported_in_api"]), (&json!(272_000), &json!(true)), "{slug}");
        assert_eq!(entry["visibility"], json!(if slug.contains('/') { "hide" } else { "list" }), "{slug}");
        assert_eq!(respond(&gateway, slug, json!({})).await.status, 200, "{slug}");
    }
    assert!(slugs.contains(&"my-agent") && slugs.contains(&"gpt-5.5"), "{slugs:?}");
    assert!(gateway.get("/v1/models").await.json().get("models").is_none(), "other clients do not get the catalogue");
}

#[tokio::test]
async fn suffixes_set_effort_and_tier_and_parameters_take_precedence() {
    let (_provider, _home, gateway) = signed_in().await;
    let none = || json!({});
    for (model, members, effort, tier) in [
        ("gpt-5.5", none(), Value::Null, Value::Null),
        ("gpt-5.5-high", none(), json!("high"), Value::Null),
        ("openai-codex/gpt-5.5-xhigh", none(), json!("xhigh"), Value::Null),
        ("gpt-5.3-codex-spark-minimal", none(), json!("minimal"), Value::Null),
        ("gpt-5.5-fast", none(), Value::Null, json!("priority")),
        ("gpt-5.5-low-fast", none(), json!("low"), json!("priority")),
        ("gpt-5.5-high", json!({"reasoning": {"effort": "low"}}), json!("low"), Value::Null),
        ("gpt-5.5-high", json!({"reasoning": {"summary": "auto"}}), json!("high"), Value::Null),
        ("gpt-5.5-high", json!({"reasoning": {"effort": null}}), json!("high"), Value::Null),
        ("gpt-5.5-high", json!({"reasoning_effort": "medium"}), json!("medium"), Value::Null),
        ("gpt-5.5-fast", json!({"service_tier": "flex"}), Value::Null, Value::Null),
        ("gpt-5.5", json!({"service_tier": "fast"}), Value::Null, json!("priority")),
        ("gpt-5.5", json!({"service_tier": "default"}), Value::Null, Value::Null),
    ] {
        let response = respond(&gateway, model, members.clone()).await;
        assert_eq!(effort_and_tier(&response), (effort, tier), "{model} with {members}");
        let named = (response.json()["model"].clone(), response.header("openai-model").to_owned());
        assert_eq!(named, (json!(model), model.to_owned()));
    }
    // The rest of the name is not a model, so the provider gets the whole name and refuses it.
    for unknown in ["gpt-9-high", "gpt-5.5-huge", "gpt-5.5-high-low"] {
        let response = respond(&gateway, unknown, none()).await;
        assert_eq!(response.status, 404, "{unknown}: {}", response.text);
        assert!(response.text.contains(&format!("'{unknown}' model is not supported")), "{}", response.text);
    }
    let chat = json!({"model": "gpt-5.5-high-fast", "messages": [{"role": "user", "content": "Hello"}]});
    let chat = gateway.post("/v1/chat/completions", chat).await.json();
    assert_eq!((&chat["model"], &chat["service_tier"]), (&json!("gpt-5.5-high-fast"), &json!("priority")), "{chat}");
    assert!(chat["choices"][0]["message"]["reasoning_content"].is_string(), "an effort was requested: {chat}");
}

#[tokio::test]
async fn a_model_whose_name_ends_like_a_suffix_is_requested_by_that_name() {
    let provider = Provider::approving();
    provider.post_control("/settings", json!({"models": ["gpt-9-fast", "gpt-9"]})).await;
    let home = Home::new(&provider);
    let gateway = home.start().await;
    gateway.sign_in().await;
    assert_eq!(effort_and_tier(&respond(&gateway, "gpt-9-fast", json!({})).await), (Value::Null, Value::Null));
    assert_eq!(effort_and_tier(&respond(&gateway, "gpt-9-fast-high", json!({})).await), (json!("high"), Value::Null));
    // Without a model list, such an ending is read as a suffix.
    provider.post_control("/settings", json!({"models": ["gpt-9"]})).await;
    let home = Home::new(&provider);
    let unlisted = home.start().await;
    unlisted.sign_in().await;
    provider.post_control("/faults", json!({"endpoint": "models", "fault": "bad_gateway"})).await;
    assert_eq!(effort_and_tier(&respond(&unlisted, "gpt-9-fast", json!({})).await), (Value::Null, json!("priority")));
}

#[tokio::test]
async fn the_fallback_answers_under_the_requested_name() {
    let provider = Provider::approving();
    let home = Home::new(&provider).with("GOCLAW_MODELS__FALLBACK", "gpt-5.4-low");
    let gateway = home.start().await;
    gateway.sign_in().await;
    for model in ["gpt-4o-mini", "gpt-4o", "gpt-4.1-mini", "gpt-4.1-nano", "gpt-5-mini", "gpt-5-nano"] {
        let response = respond(&gateway, model, json!({})).await;
        assert_eq!(effort_and_tier(&response).0, json!("low"), "{model}");
        assert_eq!((&response.json()["model"], response.header("openai-model")), (&json!(model), model));
        let chat = json!({"model": model, "messages": [{"role": "user", "content": "Hello"}]});
        let chat = gateway.post("/v1/chat/completions", chat).await;
        assert_eq!((chat.status, &chat.json()["model"]), (200, &json!(model)), "{}", chat.text);
    }
    for other in ["gpt-4", "gpt-4o-mini-2024-07-18", "openai-codex/gpt-4o-mini"] {
        assert_eq!(respond(&gateway, other, json!({})).await.status, 404, "{other}");
    }
    // The list of the next login may have the model itself.
    provider.post_control("/settings", json!({"models": ["gpt-4o-mini"]})).await;
    gateway.sign_in_again().await;
    assert_eq!(
        effort_and_tier(&respond(&gateway, "gpt-4o-mini", json!({})).await).0,
        Value::Null,
        "the model is listed"
    );
}

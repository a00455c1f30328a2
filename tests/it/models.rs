//! Tests of `/v1/responses` and `/v1/models` against a simulator that is as strict as the real backend.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::support::{
    gateway::{Gateway, Home, HttpResponse, eventually, http},
    provider::Provider,
};

const MODEL: &str = "openai-codex/gpt-5.5";

/// Starts a gateway and connects its ChatGPT account.
pub(crate) async fn signed_in() -> (Provider, Home, Gateway) {
    let provider = Provider::approving();
    let home = Home::new(&provider);
    let gateway = home.start().await;
    gateway.sign_in().await;
    (provider, home, gateway)
}

async fn respond(gateway: &Gateway, body: Value) -> HttpResponse {
    gateway.post("/v1/responses", body).await
}

/// Returns the text of a response's first message.
fn text_of(response: &Value) -> &str {
    let output = response["output"].as_array().expect("an output");
    let message = output.iter().find(|item| item["type"] == "message").expect("a message");
    message["content"][0]["text"].as_str().expect("a text")
}

#[tokio::test]
async fn a_request_without_stream_gets_one_response() {
    let (_provider, _home, gateway) = signed_in().await;
    let response = respond(&gateway, json!({"model": MODEL, "input": "PROMPT-CANARY"})).await;
    assert_eq!((response.status, response.header("content-type")), (200, "application/json"), "{}", response.text);
    let body = response.json();
    assert_eq!((&body["object"], &body["status"]), (&json!("response"), &json!("completed")), "{body}");
    assert!(text_of(&body).starts_with("word1 "), "{body}");
    assert!(body["usage"]["total_tokens"].as_u64() > Some(0));
    assert!(response.headers.contains_key("x-codex-primary-used-percent"));
    let log = gateway.log();
    assert!(
        log.contains("TRACE") && !log.contains("PROMPT-CANARY") && !log.contains("word1"),
        "no prompt and no completion is logged"
    );
}

#[tokio::test]
async fn the_gateway_adapts_requests_to_the_backend() {
    let (_provider, _home, gateway) = signed_in().await;
    // A header that lists names cannot carry a comma, a space or a non-ASCII character in one of them.
    let body = json!({
        "model": MODEL,
        "input": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello"}],
        "store": true,
        "temperature": 0.2,
        "max_output_tokens": 100,
        "metadata": {"a": "b"},
        "zz_never_heard_of, \u{e9}": [1],
    });
    let response = respond(&gateway, body).await;
    assert_eq!(response.status, 200, "{}", response.text);
    let ignored = response.header("goclaw-ignored-parameters");
    for parameter in ["temperature", "max_output_tokens", "metadata", "zz_never_heard_of???"] {
        assert!(ignored.split(", ").any(|name| name == parameter), "{parameter} in {ignored}");
    }
    for (parameter, value) in [("background", json!(true)), ("prompt", json!({"id": "p"}))] {
        let mut body = json!({"model": MODEL, "input": "Hello"});
        body[parameter] = value;
        let response = respond(&gateway, body).await;
        let error = &response.json()["error"];
        assert_eq!((response.status, &error["code"]), (400, &json!("unsupported_parameter")), "{}", response.text);
        assert_eq!((&error["param"], &error["type"]), (&json!(parameter), &json!("invalid_request_error")));
    }
}

#[tokio::test]
async fn a_body_with_too_many_values_or_levels_is_too_large() {
    let (_provider, _home, gateway) = signed_in().await;
    let deep = (0..200).fold(json!(0), |inner, _| json!([inner]));
    for (input, reason) in [(json!(vec![0; 250_000]), "too many values: at most 250000"), (deep, "at most 127 levels")]
    {
        for path in ["/v1/responses", "/v1/chat/completions"] {
            let response = gateway.post(path, json!({"model": MODEL, "metadata": input})).await;
            let error = &response.json()["error"];
            assert_eq!((response.status, &error["code"]), (413, &json!("body_too_large")), "{}", response.text);
            assert!(error["message"].as_str().is_some_and(|text| text.contains(reason)), "{error}");
        }
    }
    let refused =
        gateway.post("/v1/tokens", json!({"name": (0..20).fold(json!("a"), |inner, _| json!([inner]))})).await;
    assert_eq!((refused.status, &refused.json()["code"]), (413, &json!("body_too_large")), "{}", refused.text);
}

#[tokio::test]
async fn a_stream_is_forwarded_without_buffering() {
    let (provider, _home, gateway) = signed_in().await;
    provider.post_control("/settings", json!({"stream_deltas": 5, "stream_pause": "100ms"})).await;
    let request = http().post(format!("{}/v1/responses", gateway.base)).bearer_auth(&gateway.token);
    let request = request.json(&json!({"model": MODEL, "input": "Hello", "stream": true}));
    let mut response = request.send().await.expect("a response");
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    assert_eq!(response.headers()["x-accel-buffering"], "no");
    let (mut pieces, mut text) = (0, String::new());
    while let Some(piece) = response.chunk().await.expect("a piece") {
        pieces += 1;
        text.push_str(&String::from_utf8_lossy(&piece));
    }
    assert!(pieces >= 5, "{pieces} pieces: the stream was buffered");
    assert!(text.starts_with("event: response.created\n") && text.contains("event: response.completed\n"), "{text}");
}

#[tokio::test]
async fn turn_headers_are_forwarded_and_caller_headers_are_not() {
    let (provider, _home, gateway) = signed_in().await;
    let request = http().post(format!("{}/v1/responses", gateway.base)).bearer_auth(&gateway.token);
    let request = request
        .header("x-codex-turn-state", "turn-7")
        .header("cookie", "caller=1")
        .header("user-agent", "somebody")
        .header("accept-encoding", "gzip")
        .json(&json!({"model": MODEL, "input": "Hello"}));
    let response = HttpResponse::of(request.send().await.expect("a response")).await;
    assert!(response.headers.contains_key("x-codex-turn-state") && !response.headers.contains_key("set-cookie"));
    let journal = provider.get_control("/journal").await;
    let entry =
        journal.as_array().expect("a journal").iter().find(|entry| entry["site"] == "backend").expect("an entry");
    let headers = &entry["headers"];
    assert_eq!((&headers["x-codex-turn-state"], &headers["originator"]), (&json!("turn-7"), &json!("goclaw")));
    assert!(headers["user-agent"].as_str().is_some_and(|agent| agent.starts_with("goclaw/")), "{headers}");
    for name in ["cookie", "accept-encoding"] {
        assert!(headers.get(name).is_none(), "{name}");
    }
}

#[tokio::test]
async fn the_header_for_tools_in_the_input_is_forwarded_only_with_such_tools() {
    let (provider, _home, gateway) = signed_in().await;
    provider.post_control("/settings", json!({"lite_models": ["gpt-5.5"]})).await;
    let tools = json!({"type": "additional_tools", "role": "developer", "tools": []});
    let user = json!({"role": "user", "content": "Hello"});
    for (path, name, items) in [
        ("/v1/responses", "input", json!([tools, user])),
        ("/v1/responses", "input", json!([user])),
        ("/v1/chat/completions", "messages", json!([tools, user])),
        ("/v1/chat/completions", "messages", json!([user])),
    ] {
        let request = http().post(format!("{}{path}", gateway.base)).bearer_auth(&gateway.token);
        let request = request.header("x-openai-internal-codex-responses-lite", "true");
        let request = request.json(&json!({"model": MODEL, name: items}));
        // The simulator refuses the header without the tools, and the tools without the header.
        let response = HttpResponse::of(request.send().await.expect("a response")).await;
        assert_eq!(response.status, 200, "{path} {items}: {}", response.text);
    }
}

#[tokio::test]
async fn a_disconnect_before_the_first_byte_ends_the_upstream_request() {
    let (provider, _home, gateway) = signed_in().await;
    provider.post_control("/settings", json!({"stream_deltas": 10_000, "stream_pause": "20ms"})).await;
    let request = http().post(format!("{}/v1/responses", gateway.base)).bearer_auth(&gateway.token);
    // Without `stream` the caller has received no byte yet.
    let request =
        request.json(&json!({"model": MODEL, "input": "Hello"})).timeout(std::time::Duration::from_millis(500));
    assert!(request.send().await.expect_err("a timeout").is_timeout());
    let is_abandoned = || async { (provider.get_control("/streams").await["abandoned"] == 1).then_some(()) };
    eventually("the stream to end at the provider", is_abandoned).await;
}

#[tokio::test]
async fn models_are_named_by_agent_by_account_or_alone() {
    let provider = Provider::approving();
    let home = Home::new(&provider).with("GOCLAW_AGENT__KEY", "my-agent").with("GOCLAW_AGENT__PROVIDER", MODEL);
    let gateway = home.start().await;
    gateway.sign_in().await;
    for model in ["my-agent", "gpt-5.5", "openai/gpt-5.5", MODEL] {
        let response = respond(&gateway, json!({"model": model, "input": "Hello"})).await;
        assert_eq!((response.status, response.header("openai-model")), (200, model), "{model}: {}", response.text);
    }
    for (model, status, code) in [
        ("suno/v5", 400, "no_models"),
        ("dashscope/qwen", 400, "unsupported_api"),
        ("no-such", 404, "model_not_found"),
        ("dashscope/", 400, "unsupported_api"),
        ("nobody/gpt-5.5", 404, "model_not_found"),
    ] {
        let response = respond(&gateway, json!({"model": model, "input": "Hello"})).await;
        assert_eq!(
            (response.status, &response.json()["error"]["code"]),
            (status, &json!(code)),
            "{model}: {}",
            response.text
        );
    }
    let models = gateway.get("/v1/models").await.json();
    let ids: Vec<&str> =
        models["data"].as_array().expect("models").iter().filter_map(|model| model["id"].as_str()).collect();
    assert!(ids.contains(&"my-agent") && ids.contains(&MODEL), "{ids:?}");
    assert!(
        models["data"]
            .as_array()
            .expect("models")
            .iter()
            .all(|model| model["object"] == "model" && model["created"].is_i64())
    );
}

#[tokio::test]
async fn an_outage_yields_the_configured_models_and_the_provider_s_list_is_cached() {
    let provider = Provider::approving();
    let home = Home::new(&provider).with("GOCLAW_PROVIDERS__OPENAI_CODEX__MODELS", "written-down");
    let gateway = home.start().await;
    assert_eq!(gateway.get("/v1/models").await.json()["data"], json!([]), "no account is connected");
    gateway.sign_in().await;
    provider.post_control("/outages", json!({"site": "backend", "down": true})).await;
    let ids = async || {
        let models = gateway.get("/v1/models").await.json();
        models["data"].as_array().expect("models").iter().map(|model| model["id"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(
        ids().await,
        [json!("written-down"), json!("openai-codex/written-down")],
        "the provider's list was never loaded"
    );
    provider.post_control("/outages", json!({"site": "backend", "down": false})).await;
    eventually("the provider's own list", || async { ids().await.contains(&json!(MODEL)).then_some(()) }).await;
    ids().await;
    let requests = provider.outcomes("/backend-api/codex/models").await;
    assert_eq!(requests.len(), 1, "{requests:?}");
}

#[tokio::test]
async fn concurrent_callers_share_one_model_list_request() {
    let (provider, _home, gateway) = signed_in().await;
    let lists = futures_util::future::join_all((0..20).map(|_| gateway.get("/v1/models"))).await;
    assert!(lists.iter().all(|list| list.status == 200 && list.json() == lists[0].json()));
    assert_eq!(provider.outcomes("/backend-api/codex/models").await.len(), 1);
}

#[tokio::test]
async fn errors_only_the_owner_can_fix_are_not_retryable() {
    let provider = Provider::approving();
    let home = Home::new(&provider);
    let gateway = home.start().await;
    let prompt = || json!({"model": MODEL, "input": "Hello"});
    let refusal_with = async |code: &str| {
        let response = respond(&gateway, prompt()).await;
        let error = response.json()["error"].clone();
        assert_eq!((response.status, &error["code"]), (400, &json!(code)), "{}", response.text);
        assert_eq!(response.header("x-should-retry"), "false");
        error["message"].as_str().expect("a sentence").to_owned()
    };
    assert!(refusal_with("not_connected").await.contains("goclaw auth login"));
    gateway.sign_in().await;
    let off = gateway.call(reqwest::Method::PATCH, "/v1/providers/openai-codex", Some(json!({"enabled": false}))).await;
    assert_eq!(off.status, 200, "{}", off.text);
    refusal_with("switched_off").await;
}

#[tokio::test]
async fn an_exhausted_plan_returns_its_reset_time_and_usage() {
    let (provider, home, gateway) = signed_in().await;
    provider.post_control("/settings", json!({"used_percent": 40})).await;
    let usage = gateway.get("/v1/auth/openai/usage").await;
    assert_eq!(usage.status, 200, "{}", usage.text);
    let usage = usage.json();
    assert_eq!((&usage["plan_type"], &usage["limit_reached"]), (&json!("plus"), &json!(false)), "{usage}");
    assert_eq!(
        (&usage["windows"][0]["used_percent"], &usage["windows"][0]["window_seconds"]),
        (&json!(40.0), &json!(18_000))
    );
    let status = home.run(&["auth", "status"]);
    assert!(status.stdout.contains("Plan used: 40% of 5 h (until "), "{}", status.stdout);
    // A request for the list of models uses nothing, so the known usage is not requested again.
    provider.post_control("/settings", json!({"used_percent": 41})).await;
    assert_eq!(gateway.get("/v1/models").await.status, 200);
    let known = gateway.get("/v1/auth/openai/usage").await.json();
    assert_eq!(known["windows"][0]["used_percent"], 40.0);

    provider.post_control("/settings", json!({"used_percent": 100})).await;
    let response = respond(&gateway, json!({"model": MODEL, "input": "Hello"})).await;
    let error = &response.json()["error"];
    assert_eq!((response.status, &error["code"]), (429, &json!("usage_limit_reached")), "{}", response.text);
    assert_eq!((&error["type"], &error["plan_type"]), (&json!("usage_limit_reached"), &json!("plus")));
    assert!(response.header("retry-after").parse::<u64>().is_ok_and(|seconds| seconds > 0));
    assert_eq!(response.header("x-should-retry"), "false");
    let usage = gateway.get("/v1/auth/openai/usage").await.json();
    assert_eq!(usage["limit_reached"], true, "the 429's headers report it: {usage}");
    let none = gateway.get("/v1/auth/suno/usage").await;
    assert_eq!((none.status, &none.json()["code"]), (404, &json!("no_usage")));
}

#[tokio::test]
async fn provider_errors_map_to_codes_and_only_a_401_refreshes() {
    let provider = Provider::approving();
    let home = Home::new(&provider).with("GOCLAW_REFRESH__BACKOFF_MIN", "1ms");
    let gateway = home.start().await;
    gateway.sign_in().await;
    for (fault, status, code) in [
        ("workspace_access_denied", 400, "codex_workspace_access_denied"),
        ("entitlement_missing", 400, "codex_entitlement_missing"),
        ("unsupported_country", 400, "unsupported_country_region_territory"),
        ("cloudflare_blocked", 400, "blocked_by_intermediary"),
        ("payment_required", 400, "payment_required"),
        ("usage_not_included", 400, "usage_not_included"),
        ("usage_limit_not_found", 429, "usage_limit_reached"),
        ("too_many_requests", 429, "rate_limit_exceeded"),
        ("server_is_overloaded", 503, "server_is_overloaded"),
        ("bad_gateway", 502, "provider_failed"),
    ] {
        provider.post_control("/faults", json!({"endpoint": "responses", "fault": fault})).await;
        let response = respond(&gateway, json!({"model": MODEL, "input": "Hello"})).await;
        assert_eq!(
            (response.status, &response.json()["error"]["code"]),
            (status, &json!(code)),
            "{fault}: {}",
            response.text
        );
    }
    assert_eq!(gateway.status().await["generation"], 0);
    provider.post_control("/faults", json!({"endpoint": "responses", "fault": "token_expired"})).await;
    let response = respond(&gateway, json!({"model": MODEL, "input": "Hello"})).await;
    assert_eq!((response.status, &gateway.status().await["generation"]), (200, &json!(1)), "{}", response.text);
}

#[tokio::test]
async fn a_websocket_upgrade_is_rejected() {
    let (_provider, _home, gateway) = signed_in().await;
    let program = gateway.post("/v1/tokens", json!({"name": "program"})).await.json();
    for token in [gateway.token.as_str(), program["token"].as_str().expect("a token")] {
        let upgrade = http().get(format!("{}/v1/responses", gateway.base)).bearer_auth(token);
        let upgrade = upgrade.header("connection", "upgrade").header("upgrade", "websocket").send().await;
        assert_eq!(upgrade.expect("a response").status(), StatusCode::UPGRADE_REQUIRED);
    }
    // Java's client offers an HTTP/2 upgrade with every request and continues without it.
    let offer = http().get(format!("{}/v1/models", gateway.base)).bearer_auth(&gateway.token);
    let offer = offer.header("connection", "upgrade, http2-settings").header("upgrade", "h2c").send().await;
    assert_eq!(offer.expect("a response").status(), 200);
}

#[tokio::test]
async fn a_broken_upstream_stream_is_reported_and_an_unusual_one_is_read() {
    let (provider, _home, gateway) = signed_in().await;
    let prompt = || json!({"model": MODEL, "input": "Hello"});
    for (script, status, code) in [
        ("eof", 502, "stream_ended_early"),
        ("garbage", 502, "invalid_upstream_response"),
        ("failed:context_length_exceeded", 400, "context_length_exceeded"),
        ("failed:rate_limit_exceeded", 429, "rate_limit_exceeded"),
        ("failed:server_is_overloaded", 503, "server_is_overloaded"),
        ("failed:usage_not_included", 400, "usage_not_included"),
    ] {
        provider.post_control("/scripts", json!({"script": script})).await;
        let response = respond(&gateway, prompt()).await;
        assert_eq!(
            (response.status, &response.json()["error"]["code"]),
            (status, &json!(code)),
            "{script}: {}",
            response.text
        );
    }
    for (script, status) in [
        ("incomplete", "incomplete"),
        ("listed_output", "completed"),
        ("crlf", "completed"),
        ("multibyte", "completed"),
        ("tiny_chunks", "completed"),
    ] {
        provider.post_control("/scripts", json!({"script": script})).await;
        let response = respond(&gateway, prompt()).await;
        assert_eq!((response.status, &response.json()["status"]), (200, &json!(status)), "{script}: {}", response.text);
        assert!(!text_of(&response.json()).is_empty(), "{script}: {}", response.text);
    }
}

/// The provider rejects a token that is too recent to be refreshed.
#[tokio::test]
async fn a_401_without_a_refresh_gets_a_response_on_every_route() {
    let (provider, _home, gateway) = signed_in().await;
    provider.post_control("/revoke-all", json!({})).await;
    let prompt = json!({"model": MODEL, "input": "Hello"});
    let chat = json!({"model": MODEL, "messages": [{"role": "user", "content": "Hello"}]});
    for response in [
        gateway.post("/v1/responses", prompt).await,
        gateway.post("/v1/chat/completions", chat).await,
        gateway.get("/v1/auth/openai/usage").await,
        gateway.get("/v1/proxy/openai/wham/usage").await,
    ] {
        assert!(
            [400, 401, 502].contains(&response.status) && !response.text.is_empty(),
            "{} {}",
            response.status,
            response.text
        );
    }
    let models = gateway.get("/v1/models").await;
    assert_eq!((models.status, &models.json()["object"]), (200, &json!("list")), "{}", models.text);
}

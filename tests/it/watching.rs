//! Tests of what an operator sees of a running gateway: access log, request records, usage and metrics.

use std::{fs::File, process::Stdio};

use http_message::Method;
use serde_json::{Value, json};

use crate::{
    models::signed_in,
    support::{
        command_output::KilledOnDrop,
        gateway::{Gateway, Home, HttpResponse, eventually, http},
        provider::Provider,
    },
};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

async fn create_program_token(gateway: &Gateway, name: &str, scope: &str) -> String {
    let created = gateway.post("/v1/tokens", json!({"name": name, "scope": scope})).await.json();
    created["token"].as_str().unwrap_or_else(|| panic!("{created}")).to_owned()
}

/// Sends a prompt with a request id and a trace context.
async fn ask(gateway: &Gateway, token: &str, stream: bool) -> HttpResponse {
    let body = json!({"model": "gpt-5.5", "input": "What is a secret?", "stream": stream, "store": false});
    let request = http().post(format!("{}/v1/responses", gateway.base)).bearer_auth(token).json(&body);
    let request =
        request.header("x-request-id", "turn-7").header("traceparent", format!("00-{TRACE}-b7ad6b7169203331-01"));
    HttpResponse::of(request.send().await.expect("a response")).await
}

/// Returns the newest records for a route, newest first.
async fn records(gateway: &Gateway, route: &str) -> Vec<Value> {
    let page = gateway.get("/v1/requests").await.json();
    let all = page["requests"].as_array().unwrap_or_else(|| panic!("{page}"));
    all.iter().filter(|record| record["route"] == route).cloned().collect()
}

/// Returns the value of a metric with these labels.
fn metric(text: &str, name: &str, labels: &[&str]) -> Option<f64> {
    let has_name = |line: &&str| line.split(['{', ' ']).next() == Some(name);
    let line = text.lines().filter(has_name).find(|line| labels.iter().all(|label| line.contains(label)))?;
    line.rsplit(' ').next()?.parse().ok()
}

#[tokio::test]
async fn a_request_is_recorded_with_its_program_model_and_tokens() {
    let provider = Provider::approving();
    let home = Home::new(&provider).with("GOCLAW_LOG__FORMAT", "json");
    let gateway = home.start().await;
    gateway.sign_in().await;
    let laptop = create_program_token(&gateway, "laptop", "models").await;
    for stream in [false, true] {
        let response = ask(&gateway, &laptop, stream).await;
        assert_eq!((response.status, response.header("x-request-id")), (200, "turn-7"));
    }
    let found = eventually("both records", || async {
        Some(records(&gateway, "/v1/responses").await).filter(|found| found.len() == 2)
    });
    for record in found.await {
        assert_eq!(record["program"], "laptop");
        assert_eq!((&record["provider"], &record["model"]), (&json!("openai-codex"), &json!("gpt-5.5")));
        assert_eq!((&record["status"], &record["end"]), (&json!(200), &json!("complete")));
        assert_eq!((&record["id"], &record["trace_id"]), (&json!("turn-7"), &json!(TRACE)));
        assert!(record["input_tokens"].as_u64() > Some(0) && record["output_tokens"].as_u64() > Some(0), "{record}");
        assert!(record["sent_bytes"].as_u64() > Some(0) && record["first_byte_ms"].is_u64(), "{record}");
    }
    let lines: Vec<Value> = gateway.log().lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let line = lines.iter().find(|line| line["route"] == "/v1/responses").expect("a line of the access log");
    assert_eq!((&line["program"], &line["status"], &line["trace.id"]), (&json!("laptop"), &json!(200), &json!(TRACE)));
    assert!(line["tokens.output"].as_u64() > Some(0), "{line}");
    assert!(!gateway.log().contains("What is a secret?"), "no prompt is logged");
    let usage = gateway.get("/v1/usage?days=2").await.json();
    let of_laptop = usage["usage"].as_array().expect("usage").iter().find(|sum| sum["program"] == "laptop");
    let of_laptop = of_laptop.unwrap_or_else(|| panic!("{usage}"));
    assert_eq!((&of_laptop["requests"], &of_laptop["failures"]), (&json!(2), &json!(0)), "{usage}");
}

#[tokio::test]
async fn rejected_requests_are_recorded_and_health_checks_are_not() {
    let home = Home::without_provider();
    let gateway = home.start().await;
    http().get(format!("{}/v1/secret-path", gateway.base)).send().await.expect("a response");
    let laptop = create_program_token(&gateway, "laptop", "models").await;
    gateway.call_as(&laptop, Method::GET, "/v1/audit", None).await;
    gateway.get("/v1/tokens?limit=0").await;
    gateway.get("/healthz").await;
    gateway.get("/v1/requests").await;
    gateway.get("/v1/requests?limit=0").await;
    let all = gateway.get("/v1/requests").await.json();
    let summaries: Vec<_> = all["requests"]
        .as_array()
        .expect("records")
        .iter()
        .rev()
        .map(|record| {
            (record["route"].as_str().unwrap_or_default(), record["status"].as_u64(), record["program"].as_str())
        })
        .collect();
    assert_eq!(
        summaries,
        [
            ("", Some(401), None),
            ("/v1/tokens", Some(200), Some("gateway token")),
            ("/v1/audit", Some(403), Some("laptop")),
            ("/v1/tokens", Some(400), Some("gateway token")),
            ("/v1/requests", Some(400), Some("gateway token"))
        ],
        "health checks, unknown paths and successful reads of the records are not recorded"
    );
    let malformed = http().get(format!("{}/healthz", gateway.base)).header("x-request-id", "two words").send().await;
    let generated = malformed.expect("a response").headers()["x-request-id"].to_str().expect("text").to_owned();
    assert!(generated.len() == 16 && generated != "two words", "{generated}");
}

#[tokio::test]
async fn an_unknown_method_is_recorded_as_other() {
    let home = Home::without_provider();
    let gateway = home.start().await;
    for number in 0..3 {
        let method = Method::from_bytes(format!("INVENTED{number}").as_bytes()).expect("a method");
        let refused = http().request(method, format!("{}/v1/audit", gateway.base)).send().await;
        assert_eq!(refused.expect("a response").status(), 401);
    }
    let recorded = records(&gateway, "/v1/audit").await;
    let methods: Vec<&Value> = recorded.iter().map(|record| &record["method"]).collect();
    assert_eq!(methods, ["OTHER"; 3]);
    let metrics = gateway.get("/metrics").await.text;
    let labels = ["route=\"/v1/audit\"", "method=\"OTHER\"", "code=\"401\""];
    assert_eq!(metric(&metrics, "goclaw_http_requests_total", &labels), Some(3.0), "{metrics}");
    assert!(!metrics.contains("INVENTED"), "{metrics}");
}

#[tokio::test]
async fn a_forwarded_response_of_known_length_is_recorded_as_complete() {
    let (_provider, _home, gateway) = signed_in().await;
    let models = "/v1/proxy/openai/codex/models?client_version=0.200.0";
    let list = gateway.get(models).await;
    assert!(list.status == 200 && list.headers.contains_key("content-length"), "{:?}", list.headers);
    let request = http().get(format!("{}{models}", gateway.base)).bearer_auth(&gateway.token);
    let unchanged = request.header("if-none-match", list.header("etag")).send().await.expect("a response");
    assert_eq!(unchanged.status(), 304);
    let found = eventually("both records", || async {
        Some(records(&gateway, "/v1/proxy/{provider}/{path}").await).filter(|found| found.len() == 2)
    });
    let ends: Vec<_> = found.await.iter().map(|record| (record["status"].clone(), record["end"].clone())).collect();
    assert_eq!(ends, [(json!(304), json!("complete")), (json!(200), json!("complete"))]);
}

#[tokio::test]
async fn records_survive_a_restart_only_if_they_are_kept() {
    for (keep, survive) in [("1d", true), ("0", false)] {
        let home = Home::without_provider().with("GOCLAW_REQUESTS__KEEP", keep);
        let gateway = home.start().await;
        gateway.get("/v1/audit").await;
        gateway.stop().await;
        let gateway = home.start().await;
        assert_eq!(records(&gateway, "/v1/audit").await.len(), usize::from(survive), "{keep}");
    }
}

#[tokio::test]
async fn metrics_require_their_scope_and_count_refreshes_requests_and_accounts() {
    let provider = Provider::approving();
    let home = Home::new(&provider);
    let gateway = home.start().await;
    gateway.sign_in().await;
    let (laptop, prometheus) = (
        create_program_token(&gateway, "laptop", "models").await,
        create_program_token(&gateway, "prometheus", "metrics:read").await,
    );
    ask(&gateway, &laptop, false).await;
    gateway.post("/v1/auth/openai/refresh", json!({})).await;
    let refused = gateway.call_as(&laptop, Method::GET, "/metrics", None).await;
    assert_eq!(refused.status, 403);
    let nothing_else = gateway.call_as(&prometheus, Method::GET, "/v1/requests", None).await;
    assert_eq!(nothing_else.status, 403);
    let metrics = gateway.call_as(&prometheus, Method::GET, "/metrics", None).await;
    assert_eq!(metrics.header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    let metrics = metrics.text;
    let value = |name: &str, labels: &[&str]| metric(&metrics, name, labels);
    assert_eq!(
        value("goclaw_oauth_refresh_presentations_total", &["provider=\"openai-codex\""]),
        Some(1.0),
        "{metrics}"
    );
    assert_eq!(value("goclaw_oauth_events_total", &["event=\"refreshed\""]), Some(1.0), "{metrics}");
    let requests = ["route=\"/v1/responses\"", "program=\"laptop\"", "account=\"openai-codex\"", "code=\"200\""];
    assert_eq!(value("goclaw_http_requests_total", &requests), Some(1.0), "{metrics}");
    assert!(value("goclaw_model_tokens_total", &["kind=\"output\"", "model=\"gpt-5.5\""]) > Some(0.0), "{metrics}");
    assert_eq!(value("goclaw_credential_state", &["state=\"active\"", "openai"]), Some(1.0), "{metrics}");
    assert!(value("goclaw_credential_access_expires_timestamp_seconds", &["openai-codex"]) > Some(1.7e9), "{metrics}");
    assert_eq!(value("goclaw_oauth_journal_entries", &[]), Some(0.0), "{metrics}");
    assert!(value("goclaw_db_query_duration_seconds_count", &[]) > Some(0.0), "{metrics}");
    assert!(value("process_resident_memory_bytes", &[]) > Some(0.0), "{metrics}");
}

#[tokio::test]
async fn a_new_gateway_has_the_series_that_alerts_compare_with() {
    let home = Home::without_provider();
    let gateway = home.start().await;
    let metrics = gateway.get("/metrics").await.text;
    for name in [
        "goclaw_panics_total",
        "goclaw_oauth_commit_retries_total",
        "goclaw_auth_failures_total",
        "goclaw_webhook_failures_total",
        "goclaw_db_errors_total",
    ] {
        assert_eq!(metric(&metrics, name, &[]), Some(0.0), "{name}: {metrics}");
    }
    // The reading sets this gauge, because the recorder drops gauges that have not changed for ten minutes.
    assert_eq!(metric(&metrics, "goclaw_http_requests_in_flight", &[]), Some(0.0), "{metrics}");
}

#[tokio::test]
async fn the_gauge_of_account_states_agrees_with_their_status() {
    let provider = Provider::approving();
    let home = Home::new(&provider);
    let gateway = home.start().await;
    gateway.sign_in().await;
    gateway.stop().await;
    let home = home.with("GOCLAW_PROVIDERS__OPENAI_CODEX__ENABLED", "false");
    // `settings = settings` leaves the row as it is.
    for (state, settings) in [("disabled", "settings"), ("unreadable", "'[]'")] {
        home.change_database(&format!("UPDATE llm_providers SET settings = {settings}"));
        let gateway = home.start().await;
        let metrics = gateway.get("/metrics").await.text;
        let labels = [&format!("state=\"{state}\""), "openai-codex"];
        assert_eq!(metric(&metrics, "goclaw_credential_state", &labels), Some(1.0), "{metrics}");
        assert_eq!(metric(&metrics, "goclaw_credential_access_expires_timestamp_seconds", &[]), None, "{metrics}");
        let status = gateway.get("/v1/auth/openai/status").await.json();
        assert_eq!(status["state"], state, "{status}");
        gateway.stop().await;
    }
}

#[tokio::test]
async fn the_command_line_lists_requests_and_usage() {
    let provider = Provider::approving();
    let home = Home::new(&provider);
    let gateway = home.start().await;
    gateway.get("/v1/audit").await;
    let listed = home.run(&["requests", "list"]);
    assert_eq!(listed.code, Some(0), "{}", listed.stderr);
    assert!(listed.stdout.contains("gateway token") && listed.stdout.contains("GET /v1/audit"), "{}", listed.stdout);
    let json: Value = serde_json::from_str(&home.run(&["requests", "list", "--json"]).stdout).expect("JSON");
    assert!(json["requests"].as_array().is_some_and(|all| !all.is_empty()), "{json}");
    assert_eq!(home.run(&["usage"]).stdout.trim(), "No program has used a model in this time.");
    gateway.sign_in().await;
    let laptop = create_program_token(&gateway, "laptop", "models").await;
    assert_eq!(ask(&gateway, &laptop, false).await.status, 200);
    let is_listed = |line: &str| ["laptop", "openai-codex", "gpt-5.5"].iter().all(|cell| line.contains(cell));
    let usage = || async { home.run(&["usage"]).stdout.lines().any(is_listed).then_some(()) };
    eventually("the usage of the program", usage).await;
}

#[tokio::test]
async fn requests_tail_prints_each_request_also_after_a_restart_of_the_gateway() {
    let home = Home::without_provider();
    let gateway = home.start().await;
    let _tail = KilledOnDrop(home.spawn(home.command(&["requests", "tail"]), "tail"));
    let count_lines = || home.printed("tail", "stdout").lines().count();
    let wait_for_line = async |gateway: &Gateway| {
        let before = count_lines();
        // The command prints no request from before its start, so the request is repeated.
        let printed = || async {
            gateway.get("/v1/audit").await;
            (count_lines() > before).then_some(())
        };
        eventually("the line of a request", printed).await;
    };
    wait_for_line(&gateway).await;
    gateway.stop().await;
    eventually("the outage to be noticed", || async {
        home.printed("tail", "stderr").contains("waiting for the gateway").then_some(())
    })
    .await;
    let gateway = home.start().await;
    wait_for_line(&gateway).await;
    // As in `goclaw requests tail | head -1`.
    let mut command = home.command(&["requests", "tail"]);
    let mut child = command.stdout(Stdio::piped()).spawn().expect("it runs");
    drop(child.stdout.take());
    let ended = || {
        let ended = child.try_wait().expect("a child");
        let request = gateway.get("/v1/audit");
        async move {
            request.await;
            ended
        }
    };
    assert!(eventually("the end of the command", ended).await.success());
}

/// The disk of the log may be full, or the program that reads it may have ended.
#[tokio::test]
async fn a_gateway_serves_although_its_log_cannot_be_written() {
    let home = Home::without_provider();
    let mut command = home.command(&[]);
    command.stderr(File::options().write(true).open("/dev/full").expect("/dev/full"));
    let gateway = home.wait_until_healthy(command.spawn().expect("it starts")).await;
    assert_eq!(gateway.get("/v1/providers").await.status, 200);
}

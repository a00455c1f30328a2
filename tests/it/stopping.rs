//! Tests of how a gateway stops: it waits for streams until `server.drain` has passed or a second signal arrives, and
//! then ends them with an error event, and other prompts with an error. A SIGHUP stops nothing.

use std::time::Duration;

use serde_json::json;

use crate::support::{
    gateway::{Gateway, Home, eventually, http, pause},
    provider::Provider,
};

/// Starts a provider whose next nine streams stop in the middle and stay open.
async fn hanging_provider() -> Provider {
    let provider = Provider::approving();
    let hangs = json!({"kind": "stream", "after": 2, "interruption": "hang"});
    provider.post_control("/faults", json!({"endpoint": "responses", "fault": hangs, "times": {"next": 9}})).await;
    provider
}

async fn begin_stream(gateway: &Gateway, path: &str) -> reqwest::Response {
    let mut body = json!({"model": "gpt-5.5", "stream": true});
    match path {
        "/v1/responses" => body["input"] = json!("Hi"),
        _ => body["messages"] = json!([{"role": "user", "content": "Hi"}]),
    }
    let request = http().post(format!("{}{path}", gateway.base)).bearer_auth(&gateway.token).json(&body);
    let response = request.send().await.expect("a response");
    assert_eq!(response.status(), 200);
    response
}

async fn read_rest(mut stream: reqwest::Response) -> String {
    let mut text = String::new();
    while let Ok(Some(piece)) = stream.chunk().await {
        text.push_str(&String::from_utf8_lossy(&piece));
    }
    text
}

#[tokio::test]
async fn a_stream_that_outlasts_the_drain_ends_with_an_error_event() {
    for path in ["/v1/responses", "/v1/chat/completions"] {
        let provider = hanging_provider().await;
        let home = Home::new(&provider).with("GOCLAW_SERVER__DRAIN", "100ms");
        let mut gateway = home.start().await;
        gateway.sign_in().await;
        let stream = begin_stream(&gateway, path).await;
        gateway.terminate();
        let text = read_rest(stream).await;
        assert!(text.contains("gateway_stopping") && text.contains("send the request again"), "{text}");
        assert!(gateway.ended().await.success());
    }
}

#[tokio::test]
async fn a_second_signal_ends_streams_at_once() {
    let provider = hanging_provider().await;
    let home = Home::new(&provider).with("GOCLAW_SERVER__DRAIN", "10m");
    let mut gateway = home.start().await;
    gateway.sign_in().await;
    let stream = begin_stream(&gateway, "/v1/responses").await;
    gateway.terminate();
    eventually("the stop to begin", || async { gateway.log().contains("a second signal ends them").then_some(()) })
        .await;
    pause(Duration::from_millis(100)).await;
    assert!(gateway.is_running(), "the gateway waits for the stream");
    gateway.terminate();
    assert!(read_rest(stream).await.contains("gateway_stopping"));
    assert!(gateway.ended().await.success());
}

#[tokio::test]
async fn a_prompt_without_a_stream_that_outlasts_the_drain_gets_an_error() {
    let provider = hanging_provider().await;
    let home = Home::new(&provider).with("GOCLAW_SERVER__DRAIN", "100ms");
    let mut gateway = home.start().await;
    gateway.sign_in().await;
    let prompt = gateway.post("/v1/responses", json!({"model": "gpt-5.5", "input": "Hi"}));
    let stop = async {
        let is_open = || async { (provider.get_control("/streams").await["open"] == 1).then_some(()) };
        eventually("the stream of the provider", is_open).await;
        gateway.terminate();
    };
    let (refused, ()) = tokio::join!(prompt, stop);
    assert_eq!(
        (refused.status, &refused.json()["error"]["code"]),
        (503, &json!("gateway_stopping")),
        "{}",
        refused.text
    );
    eventually("the access log", || async { gateway.log().contains("status=503").then_some(()) }).await;
    assert!(!gateway.log().contains("caller_left"), "{}", gateway.log());
    assert!(gateway.ended().await.success());
}

#[tokio::test]
async fn a_hangup_applies_the_log_filter_reports_other_changes_and_stops_nothing() {
    let home = Home::without_provider();
    let file = home.path().join("goclaw.toml");
    let webhook = |secret: &str| {
        // Base64 is valid in multiples of four characters.
        let secret = secret.repeat(12);
        format!("webhook.url = \"http://127.0.0.1:9/\"\nwebhook.secret = \"whsec_{secret}\"\n")
    };
    std::fs::write(&file, format!("log.filter = \"info\"\n{}", webhook("one"))).expect("a file");
    let home = home.with("GOCLAW_CONFIG", &file.display().to_string()).with("RUST_LOG", "other=loud");
    let mut gateway = home.start().await;
    let logs = |words: &'static str| {
        let log = gateway.log();
        async move { log.contains(words).then_some(()) }
    };
    // An invalid RUST_LOG is no error: it may be meant for another program. The setting applies.
    assert!(gateway.log().contains("RUST_LOG is not a valid filter"), "{}", gateway.log());
    let changed = format!("log.filter = \"info,access=off\"\nmodels.remember = \"1h\"\n{}", webhook("one"));
    std::fs::write(&file, changed).expect("a file");
    gateway.signal("HUP");
    eventually("the filter to be applied", || logs("log.filter was applied: info,access=off")).await;
    eventually("the other change to be logged", || logs("need a restart: models.remember")).await;
    std::fs::write(&file, format!("log.filter = \"info,access=off\"\n{}", webhook("other"))).expect("a file");
    for times in 1..=2 {
        gateway.signal("HUP");
        let reports = || gateway.log().matches("need a restart: webhook.secret").count();
        // Each SIGHUP reports the secret, because the restart is still due.
        eventually("the changed secret to be logged", || async { (reports() == times).then_some(()) }).await;
    }
    std::fs::write(&file, "log.nonsense = 1\n").expect("a file");
    gateway.signal("HUP");
    eventually("the error to be logged", || logs("the configuration is not valid and nothing was changed")).await;
    std::fs::write(&file, "log.filter =").expect("a file");
    gateway.signal("HUP");
    eventually("the place of the error to be logged", || logs("TOML parse error at line 1")).await;
    let access_lines = gateway.log().matches("route=").count();
    gateway.get("/v1/audit").await;
    assert_eq!(gateway.log().matches("route=").count(), access_lines, "the access log is off");
    assert!(gateway.is_running());
}

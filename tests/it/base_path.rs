//! Tests of the base path in `server.public_url`: a reverse proxy may keep or remove it, and it bypasses no check.

use reqwest::{Method, header::HOST};
use serde_json::json;

use crate::support::gateway::{Gateway, Home, HttpResponse, http};

const PUBLIC: &str = "https://gw.example:8443/team/goclaw";

async fn gateway() -> (Home, Gateway) {
    let home = Home::without_provider().with("GOCLAW_SERVER__PUBLIC_URL", PUBLIC);
    let gateway = home.start().await;
    (home, gateway)
}

/// Requests a path without a token and with this Host header.
async fn ask(gateway: &Gateway, path: &str, host: &str) -> HttpResponse {
    HttpResponse::of(http().get(format!("{}{path}", gateway.base)).header(HOST, host).send().await.expect("a response"))
        .await
}

#[tokio::test]
async fn a_request_may_have_the_base_path_or_not() {
    let (_home, gateway) = gateway().await;
    for base in ["", "/team/goclaw"] {
        let health = ask(&gateway, &format!("{base}/healthz"), "gw.example:8443").await;
        assert_eq!(health.status, 200, "{base}: {}", health.text);
        let page = ask(&gateway, &format!("{base}/"), "gw.example").await;
        assert!(page.text.contains("href=\"page/style.css\""), "{base}: {}", page.text);
        assert_eq!(ask(&gateway, &format!("{base}/page/app.js"), "gw.example").await.status, 200, "{base}");
        assert_eq!(gateway.get(&format!("{base}/v1/providers?limit=1")).await.status, 200, "{base}");
        let document = ask(&gateway, &format!("{base}/openapi.json"), "gw.example").await.json();
        assert_eq!(document["servers"], json!([{"url": PUBLIC}]), "{base}");
    }
    let bare = ask(&gateway, "/team/goclaw", "gw.example").await;
    assert_eq!((bare.status, bare.header("location")), (308, "/team/goclaw/"));
    let query = ask(&gateway, "/team/goclaw?theme=dark", "gw.example").await;
    assert_eq!(query.header("location"), "/team/goclaw/?theme=dark");
    assert_eq!(bare.header("x-content-type-options"), "nosniff");
}

#[tokio::test]
async fn only_the_whole_base_path_is_removed_and_only_once() {
    let (_home, gateway) = gateway().await;
    for path in [
        "/team/goclawx/healthz",
        "/team/goclaw/team/goclaw/healthz",
        "/team/healthz",
        "/goclaw/healthz",
        "/team%2Fgoclaw/healthz",
        "/Team/goclaw/healthz",
        "/team//goclaw/healthz",
        "//team/goclaw/healthz",
    ] {
        let response = gateway.call(Method::GET, path, None).await;
        assert_eq!(response.status, 404, "{path}: {}", response.text);
    }
}

#[tokio::test]
async fn the_base_path_bypasses_no_check() {
    let (_home, gateway) = gateway().await;
    let created = gateway.post("/team/goclaw/v1/tokens", json!({"name": "app", "scope": "models"})).await;
    assert_eq!(created.status, 200, "{}", created.text);
    let program = created.json()["token"].as_str().expect("a token").to_owned();
    for (path, status) in [
        ("/v1/providers", 403),
        ("/v1/tokens", 403),
        ("//v1/tokens", 404),
        ("/page/../v1/tokens", 403),
        ("/page/%2e%2e/v1/tokens", 403),
    ] {
        let plain = gateway.call_as(&program, Method::GET, path, None).await;
        let below = gateway.call_as(&program, Method::GET, &format!("/team/goclaw{path}"), None).await;
        assert_eq!((plain.status, below.status), (status, status), "{path}: {} {}", plain.text, below.text);
        assert_eq!(ask(&gateway, &format!("/team/goclaw{path}"), "gw.example").await.status, 401, "{path}");
    }
    assert_eq!(ask(&gateway, "/team/goclaw/v1/providers", "evil.example").await.status, 421);
}

#[tokio::test]
async fn links_have_the_public_address_unless_the_command_names_a_gateway() {
    let (home, gateway) = gateway().await;
    let link = home.run(&["open", "--no-browser"]).stdout;
    assert!(link.starts_with(&format!("{PUBLIC}/#link=goclaw_")), "{link}");
    let below = format!("{}/team/goclaw", gateway.base);
    let mut command = home.command(&["open", "--no-browser"]);
    command.env("GOCLAW_GATEWAY_URL", &below).env("GOCLAW_TOKEN", &gateway.token);
    let link = crate::support::gateway::CommandOutput::of(command).stdout;
    assert!(link.starts_with(&format!("{below}/#link=goclaw_")), "{link}");
}

//! Tests of page sessions, the change stream, and the isolation of the page from other origins.

use std::{collections::BTreeSet, time::Duration};

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    models::signed_in,
    replicas,
    support::{
        gateway::{Gateway, Home, HttpResponse, eventually, http, pause},
        postgres::Database,
        provider::Provider,
        wire::raw,
    },
};

async fn call(gateway: &Gateway, method: Method, path: &str, token: &str) -> HttpResponse {
    let request = http().request(method, format!("{}{path}", gateway.base)).bearer_auth(token);
    HttpResponse::of(request.send().await.expect("a response")).await
}

async fn start_session(gateway: &Gateway, token: &str) -> String {
    let begun = call(gateway, Method::POST, "/v1/session", token).await;
    assert_eq!(begun.status, 200, "{}", begun.text);
    begun.json()["token"].as_str().expect("a token").to_owned()
}

#[tokio::test]
async fn a_session_is_started_extended_and_ended() {
    let home = Home::without_provider();
    let gateway = home.start().await;
    let token = start_session(&gateway, &gateway.token).await;
    assert_eq!(call(&gateway, Method::GET, "/v1/providers", &token).await.status, 200);
    // 100 s of the session's 30 minutes are left. The next request extends it to 30 minutes again.
    home.change_database("UPDATE api_tokens SET expires_at = expires_at - 1700000");
    let refreshed = call(&gateway, Method::POST, "/v1/session", &token).await.json();
    assert!(refreshed.get("token").is_none(), "the token is returned once");
    let left =
        refreshed["expires_at"].as_i64().expect("a time") * 1_000 - home.number("SELECT created_at FROM api_tokens");
    assert!((1_790_000..=1_830_000).contains(&left), "{left}");
    // The session is not listed as a program's token. Its secret is neither stored nor logged.
    assert_eq!(gateway.get("/v1/tokens").await.json()["tokens"], json!([]));
    assert!(!home.text("SELECT id || digest FROM api_tokens").contains(&token) && !gateway.log().contains(&token));
    assert_eq!(call(&gateway, Method::DELETE, "/v1/session", &token).await.json(), json!({"status": "signed out"}));
    assert_eq!(call(&gateway, Method::GET, "/v1/providers", &token).await.status, 401);
    let own = call(&gateway, Method::DELETE, "/v1/session", &gateway.token).await;
    assert_eq!((own.status, &own.json()["code"]), (409, &json!("no_session")));
}

#[tokio::test]
async fn all_page_sessions_and_the_gateway_token_are_one_principal() {
    let provider = Provider::approving();
    let home = Home::new(&provider);
    let gateway = home.start().await;
    let (one, other) = (start_session(&gateway, &gateway.token).await, start_session(&gateway, &gateway.token).await);
    let post = async |token: &str, path: &str, body: Value| {
        let request = http().post(format!("{}/v1/auth/openai/{path}", gateway.base)).bearer_auth(token).json(&body);
        HttpResponse::of(request.send().await.expect("a response")).await
    };
    let started = post(&one, "start", json!({})).await.json();
    for token in [&other, &gateway.token] {
        assert_eq!(post(token, "start", json!({})).await.json()["login_id"], started["login_id"], "the same login");
    }
    let redirect_url = provider.redirect_for(started["auth_url"].as_str().expect("an address")).await;
    let pasted = post(&other, "callback", json!({"redirect_url": redirect_url})).await;
    assert_eq!((pasted.status, &pasted.json()["authenticated"]), (200, &json!(true)), "{}", pasted.text);
}

#[tokio::test]
async fn a_link_opens_one_session_and_nothing_else() {
    let home = Home::without_provider();
    let gateway = home.start().await;
    let output = home.run(&["open"]);
    assert_eq!(output.code, Some(0), "{}", output.stderr);
    let printed = output.stdout.trim().strip_prefix(&format!("{}/#link=", gateway.base)).expect("a link").to_owned();
    for link in [printed, link_of(&gateway, &gateway.token).await] {
        let elsewhere = call(&gateway, Method::GET, "/v1/providers", &link).await;
        assert_eq!((elsewhere.status, &elsewhere.json()["code"]), (403, &json!("insufficient_scope")));
        let token = start_session(&gateway, &link).await;
        assert_eq!(call(&gateway, Method::GET, "/v1/providers", &token).await.status, 200);
        assert_eq!(call(&gateway, Method::POST, "/v1/session", &link).await.status, 401);
    }
    assert!(!gateway.log().contains("#link="), "the start prints a link only to a terminal");
}

/// Returns the session of `token` in the list of sessions.
async fn own_entry(gateway: &Gateway, token: &str) -> Value {
    let listed = call(gateway, Method::GET, "/v1/sessions", token).await.json();
    let own = listed["sessions"].as_array().expect("sessions").iter().find(|session| session["is_own"] == true);
    own.unwrap_or_else(|| panic!("{listed}")).clone()
}

/// Returns whether the token of a session or a link is accepted. This spends a link.
async fn is_accepted(gateway: &Gateway, token: &str) -> bool {
    call(gateway, Method::POST, "/v1/session", token).await.status == 200
}

/// Returns a new link that belongs to `token`: the gateway token, or that of a session.
async fn link_of(gateway: &Gateway, token: &str) -> String {
    let made = call(gateway, Method::POST, "/v1/session/link", token).await.json();
    made["link"].as_str().unwrap_or_else(|| panic!("{made}")).to_owned()
}

#[tokio::test]
async fn links_and_sessions_opened_by_a_session_end_with_it() {
    let (provider, database) = (Provider::approving(), Database::create().await);
    for home in [Home::without_provider(), replicas::home(&provider, &database)] {
        let gateway = home.start().await;
        let (first, other) =
            (start_session(&gateway, &gateway.token).await, start_session(&gateway, &gateway.token).await);
        // A session that is opened in a later second would have a later end of its own.
        pause(Duration::from_millis(1_100)).await;
        let child = start_session(&gateway, &link_of(&gateway, &first).await).await;
        let grandchild = start_session(&gateway, &link_of(&gateway, &child).await).await;
        let unopened = link_of(&gateway, &grandchild).await;
        let [of_first, of_child] = [own_entry(&gateway, &first).await, own_entry(&gateway, &child).await];
        assert_eq!((&of_child["parent"], &of_child["ends_at"]), (&of_first["id"], &of_first["ends_at"]), "{of_child}");

        assert_eq!(call(&gateway, Method::DELETE, "/v1/session", &first).await.status, 200);
        for token in [&first, &child, &grandchild, &unopened] {
            assert!(!is_accepted(&gateway, token).await);
        }
        assert!(is_accepted(&gateway, &other).await, "other sessions are not ended");
    }
}

#[tokio::test]
async fn sessions_and_links_end_with_the_gateway_token() {
    let tokens = ["a-gateway-token-of-thirty-two-letters", "another-gateway-token-of-enough-letters"];
    let home = Home::without_provider().with("GOCLAW_SERVER__TOKEN", tokens[0]);
    let gateway = home.start().await;
    let (session, link) = (start_session(&gateway, tokens[0]).await, link_of(&gateway, tokens[0]).await);
    let made =
        http().post(format!("{}/v1/tokens", gateway.base)).bearer_auth(tokens[0]).json(&json!({"name": "editor"}));
    let program = HttpResponse::of(made.send().await.expect("a response")).await.json()["token"].clone();
    gateway.stop().await;
    let home = home.with("GOCLAW_SERVER__TOKEN", tokens[1]);
    let gateway = home.start().await;
    for token in [&session, &link] {
        assert!(!is_accepted(&gateway, token).await);
    }
    let program = program.as_str().expect("a token");
    assert_eq!(call(&gateway, Method::GET, "/v1/models", program).await.status, 200, "programs keep their tokens");
}

#[tokio::test]
async fn sessions_are_listed_and_ended_one_by_one_or_all_at_once() {
    let home = Home::without_provider();
    let gateway = home.start().await;
    let [first, second, third] = [
        start_session(&gateway, &gateway.token).await,
        start_session(&gateway, &gateway.token).await,
        link_of(&gateway, &gateway.token).await,
    ];
    let made = gateway.post("/v1/tokens", json!({"name": "editor"})).await.json();
    let program = made["token"].as_str().expect("a token");
    let listed = home.run(&["sessions", "list"]);
    assert_eq!(listed.stdout.lines().count(), 4, "{}{}", listed.stdout, listed.stderr);
    for hidden in [&first, &second, &third] {
        assert!(!listed.stdout.contains(hidden.as_str()));
    }
    let id = own_entry(&gateway, &first).await["id"].as_str().expect("an id").to_owned();
    assert_eq!(home.run(&["sessions", "end", &id]).code, Some(0));
    assert!(!is_accepted(&gateway, &first).await && is_accepted(&gateway, &second).await);
    let again = call(&gateway, Method::DELETE, &format!("/v1/sessions/{id}"), &gateway.token).await;
    assert_eq!((again.status, &again.json()["code"]), (404, &json!("unknown_session")));
    let program_id = made["id"].as_str().expect("an id");
    let wrong = call(&gateway, Method::DELETE, &format!("/v1/sessions/{program_id}"), &gateway.token).await;
    assert_eq!(wrong.status, 404, "a program's token is no session");

    let ended = call(&gateway, Method::DELETE, "/v1/sessions", &second).await;
    assert_eq!(ended.json(), json!({"ended": 2}));
    assert!(!is_accepted(&gateway, &second).await && !is_accepted(&gateway, &third).await);
    assert_eq!(call(&gateway, Method::GET, "/v1/models", program).await.status, 200);
    let ended = home.run(&["sessions", "end", "--all", "--tokens"]);
    assert_eq!((ended.code, ended.stdout.trim()), (Some(0), "Ended: 1."), "{}", ended.stderr);
    assert_eq!(call(&gateway, Method::GET, "/v1/models", program).await.status, 401);
    assert_eq!(home.run(&["sessions", "end"]).code, Some(2), "an id or --all is required");
}

#[tokio::test]
async fn a_link_opens_one_session_on_two_replicas() {
    let (provider, database) = (Provider::approving(), Database::create().await);
    let homes = [replicas::home(&provider, &database), replicas::home(&provider, &database)];
    let gateways = [homes[0].start().await, homes[1].start().await];
    let link = link_of(&gateways[0], &gateways[0].token).await;
    eventually("the other gateway to read the link", || async {
        // A slow poll: until the replica has the link, each request counts as a wrong token.
        pause(Duration::from_millis(200)).await;
        (call(&gateways[1], Method::GET, "/v1/providers", &link).await.status == 403).then_some(())
    })
    .await;
    let requests = (0..20).map(|number| call(&gateways[number % 2], Method::POST, "/v1/session", &link));
    let responses = join_all(requests).await;
    // RFC 9110 section 15.5.2 requires `WWW-Authenticate` with every 401.
    let has_challenge = |response: &HttpResponse| response.header("www-authenticate").starts_with("Bearer");
    assert!(responses.iter().filter(|response| response.status == 401).all(has_challenge));
    let statuses: Vec<u16> = responses.iter().map(|response| response.status).collect();
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
    assert_eq!(statuses.into_iter().collect::<BTreeSet<u16>>(), BTreeSet::from([200, 401]));
}

#[tokio::test]
async fn changes_are_streamed_until_the_session_ends() {
    let (_provider, home, gateway) = signed_in().await;
    let token = start_session(&gateway, &gateway.token).await;
    let request = http().get(format!("{}/v1/events", gateway.base)).bearer_auth(&token);
    let mut events = request.send().await.expect("a response");
    assert_eq!(events.headers()["content-type"], "text/event-stream");
    assert_eq!(events.headers()["x-accel-buffering"], "no");
    let ready = events.chunk().await.expect("a piece").expect("more to come");
    assert_eq!(ready, "event: ready\ndata: {}\n\n");
    let off = json!({"enabled": false});
    gateway.call(Method::PATCH, "/v1/providers/openai-codex", Some(off)).await;
    assert_eq!(events.chunk().await.expect("a piece").expect("more to come"), "event: change\ndata: {}\n\n");
    // A cancelled login is a change too.
    gateway.post("/v1/auth/openai/start", json!({"force": true})).await;
    gateway.post("/v1/auth/openai/cancel", json!({})).await;
    assert_eq!(events.chunk().await.expect("a piece").expect("more to come"), "event: change\ndata: {}\n\n");
    // `app/follow.rs` may report the login once more.
    while let Ok(Ok(Some(_))) = tokio::time::timeout(Duration::from_secs(1), events.chunk()).await {}
    call(&gateway, Method::DELETE, "/v1/session", &token).await;
    gateway.call(Method::PATCH, "/v1/providers/openai-codex", Some(json!({"enabled": true}))).await;
    while let Some(late) = events.chunk().await.expect("a piece") {
        assert_ne!(late, "event: change\ndata: {}\n\n", "an event after the session's end");
    }
    drop(home);
}

#[tokio::test]
async fn an_open_change_stream_does_not_block_the_shutdown() {
    let home = Home::without_provider();
    let mut gateway = home.start().await;
    let request = http().get(format!("{}/v1/events", gateway.base)).bearer_auth(&gateway.token);
    let mut events = request.send().await.expect("a response");
    events.chunk().await.expect("a piece").expect("more to come");
    gateway.terminate();
    assert!(gateway.ended().await.success());
    assert!(!gateway.log().contains("were cut off"), "{}", gateway.log());
}

#[tokio::test]
async fn the_page_is_public_and_cannot_be_framed() {
    let home = Home::without_provider();
    let gateway = home.start().await;
    for (path, content_type) in
        [("/", "text/html"), ("/page/style.css", "text/css"), ("/page/app.js", "text/javascript")]
    {
        let response =
            HttpResponse::of(http().get(format!("{}{path}", gateway.base)).send().await.expect("a response")).await;
        assert_eq!(response.status, 200, "{path}");
        assert!(response.header("content-type").starts_with(content_type), "{path}");
        let policy = response.header("content-security-policy");
        assert!(policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"), "{path}: {policy}");
        assert_eq!(response.header("x-content-type-options"), "nosniff", "{path}");
        assert!(!response.headers.contains_key("set-cookie"));
    }
    for (method, path, status, code) in [
        (Method::GET, "/page/none.js", 404, "not_found"),
        (Method::GET, "/page/", 404, "not_found"),
        (Method::POST, "/", 405, "method_not_allowed"),
        (Method::PUT, "/page/app.js", 405, "method_not_allowed"),
    ] {
        let request = http().request(method, format!("{}{path}", gateway.base));
        let response = HttpResponse::of(request.send().await.expect("a response")).await;
        assert_eq!((response.status, &response.json()["code"]), (status, &json!(code)), "{path}");
        assert_eq!(response.headers.get("allow").map(|allow| allow == "GET, HEAD"), (status == 405).then_some(true));
    }
}

#[tokio::test]
async fn a_request_for_another_host_is_rejected() {
    let home = Home::without_provider().with("GOCLAW_SERVER__ALLOWED_HOSTS", "gateway.example,10.0.0.7");
    let gateway = home.start().await;
    let address: std::net::SocketAddr =
        gateway.base.strip_prefix("http://").and_then(|at| at.parse().ok()).expect("an address");
    let status = async |path: &str, host: &str| {
        let token = &gateway.token;
        let head = format!("GET {path} HTTP/1.1\r\n{host}authorization: Bearer {token}\r\nconnection: close\r\n\r\n");
        raw(address, &head).await
    };
    for path in ["/", "/docs", "/openapi.json", "/v1/providers", "/v1/models", "/page/app.js", "/nothing"] {
        for host in ["host: evil.example\r\n", "host: 127.0.0.1.evil.example\r\n", "host: 10.0.0.8\r\n", ""] {
            let (status, text) = status(path, host).await;
            assert_eq!((status, text.contains("host_not_allowed")), (421, true), "{path} {host}: {text}");
        }
    }
    for host in ["localhost:1", "127.0.0.1", "[::1]:3577", "gateway.example", "GATEWAY.example:443", "10.0.0.7:80"] {
        assert_eq!(status("/v1/providers", &format!("host: {host}\r\n")).await.0, 200, "{host}");
    }
    assert_eq!(status("/healthz", "host: 10.1.2.3:3577\r\n").await.0, 200, "a probe may use any host name");
}

//! Tests of the callback listener: hostile web pages, wrong host names, outcome pages, and ports in use. Requests are
//! raw, because client libraries refuse to send some of them.

mod callback_window;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use base64::{Engine, engine::general_purpose::STANDARD};
use goclaw::{
    adapters::callback::LoopbackListener,
    domain::login_outcome::{LoginEnd, LoginOutcome},
    ports::{BindError, BoundCallback, CallbackAddress, CallbackEvent, CallbackListener, CallbackReply},
};
use serde_json::json;
use sha2::{Digest, Sha256};
use tokio::net::{TcpListener, TcpStream};

use crate::support::{
    gateway::{Gateway, Home, eventually, free_port},
    provider::Provider,
    wire::{location_in, raw},
};

const V4: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const V6: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);

/// A gateway with a pending, approved login.
struct ApprovedLogin {
    provider: Provider,
    home: Home,
    gateway: Gateway,
    /// The redirect address without its origin.
    redirect_target: String,
}

impl ApprovedLogin {
    async fn new() -> Self {
        let provider = Provider::approving();
        let home = Home::new(&provider);
        let gateway = home.start().await;
        let started = gateway.start_login().await;
        let redirect_url = provider.redirect_for(started["auth_url"].as_str().unwrap_or_default()).await;
        let origin = format!("http://localhost:{}", home.callback_port);
        let redirect_target = redirect_url.strip_prefix(&origin).unwrap_or_default().to_owned();
        Self { provider, home, gateway, redirect_target }
    }

    /// Sends a request head, with `PORT` replaced by the callback port.
    async fn send(&self, ip: IpAddr, head: &str) -> RawResponse {
        let port = self.home.callback_port;
        send_raw(ip, port, &head.replace("PORT", &port.to_string())).await
    }

    /// Sends a browser's navigation to `target`.
    async fn visit(&self, target: &str) -> RawResponse {
        self.send(V4, &format!("GET {target} HTTP/1.1\r\nHost: localhost:PORT\r\n\r\n")).await
    }

    /// Asserts that no code was sent and that the right callback completes the login.
    async fn assert_still_works(&self) {
        assert_eq!(self.provider.outcomes("/oauth/token").await, [""; 0], "a code left the gateway");
        assert_eq!(self.visit(&self.redirect_target).await.status, 303);
        assert_eq!(self.gateway.status().await["authenticated"], true);
    }
}

struct RawResponse {
    status: u16,
    /// Status line and headers in lower case.
    head: String,
    /// The value of the header `Location`.
    location: String,
    body: String,
}

async fn send_raw(ip: IpAddr, port: u16, request: &str) -> RawResponse {
    let (status, text) = raw((ip, port), request).await;
    assert_ne!(status, 0, "no valid response: {text}");
    let (head, body) = text.split_once("\r\n\r\n").expect("a head");
    RawResponse { status, head: head.to_lowercase(), location: location_in(head), body: body.to_owned() }
}

fn assert_safe(response: &RawResponse, context: &str) {
    for header in [
        "cache-control: no-store",
        "referrer-policy: no-referrer",
        "x-content-type-options: nosniff",
        "content-security-policy: default-src 'none';",
        "frame-ancestors 'none'",
        "connection: close",
    ] {
        assert!(response.head.contains(header), "{context}: no {header} in {}", response.head);
    }
    for never in ["access-control-", "set-cookie", "<script"] {
        assert!(!response.head.contains(never) && !response.body.contains(never), "{context}: {never}");
    }
}

#[tokio::test]
async fn only_loopback_names_with_the_right_port_are_served() {
    let login = ApprovedLogin::new().await;
    let target = &login.redirect_target;
    for hosts in [
        "Host: evil.example:PORT\r\n",
        "Host: localhost\r\n",
        "Host: localhost:1\r\n",
        "Host: localhost:PORT1\r\n",
        "Host: localhost.evil.example:PORT\r\n",
        "Host: 127.0.0.1.evil.example:PORT\r\n",
        "Host: user@localhost:PORT\r\n",
        "Host: 0.0.0.0:PORT\r\n",
        "Host: \r\n",
        "",
        "Host: localhost:PORT\r\nHost: localhost:PORT\r\n",
        "Host: localhost:PORT\r\nHost: evil.example:PORT\r\n",
    ] {
        let response = login.send(V4, &format!("GET {target} HTTP/1.1\r\n{hosts}\r\n")).await;
        assert_eq!(response.status, 421, "{hosts:?}");
        assert_safe(&response, hosts);
    }
    for host in ["localhost", "127.0.0.1", "[::1]"] {
        let request = format!("GET /auth/callback?state=wrong HTTP/1.1\r\nHost: {host}:PORT\r\n\r\n");
        assert_eq!(login.send(V4, &request).await.status, 400, "{host} was served");
    }
    // A proxy may route by the host in the target.
    let request = format!("GET http://evil.example:PORT{target} HTTP/1.1\r\nHost: localhost:PORT\r\n\r\n");
    assert_eq!(login.send(V4, &request).await.status, 421);
    login.assert_still_works().await;
}

#[tokio::test]
async fn only_navigations_are_accepted() {
    let login = ApprovedLogin::new().await;
    let send = async |fetch: &str, target: &str| {
        login.send(V4, &format!("GET {target} HTTP/1.1\r\nHost: localhost:PORT\r\n{fetch}\r\n")).await
    };
    for (mode, dest) in [
        ("no-cors", "image"),
        ("no-cors", "script"),
        ("cors", "empty"),
        ("same-origin", "empty"),
        ("navigate", "iframe"),
        ("navigate", "embed"),
        ("navigate", "object"),
        ("websocket", "websocket"),
        ("", "document"),
    ] {
        let fetch = format!("Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: {mode}\r\nSec-Fetch-Dest: {dest}\r\n");
        let response = send(&fetch, &login.redirect_target).await;
        assert_eq!(response.status, 403, "{mode} {dest}");
        assert_safe(&response, mode);
    }
    assert_eq!(send("Sec-Fetch-Dest: image\r\n", &login.redirect_target).await.status, 403);
    for prefetch in [
        "Sec-Purpose: prefetch",
        "Sec-Purpose: prefetch;prerender",
        "Purpose: prefetch",
        "X-Purpose: preview",
        "X-Moz: prefetch",
    ] {
        assert_eq!(send(&format!("{prefetch}\r\n"), &login.redirect_target).await.status, 403, "{prefetch}");
    }
    assert_eq!(login.provider.outcomes("/oauth/token").await, [""; 0], "a code left the gateway");
    // The headers of a navigation from the provider's page.
    let navigation = "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\n";
    let redirect = send(navigation, &login.redirect_target).await;
    assert_eq!(redirect.status, 303);
    assert_eq!(send(navigation, &redirect.location).await.status, 200);
}

#[tokio::test]
async fn other_paths_and_methods_are_rejected() {
    let login = ApprovedLogin::new().await;
    let query = login.redirect_target.split_once('?').unwrap().1;
    for path in
        ["/", "/auth", "/auth/callback/", "/auth/callback2", "/AUTH/CALLBACK", "//auth/callback", "/v1/providers"]
    {
        let response = login.visit(&format!("{path}?{query}")).await;
        assert_eq!(response.status, 404, "{path}");
        assert_safe(&response, path);
    }
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"] {
        let origin = "Origin: https://evil.example\r\nAccess-Control-Request-Method: GET\r\n";
        let head = format!(
            "{method} {} HTTP/1.1\r\nHost: localhost:PORT\r\n{origin}Content-Length: 0\r\n\r\n",
            login.redirect_target
        );
        let response = login.send(V4, &head).await;
        assert_eq!(response.status, 405, "{method}");
        assert_safe(&response, method);
    }
    login.assert_still_works().await;
}

#[tokio::test]
async fn two_hundred_wrong_states_do_not_end_the_login() {
    let login = ApprovedLogin::new().await;
    for guess in 0..200 {
        let response = login.visit(&format!("/auth/callback?code=c&state=guess-{guess}")).await;
        assert_eq!(response.status, 400);
        assert!(response.body.contains("This sign-in is not pending here"), "{}", response.body);
    }
    for query in ["", "?", "?code=c", "?state=", "?error=access_denied", "?state=a&state=b"] {
        assert_eq!(login.visit(&format!("/auth/callback{query}")).await.status, 400, "{query}");
    }
    let doubled = format!("{}&state=other", login.redirect_target);
    assert_eq!(login.visit(&doubled).await.status, 400, "a repeated parameter is refused");
    // More than a pasted address may have (8 KiB), and more than a request head may have (16 KiB).
    for length in [9_000, 100_000] {
        let response = login.visit(&format!("/auth/callback?state={}", "x".repeat(length))).await;
        assert!(response.status >= 400, "{length} bytes");
    }
    assert_eq!(login.gateway.status().await["authenticated"], false);
    login.assert_still_works().await;
}

#[tokio::test]
async fn the_code_leaves_the_address_bar_and_no_page_echoes_input() {
    let login = ApprovedLogin::new().await;
    let marked = "CANARYcanary%3Cscript%3Ealert(1)%3C%2Fscript%3E";
    for target in [
        format!("/auth/callback?code={marked}&state={marked}"),
        format!("/auth/callback?error={marked}&error_description={marked}&state={marked}"),
        format!("/auth/callback?{marked}={marked}"),
        format!("/{marked}?{marked}"),
        format!("/auth/done?{marked}"),
    ] {
        let response = login.visit(&target).await;
        assert!(matches!(response.status, 400 | 404), "{target}: {}", response.status);
        assert_safe(&response, &target);
        assert!(!response.head.contains("canary") && !response.body.to_lowercase().contains("canary"), "{target}");
    }

    let response = login.visit(&login.redirect_target).await;
    assert_eq!(response.status, 303);
    let (path, id) = response.location.split_once("?id=").expect("an id");
    assert_eq!((path, id.len()), ("/auth/done", 22), "{}", response.head);
    assert_safe(&response, "the redirect");
    // Others cannot see the outcome, which may have the e-mail address of the account.
    for guess in ["/auth/done", "/auth/done?id=", "/auth/done?id=AAAAAAAAAAAAAAAAAAAAAA"] {
        assert_eq!(login.visit(guess).await.status, 404, "{guess}");
    }
    let done = login.visit(&response.location).await;
    assert_eq!(done.status, 200);
    assert!(done.body.contains("<h1>Connected</h1>"), "{}", done.body);
    assert_safe(&done, "the page");
    for page in [response, done] {
        assert!(!page.head.contains("canary") && !page.body.contains("CANARY"), "the code is in {}", page.head);
    }
}

#[tokio::test]
async fn both_loopback_families_are_served() {
    for ip in [V4, V6] {
        let login = ApprovedLogin::new().await;
        let head = format!("GET {} HTTP/1.1\r\nHost: localhost:PORT\r\n\r\n", login.redirect_target);
        assert_eq!(login.send(ip, &head).await.status, 303, "{ip}");
        assert_eq!(login.gateway.status().await["authenticated"], true, "{ip}");
    }
}

#[tokio::test]
async fn a_denial_is_shown_and_a_reload_shows_it_again() {
    let login = ApprovedLogin::new().await;
    let state = login.redirect_target.split("state=").nth(1).unwrap();
    let denial = format!("/auth/callback?error=access_denied&state={state}");
    let redirect = login.visit(&denial).await;
    assert_eq!(redirect.status, 303);
    for _ in 0..2 {
        let page = login.visit(&redirect.location).await;
        assert!(page.body.contains("<h1>Not connected</h1>"), "{}", page.body);
    }
    let last = login.gateway.status().await["last_login"]["outcome"].clone();
    assert_eq!(last, json!("denied"));
    // The approved address no longer works, and its page shows the denial.
    let redirect = login.visit(&login.redirect_target).await;
    assert_eq!(redirect.status, 303);
    assert!(login.visit(&redirect.location).await.body.contains("<h1>Not connected</h1>"));
    assert_eq!(login.home.count_accounts_and_refresh_tokens(), (0, 0));
}

#[tokio::test]
async fn the_provider_s_error_is_shown_as_text_and_reaches_the_owner() {
    let long = "long ".repeat(1_600);
    for (error, description, shown, reasons) in [
        (
            "invalid_scope",
            "This client may not ask for 'api.connectors.read'",
            "(invalid_scope: This client may not ask for &#39;api.connectors.read&#39;)",
            ["(invalid_scope: This client may not ask for 'api.connectors.read')", "providers.openai-codex.scopes"],
        ),
        ("access_denied", "A workspace policy", "(access_denied: A workspace policy)", ["A workspace policy", "error"]),
        ("server_error", "<img src=x onerror=alert(1)>\u{202e}", "&lt;img src=x onerror=alert(1)&gt;)", ["<img", "x"]),
        ("server_error", long.as_str(), "(server_error: long ", ["server_error", "long"]),
    ] {
        let login = ApprovedLogin::new().await;
        let (_, state) = login.redirect_target.split_once("state=").expect("a state");
        let query = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("error", error)
            .append_pair("error_description", description)
            .finish()
            // The longer of the two encodings of a space.
            .replace('+', "%20");
        assert_eq!(login.visit(&format!("/auth/callback?{query}&state=other")).await.status, 400);
        assert!(login.gateway.status().await["pending"].is_object(), "a wrong state ended the login");

        let redirect = login.visit(&format!("/auth/callback?{query}&state={state}")).await;
        assert_eq!(redirect.status, 303);
        let page = login.visit(&redirect.location).await;
        assert_safe(&page, description);
        assert!(page.body.contains(shown), "{}", page.body);
        assert!(page.body.len() < 3_000 && !page.body.contains("You denied"), "{}", page.body);
        let status = login.gateway.status().await;
        let reason = status["last_login"]["reason"].as_str().expect("a reason");
        assert!(reasons.iter().all(|part| reason.contains(part)), "{reason}");
        assert_eq!(status["last_login"]["outcome"], "provider_error");
        assert_eq!(login.gateway.get("/v1/activity").await.json()["events"][0]["reason"], reason);
        assert!(login.gateway.log().contains(&description[..10]), "{}", login.gateway.log());
        let printed = login.home.run(&["auth", "status"]).stdout;
        assert!(printed.contains(&format!("Last sign-in: {reason}")), "{printed}");
        assert_eq!(login.provider.outcomes("/oauth/token").await, [""; 0]);
    }
}

/// Binds the port. Retries while it is in use: a process that another test forks holds a closed socket until its exec.
async fn bind_when_free(port: u16) -> Box<dyn BoundCallback> {
    let bind = || async {
        match LoopbackListener.bind(&CallbackAddress::Loopback { port }).await {
            Ok(bound) => Some(bound),
            Err(BindError::InUse { .. }) => None,
            Err(error) => panic!("{error}"),
        }
    };
    eventually("the port to be free", bind).await
}

#[tokio::test]
async fn a_port_held_on_either_family_is_named_and_nothing_stays_bound() {
    for ip in [V4, V6] {
        let other = TcpListener::bind((ip, 0)).await.unwrap();
        let port = other.local_addr().unwrap().port();
        let refused = LoopbackListener.bind(&CallbackAddress::Loopback { port }).await.err();
        let expected = SocketAddr::new(ip, port).to_string();
        assert!(matches!(refused, Some(BindError::InUse { held }) if held == expected));
        drop(other);
        let listener = bind_when_free(port).await;
        for ip in [V4, V6] {
            TcpStream::connect((ip, port)).await.unwrap_or_else(|error| panic!("{ip}: {error}"));
        }
        listener.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn closing_a_listener_frees_its_port() {
    let port = free_port();
    for _ in 0..100 {
        bind_when_free(port).await.close().await;
    }
}

#[tokio::test]
async fn the_policy_contains_the_hash_of_the_style() {
    let port = free_port();
    let _listener = bind_when_free(port).await;
    let (_, page) = raw((V4, port), &format!("GET / HTTP/1.1\r\nHost: localhost:{port}\r\n\r\n")).await;
    let style = page.split_once("<style>").and_then(|(_, rest)| rest.split_once("</style>")).expect("a style").0;
    let hash = STANDARD.encode(Sha256::digest(style));
    assert!(page.contains(&format!("'sha256-{hash}'")), "page.css has changed; its hash is sha256-{hash}");
}

/// Ends a login at the listener. Returns the response to its callback.
async fn end_login(listener: &mut Box<dyn BoundCallback>, port: u16, state: &str, outcome: LoginOutcome) -> String {
    let end = async {
        let CallbackEvent::Hit(hit) = listener.next_event().await else { panic!("no callback") };
        (hit.reply)(CallbackReply::Ended(LoginEnd::of(outcome)));
    };
    let callback = format!("GET /auth/callback?code=c&state={state} HTTP/1.1\r\nHost: localhost:{port}\r\n\r\n");
    tokio::join!(raw((V4, port), &callback), end).0.1
}

/// Fetches the outcome page to which the response to a callback leads.
async fn outcome_page(listener: &mut Box<dyn BoundCallback>, port: u16, redirect: &str) -> String {
    let done = format!("GET {} HTTP/1.1\r\nHost: localhost:{port}\r\n\r\n", location_in(redirect));
    tokio::join!(raw((V4, port), &done), listener.next_event()).0.1
}

#[tokio::test]
async fn each_outcome_page_shows_its_own_login() {
    let port = free_port();
    let mut listener = bind_when_free(port).await;
    let completed = end_login(&mut listener, port, "a", LoginOutcome::Completed).await;
    let denied = end_login(&mut listener, port, "b", LoginOutcome::Denied).await;
    for (redirect, heading) in [(completed, "<h1>Connected</h1>"), (denied, "<h1>Not connected</h1>")] {
        let page = outcome_page(&mut listener, port, &redirect).await;
        assert!(page.contains(heading), "{page}");
    }
}

#[tokio::test]
async fn only_completed_logins_show_connected() {
    let port = free_port();
    let mut listener = bind_when_free(port).await;
    for &outcome in LoginOutcome::ALL {
        let redirect = end_login(&mut listener, port, "s", outcome).await;
        let page = outcome_page(&mut listener, port, &redirect).await;
        assert_eq!(page.contains("<h1>Connected</h1>"), outcome == LoginOutcome::Completed, "{outcome:?}");
    }
}

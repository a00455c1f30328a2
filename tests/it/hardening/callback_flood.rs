//! Tests of floods of the callback port: the pending login survives, and its browser gets a response.

use std::{net::Ipv4Addr, time::Duration};

use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
    time::{sleep, timeout},
};

use super::{navigation, raw, start_and_approve_login, target_of};
use crate::support::{
    gateway::{Home, TEST_DEADLINE},
    provider::Provider,
};

/// More than the 64 concurrent connections of the listener.
const CROWD: usize = 100;
/// The gateway closes a silent connection after 5 s, and serves this crowd in two rounds.
const CALLBACK_DEADLINE: Duration = Duration::from_secs(20);

#[tokio::test]
async fn a_thousand_wrong_callbacks_do_not_end_the_login() {
    let provider = Provider::approving();
    let home = Home::new(&provider);
    let gateway = home.start().await;
    let target = target_of(&start_and_approve_login(&gateway, &provider).await);
    let callback = (Ipv4Addr::LOCALHOST, home.callback_port);
    for round in 0..20 {
        let mut visits = JoinSet::new();
        for number in 0..50 {
            let state = format!("guess-{round}-{number}");
            let query = match number % 5 {
                0 => format!("code=c&state={state}"),
                1 => format!("error=access_denied&state={state}"),
                2 => format!("error=access_denied&code=c&error_description=no&state={state}"),
                3 => "error=access_denied".to_owned(),
                _ => format!("code=c&state={state}&state={state}"),
            };
            let request = navigation(home.callback_port, &format!("/auth/callback?{query}"));
            visits.spawn(async move { raw(callback, &request).await.0 });
        }
        assert!(visits.join_all().await.iter().all(|status| *status == 400), "round {round}");
    }
    assert_eq!(provider.outcomes("/oauth/token").await, [""; 0], "a code left the gateway");
    assert_eq!(raw(callback, &navigation(home.callback_port, &target)).await.0, 303);
    assert_eq!(gateway.status().await["authenticated"], true);
}

/// The state is checked first, so an error with a wrong state cannot end a login.
#[tokio::test]
async fn an_error_with_a_wrong_state_changes_nothing() {
    let provider = Provider::approving();
    let home = Home::new(&provider);
    let gateway = home.start().await;
    let redirect_url = start_and_approve_login(&gateway, &provider).await;
    let (redirect_uri, state) = (redirect_url.split_once('?').unwrap().0, redirect_url.split_once("state=").unwrap().1);
    let pending = gateway.status().await["pending"].clone();
    let (_, first) = raw(
        (Ipv4Addr::LOCALHOST, home.callback_port),
        &navigation(home.callback_port, "/auth/callback?code=c&state=bad"),
    )
    .await;
    let body_of = |response: &str| response.split_once("\r\n\r\n").unwrap().1.to_owned();
    for query in [
        "error=access_denied&state=bad".to_owned(),
        "error=server_error&state=bad".to_owned(),
        format!("error=access_denied&state={}", &state[1..]),
        format!("error=access_denied&state={state}x"),
        format!("error=access_denied&state=bad&iss=https%3A%2F%2Fevil.example&code={state}"),
    ] {
        let request = navigation(home.callback_port, &format!("/auth/callback?{query}"));
        let (status, response) = raw((Ipv4Addr::LOCALHOST, home.callback_port), &request).await;
        assert_eq!((status, body_of(&response)), (400, body_of(&first)), "{query}");
        let body = json!({"redirect_url": format!("{redirect_uri}?{query}")});
        let pasted = gateway.post("/v1/auth/openai/callback", body).await;
        assert_eq!((pasted.status, &pasted.json()["code"]), (400, &json!("invalid_state")), "{query}");
        assert_eq!(gateway.status().await["pending"], pending, "{query}");
    }
    // The response to a wrong address with a wrong state does not mention the address.
    let elsewhere = "http://evil.example/?code=c&state=bad";
    let pasted = gateway.post("/v1/auth/openai/callback", json!({"redirect_url": elsewhere})).await;
    assert_eq!(pasted.json()["code"], "invalid_state");
    assert_eq!(gateway.post("/v1/auth/openai/callback", json!({"redirect_url": redirect_url})).await.status, 200);
}

/// Opens a connection that never completes its head.
async fn open_slow_connection(port: u16, number: usize) -> TcpStream {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.expect("a connection");
    let beginning = match number % 3 {
        0 => "",
        1 => "GET /auth/callback?code=c&state=s HTTP/1.1\r\nHost: localhost\r\nX-Slow: ",
        _ => "G",
    };
    stream.write_all(beginning.as_bytes()).await.expect("the bytes are sent");
    stream
}

#[tokio::test]
async fn silent_and_slow_connections_are_closed_and_the_callback_gets_through() {
    let provider = Provider::approving();
    let home = Home::new(&provider);
    let gateway = home.start().await;
    let target = target_of(&start_and_approve_login(&gateway, &provider).await);
    let port = home.callback_port;
    let mut crowd = JoinSet::new();
    for number in 0..CROWD {
        let mut stream = open_slow_connection(port, number).await;
        crowd.spawn(async move {
            let mut rest = Vec::new();
            // Single bytes would reset a per-read deadline.
            let (mut reader, mut writer) = stream.split();
            let drip = async {
                while number % 3 == 1 && writer.write_all(b"x").await.is_ok() {
                    #[expect(clippy::disallowed_methods, reason = "processes have no fake clock")]
                    sleep(Duration::from_millis(200)).await;
                }
                std::future::pending::<()>().await;
            };
            tokio::select! {
                _ = reader.read_to_end(&mut rest) => String::from_utf8_lossy(&rest).into_owned(),
                () = drip => unreachable!("the drip never ends"),
            }
        });
    }
    let request = navigation(port, &target);
    let response = timeout(CALLBACK_DEADLINE, raw((Ipv4Addr::LOCALHOST, port), &request)).await;
    assert_eq!(response.expect("the browser was locked out").0, 303);
    assert_eq!(gateway.status().await["authenticated"], true);
    let responses = timeout(TEST_DEADLINE, crowd.join_all()).await.expect("all slow connections are closed");
    assert!(responses.iter().all(|response| !response.starts_with("HTTP/1.1 2")), "an incomplete request was served");
}

#[tokio::test]
async fn an_oversized_head_is_rejected_and_the_login_stays_pending() {
    let provider = Provider::approving();
    let home = Home::new(&provider);
    let gateway = home.start().await;
    let target = target_of(&start_and_approve_login(&gateway, &provider).await);
    let (port, host) = (home.callback_port, format!("Host: localhost:{}\r\n", home.callback_port));
    // More than the 16 KiB or the 64 headers that a head may have.
    let many: String = (0..200).map(|number| format!("X-{number}: y\r\n")).collect();
    for request in [
        format!("GET {target}&x={} HTTP/1.1\r\n{host}\r\n", "y".repeat(17 * 1024)),
        format!("GET {target} HTTP/1.1\r\n{host}X-Large: {}\r\n\r\n", "y".repeat(17 * 1024)),
        format!("GET {target} HTTP/1.1\r\n{host}{many}\r\n"),
    ] {
        let (status, text) =
            timeout(TEST_DEADLINE, raw((Ipv4Addr::LOCALHOST, port), &request)).await.expect("the connection is closed");
        assert!(status == 0 || (400..500).contains(&status), "{text}");
    }
    assert_eq!(provider.outcomes("/oauth/token").await, [""; 0], "a code left the gateway");
    // The listener does not wait for a body.
    let with_body = format!("GET {target} HTTP/1.1\r\n{host}Content-Length: 1000000\r\n\r\n");
    assert_eq!(timeout(TEST_DEADLINE, raw((Ipv4Addr::LOCALHOST, port), &with_body)).await.expect("a response").0, 303);
    assert_eq!(gateway.status().await["authenticated"], true);
}

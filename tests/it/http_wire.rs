//! Tests of requests to a running gateway that only a raw socket can send or observe.

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::support::{
    gateway::{Gateway, Home, TEST_DEADLINE},
    wire::raw,
};

async fn connect(home: &Home) -> TcpStream {
    TcpStream::connect(("127.0.0.1", home.port)).await.expect("a connection")
}

/// Returns the head of a POST to a path that does not exist.
fn post(gateway: &Gateway, length: usize) -> String {
    format!(
        "POST /v1/moderations HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\n\
         Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n",
        gateway.token
    )
}

#[tokio::test]
async fn an_error_reaches_a_caller_that_is_still_sending_its_body() {
    const LENGTH: usize = 5 << 20;
    let home = Home::without_provider();
    let gateway = home.start().await;
    let request = [post(&gateway, LENGTH).into_bytes(), vec![b' '; LENGTH]].concat();
    for _ in 0..10 {
        let mut stream = connect(&home).await;
        let sent = timeout(TEST_DEADLINE, stream.write_all(&request)).await.expect("in time");
        sent.expect("the whole body is sent without a reset");
        let mut response = String::new();
        let read = timeout(TEST_DEADLINE, stream.read_to_string(&mut response)).await.expect("in time");
        read.expect("the whole response is read without a reset");
        assert!(response.starts_with("HTTP/1.1 404 ") && response.ends_with('}'), "{response}");
        let (head, _) = response.split_once("\r\n\r\n").expect("a head");
        let head = head.to_lowercase();
        assert!(head.contains("connection: close") && !head.contains("keep-alive:"), "{head}");
    }
}

#[tokio::test]
async fn a_short_unread_body_leaves_the_connection_open() {
    let home = Home::without_provider();
    let gateway = home.start().await;
    let request = post(&gateway, 2) + "{}";
    let mut stream = connect(&home).await;
    for _ in 0..2 {
        stream.write_all(request.as_bytes()).await.expect("the connection is open");
        let mut response = Vec::new();
        while !response.ends_with(b"}") {
            let read = timeout(TEST_DEADLINE, stream.read_buf(&mut response)).await.expect("in time");
            assert_ne!(read.expect("the connection is open"), 0, "{}", String::from_utf8_lossy(&response));
        }
        let response = String::from_utf8_lossy(&response).to_lowercase();
        assert!(response.starts_with("http/1.1 404 ") && response.contains("keep-alive: timeout="), "{response}");
    }
}

#[tokio::test]
async fn a_head_above_the_limit_is_refused_however_it_arrives() {
    const LIMIT: usize = 32 * 1024;
    let home = Home::without_provider();
    let _gateway = home.start().await;
    let status = async |length: usize| {
        let start = "GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nX-Padding: ";
        let end = "\r\n\r\n";
        let padding = "x".repeat(length - start.len() - end.len());
        raw(([127, 0, 0, 1], home.port), &format!("{start}{padding}{end}")).await.0
    };
    assert_eq!(status(LIMIT).await, 200);
    for length in (LIMIT + 1..2 * LIMIT).step_by(1024) {
        let status = status(length).await;
        // The connection closes with unread input, so the response may be lost.
        assert!([431, 0].contains(&status), "{length}: {status}");
    }
}

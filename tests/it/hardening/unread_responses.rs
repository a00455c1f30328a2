//! Tests of callers that fill the gateway: some pipeline requests on every connection and never read, others follow
//! many event streams. Health checks and other programs get through.

use std::{process::Command, time::Duration};

use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    time::timeout,
};

use crate::support::gateway::{Gateway, Home, eventually};

/// Open files of the gateway: 64 are reserved, and each connection may need another one to a provider.
const OPEN_FILES: usize = 160;
const MAX_CONNECTIONS: usize = (OPEN_FILES - 64) / 2;
/// Far below the 30 s after which a write without progress ends its connection.
const SOON: Duration = Duration::from_secs(5);

/// Starts a gateway that may open few files.
async fn start_with_few_files(home: &Home) -> Gateway {
    let command = home.command(&[]);
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("ulimit -n {OPEN_FILES} && exec \"$0\"")]).arg(command.get_program()).env_clear();
    shell.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?)))).current_dir(home.path());
    home.wait_until_healthy(home.spawn(shell, "gateway")).await
}

/// Sends 40 requests for a large public document, and reads nothing.
async fn connect_without_reading(home: &Home) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(2048).expect("a small buffer");
    let mut stream = socket.connect(([127, 0, 0, 1], home.port).into()).await.expect("a connection");
    let requests = format!("GET /openapi.json HTTP/1.1\r\nHost: localhost:{}\r\n\r\n", home.port).repeat(40);
    // The gateway may have closed this connection already, to make room for a newer one.
    let _ = stream.write_all(requests.as_bytes()).await;
    stream
}

#[tokio::test]
async fn callers_that_never_read_do_not_block_others() {
    let home = Home::without_provider();
    let gateway = start_with_few_files(&home).await;
    let mut attackers = Vec::new();
    for _ in 0..3 {
        for _ in 0..MAX_CONNECTIONS {
            attackers.push(connect_without_reading(&home).await);
        }
        let health = timeout(SOON, gateway.get("/healthz")).await.expect("the health check gets through");
        assert_eq!(health.status, 200);
        let models = timeout(SOON, gateway.get("/v1/models")).await.expect("a program gets through");
        assert_eq!(models.status, 200, "{}", models.text);
    }
}

/// Returns the token of a program that may follow the changes.
async fn create_token(gateway: &Gateway) -> String {
    let created = gateway.post("/v1/tokens", json!({"name": "follower", "scope": "status:read"})).await.json();
    created["token"].as_str().expect("a token").to_owned()
}

/// Requests the stream of changes. Returns the connection and the status.
async fn follow_changes(home: &Home, token: &str) -> (TcpStream, String) {
    let mut stream = TcpStream::connect(("127.0.0.1", home.port)).await.expect("a connection");
    let head = format!(
        "GET /v1/events HTTP/1.1\r\nHost: localhost:{}\r\nAuthorization: Bearer {token}\r\n\
         Connection: close\r\n\r\n",
        home.port
    );
    stream.write_all(head.as_bytes()).await.expect("the request is sent");
    let mut start = [0; 12];
    timeout(SOON, stream.read_exact(&mut start)).await.expect("a response in time").expect("a response");
    (stream, String::from_utf8_lossy(&start[9..]).into_owned())
}

#[tokio::test]
async fn event_streams_do_not_block_others() {
    let home = Home::without_provider();
    let gateway = start_with_few_files(&home).await;
    let token = create_token(&gateway).await;
    let mut streams = Vec::new();
    for _ in 0..MAX_CONNECTIONS {
        let (stream, status) = follow_changes(&home, &token).await;
        assert_eq!(status, "200");
        streams.push(stream);
    }
    for path in ["/healthz", "/v1/models"] {
        let response = timeout(SOON, gateway.get(path)).await.expect("the request gets through");
        assert_eq!(response.status, 200, "{path}: {}", response.text);
    }
}

#[tokio::test]
async fn a_program_has_a_limit_of_running_requests() {
    let home = Home::without_provider();
    let gateway = home.start().await;
    let token = create_token(&gateway).await;
    let mut streams = Vec::new();
    for _ in 0..256 {
        let (stream, status) = follow_changes(&home, &token).await;
        assert_eq!(status, "200");
        streams.push(stream);
    }
    let (mut refused, status) = follow_changes(&home, &token).await;
    assert_eq!(status, "429");
    let mut rest = String::new();
    timeout(SOON, refused.read_to_string(&mut rest)).await.expect("in time").expect("the rest of the response");
    let rest = rest.to_lowercase();
    assert!(rest.contains("retry-after: 1\r\n") && rest.contains("too_many_requests"), "{rest}");
    assert_eq!(gateway.get("/v1/providers").await.status, 200, "other callers are not affected");
    streams.pop();
    let is_free = || async { (follow_changes(&home, &token).await.1 == "200").then_some(()) };
    eventually("the place of the closed stream is free", is_free).await;
}

//! Sends raw requests and responses, because HTTP clients and servers would normalize them.

use std::net::SocketAddr;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::timeout,
};

use super::gateway::TEST_DEADLINE;

/// Sends `request` unchanged. Returns the status, or 0 without a valid response, and the whole response as text.
/// Panics if the server does not close the connection within [`TEST_DEADLINE`].
pub(crate) async fn raw(address: impl Into<SocketAddr>, request: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address.into()).await.expect("a connection");
    // The server may reject the request and close before it has read all of it.
    let _ = stream.write_all(request.as_bytes()).await;
    let mut bytes = Vec::new();
    // A reset counts as a close.
    let _ = timeout(TEST_DEADLINE, stream.read_to_end(&mut bytes)).await.expect("the server closes the connection");
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let status = text.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default();
    (status, text)
}

/// Responds to each request, which must have no body, with `response` unchanged, and closes the connection. Returns the
/// base URL, and the task of the server.
pub(crate) async fn raw_server(response: impl Into<Vec<u8>>) -> (String, JoinSet<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let base = format!("http://{}", listener.local_addr().expect("an address"));
    let response = response.into();
    let mut accepting = JoinSet::new();
    accepting.spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.expect("a connection");
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n")
                && let Ok(byte) = stream.read_u8().await
            {
                head.push(byte);
            }
            // The caller may have disconnected.
            let _ = stream.write_all(&response).await;
        }
    });
    (base, accepting)
}

/// Returns the header `Location` of a response, or an empty text.
pub(crate) fn location_in(response: &str) -> String {
    let head = response.lines().take_while(|line| !line.is_empty());
    let mut headers = head.filter_map(|line| line.split_once(": "));
    let location = headers.find(|(name, _)| name.eq_ignore_ascii_case("location"));
    location.map(|(_, value)| value.to_owned()).unwrap_or_default()
}

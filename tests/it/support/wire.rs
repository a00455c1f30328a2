//! Sends raw requests, because an HTTP client would normalize them.

use std::net::SocketAddr;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
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

/// Returns the header `Location` of a response, or an empty text.
pub(crate) fn location_in(response: &str) -> String {
    let head = response.lines().take_while(|line| !line.is_empty());
    let mut headers = head.filter_map(|line| line.split_once(": "));
    let location = headers.find(|(name, _)| name.eq_ignore_ascii_case("location"));
    location.map(|(_, value)| value.to_owned()).unwrap_or_default()
}

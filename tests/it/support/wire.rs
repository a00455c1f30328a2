//! A request to the byte, where a client would tidy it up first.

use std::net::SocketAddr;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// Sends a request as it is and returns status and text of the response; status 0 if it was none.
pub(crate) async fn raw(address: impl Into<SocketAddr>, request: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address.into()).await.expect("a connection");
    // What is refused may be answered before its end.
    let _ = stream.write_all(request.as_bytes()).await;
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes).await;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let status = text.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default();
    (status, text)
}

//! Tests of the HTTP server with TLS: callers that keep it waiting lose their connections, as they do without TLS.

use std::{path::Path, sync::Arc, time::Duration};

use goclaw::adapters::serving::{Ending, Limits, Listener, ServerCertificate, serve};
use poem::{Response, endpoint::make};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpSocket},
    time::timeout,
};
use tokio_rustls::{TlsConnector, client::TlsStream};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::support::gateway::{TEST_DEADLINE, eventually};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/support/tls");

/// Only `header_timeout` and `stall_timeout` can end a connection within a test.
const LIMITS: Limits = Limits {
    header_timeout: Duration::from_millis(300),
    idle_timeout: Duration::from_secs(2 * TEST_DEADLINE.as_secs()),
    stall_timeout: Duration::from_millis(300),
    body_timeout: TEST_DEADLINE,
    connections: 4,
    connections_per_peer: 4,
    header_bytes: 16 * 1024,
    drain: Duration::ZERO,
};

/// Serves a body of 16 KiB. Dropping the guard stops it.
async fn start_server(limits: Limits) -> (std::net::SocketAddr, DropGuard) {
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    let folder = Path::new(FOLDER);
    let certificate = ServerCertificate::read(&folder.join("server.pem"), &folder.join("server.key")).unwrap();
    let listener = Listener { socket, certificate: Some(Arc::new(certificate)) };
    let endpoint = make(|_| async { Ok::<_, poem::Error>(Response::builder().body(vec![b'x'; 16 * 1024])) });
    let stop = CancellationToken::new();
    let ending = Ending { stop: stop.clone(), ..Ending::default() };
    #[expect(clippy::disallowed_methods, reason = "the server ends with the guard")]
    tokio::spawn(serve(vec![listener], endpoint, limits, |_| true, ending));
    (address, stop.drop_guard())
}

/// Completes a TLS handshake as a caller with a small receive buffer.
async fn connect_tls(address: std::net::SocketAddr) -> TlsStream<tokio::net::TcpStream> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(Path::new(FOLDER).join("ca.pem")).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let connector = TlsConnector::from(Arc::new(config.with_root_certificates(roots).with_no_client_auth()));
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4 * 1024).unwrap();
    let stream = socket.connect(address).await.unwrap();
    connector.connect(ServerName::try_from("localhost").unwrap(), stream).await.unwrap()
}

#[tokio::test]
async fn a_handshake_without_a_request_times_out() {
    let (address, _stop) = start_server(LIMITS).await;
    let mut caller = connect_tls(address).await;
    // A connection that is closed without `close_notify` is a TLS error.
    let read = timeout(TEST_DEADLINE, caller.read(&mut [0])).await.expect("the connection is closed");
    assert!(read.is_err() || read.is_ok_and(|length| length == 0));
}

#[tokio::test]
async fn the_time_limit_of_a_first_head_starts_with_its_first_byte() {
    let limits = Limits { header_timeout: Duration::from_secs(2), ..LIMITS };
    let (address, _stop) = start_server(limits).await;
    // The two pauses together are longer than the timeout. A browser may connect long before it has a request.
    let mut caller = connect_tls(address).await;
    for part in ["GET / HTTP/1.1\r\n", "host: x\r\nconnection: close\r\n\r\n"] {
        let silence = timeout(limits.header_timeout * 3 / 5, caller.read(&mut [0])).await;
        assert!(silence.is_err(), "the connection stays open");
        caller.write_all(part.as_bytes()).await.unwrap();
    }
    let mut response = [0; 12];
    timeout(TEST_DEADLINE, caller.read_exact(&mut response)).await.expect("a response").unwrap();
    assert_eq!(&response, b"HTTP/1.1 200");
}

/// TLS buffers bytes that the socket does not accept, so the server's writes seem to succeed.
#[tokio::test]
async fn a_caller_that_does_not_read_loses_its_connection() {
    let (address, _stop) = start_server(LIMITS).await;
    let mut caller = connect_tls(address).await;
    // The responses are larger than all buffers on the way.
    let requests = "GET / HTTP/1.1\r\nhost: x\r\n\r\n".repeat(1_500);
    let _ = timeout(LIMITS.stall_timeout, caller.write_all(requests.as_bytes())).await;
    let (stream, _) = caller.get_ref();
    // The server does not read either. Writing a byte fails once the connection is closed.
    let is_closed = || async {
        let written = stream.try_write(b"x");
        written.is_err_and(|error| error.kind() != std::io::ErrorKind::WouldBlock).then_some(())
    };
    eventually("the connection to end", is_closed).await;
}

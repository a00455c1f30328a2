//! Tests of the upstream client over HTTP/1.1 with reused, closed, silent and broken connections.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use goclaw::{
    adapters::{
        system::SystemClock,
        upstream::{HttpUpstream, Timeouts},
    },
    domain::secret::AccessToken,
    ports::{BodyError, RequestBody, Upstream, UpstreamError, UpstreamRequest, UpstreamResponse},
};
use http_message::{HeaderMap, HeaderValue, Method, header};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::mpsc,
    task::JoinSet,
    time::timeout,
};

use crate::support::{
    fakes::within,
    gateway::pause,
    outbound::{account, outbound},
};

const HELLO: &str = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";
const CHUNKS: &str = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n";

/// A server with a custom handler for each connection.
struct Server {
    base: String,
    connections: Arc<AtomicUsize>,
    _accepting: JoinSet<()>,
}

impl Server {
    async fn start<F: Future<Output = ()> + Send + 'static>(handle: impl Fn(TcpStream) -> F + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let base = format!("http://{}", listener.local_addr().expect("an address"));
        let count = Arc::<AtomicUsize>::default();
        let counted = Arc::clone(&count);
        let mut accepting = JoinSet::new();
        accepting.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.expect("a connection");
                counted.fetch_add(1, Ordering::Relaxed);
                connections.spawn(handle(stream));
            }
        });
        Self { base, connections: count, _accepting: accepting }
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    fn request(&self, method: Method, body: RequestBody) -> UpstreamRequest {
        UpstreamRequest {
            account: account().clone(),
            method,
            url: format!("{}/path?query", self.base),
            headers: HeaderMap::new(),
            body,
        }
    }

    async fn ask(&self, upstream: &HttpUpstream, method: Method) -> Result<UpstreamResponse, UpstreamError> {
        let request = self.request(method, RequestBody::default());
        within(upstream.send(request, &AccessToken::new("token-1"))).await
    }
}

fn upstream() -> HttpUpstream {
    let _ = rustls::crypto::ring::default_provider().install_default();
    HttpUpstream::new(&outbound(), Timeouts::default(), Arc::new(SystemClock)).expect("a client")
}

/// Reads a request's head. Returns `None` at the end of the connection.
async fn read_head(stream: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n\r\n") {
        bytes.push(stream.read_u8().await.ok()?);
    }
    Some(String::from_utf8(bytes).expect("text").to_lowercase())
}

async fn read_text(response: UpstreamResponse) -> Result<String, UpstreamError> {
    let pieces: Vec<Bytes> = within(response.body.try_collect()).await?;
    Ok(String::from_utf8(pieces.concat()).expect("text"))
}

#[tokio::test]
async fn idle_connections_are_reused() {
    let server = Server::start(|mut stream| async move {
        while let Some(head) = read_head(&mut stream).await {
            let response = match head.split(' ').next() {
                Some("head") => "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n",
                Some("delete") => "HTTP/1.1 204 No Content\r\n\r\n",
                Some("put") => CHUNKS,
                _ => HELLO,
            };
            stream.write_all(response.as_bytes()).await.expect("a write");
        }
    });
    let (server, upstream) = (server.await, upstream());
    for (method, body) in [
        (Method::GET, "hello"),
        (Method::HEAD, ""),
        (Method::DELETE, ""),
        (Method::PUT, "hello"),
        (Method::GET, "hello"),
    ] {
        assert_eq!(read_text(server.ask(&upstream, method).await.expect("a response")).await.expect("a body"), body);
    }
    // A caller that counts the content length does not poll for the end of the body.
    for _ in 0..2 {
        let mut response = server.ask(&upstream, Method::GET).await.expect("a response");
        assert_eq!(response.body.next().await.expect("a piece").expect("bytes"), "hello");
    }
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn a_request_has_user_agent_and_host() {
    let (sender, mut receiver) = mpsc::channel(1);
    let server = Server::start(move |mut stream| {
        let sender = sender.clone();
        async move {
            sender.send(read_head(&mut stream).await.expect("a request")).await.expect("a listener");
            stream.write_all(HELLO.as_bytes()).await.expect("a write");
        }
    });
    let (server, upstream) = (server.await, upstream());
    server.ask(&upstream, Method::GET).await.expect("a response");
    let head = receiver.recv().await.expect("a head");
    let host = server.base.trim_start_matches("http://");
    assert!(head.starts_with("get /path?query http/1.1\r\n"), "{head}");
    for line in ["authorization: bearer token-1", &format!("host: {host}"), "accept: */*", "user-agent: goclaw/"] {
        assert!(head.contains(&format!("\r\n{line}")), "{line}: {head}");
    }
}

#[tokio::test]
async fn a_closed_idle_connection_does_not_fail_a_request() {
    let (sender, mut closed) = mpsc::channel(1);
    let server = Server::start(move |mut stream| {
        let sender = sender.clone();
        async move {
            read_head(&mut stream).await.expect("a request");
            stream.write_all(HELLO.as_bytes()).await.expect("a write");
            drop(stream);
            sender.send(()).await.expect("a listener");
        }
    });
    let (server, upstream) = (server.await, upstream());
    for requests in 1..=5 {
        let response = server.ask(&upstream, Method::POST).await.expect("a response");
        assert_eq!(read_text(response).await.expect("a body"), "hello");
        closed.recv().await.expect("the end");
        // On a busy machine, the close arrives a moment after it was sent.
        pause(Duration::from_millis(20)).await;
        assert_eq!(server.connections(), requests);
    }
}

#[tokio::test]
async fn a_request_on_a_new_connection_that_the_server_closes_is_not_retried() {
    let server = Server::start(|stream| async move { drop(stream) }).await;
    let lost = server.ask(&upstream(), Method::GET).await;
    assert!(matches!(lost, Err(UpstreamError::Lost(_))));
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn a_truncated_body_is_distinguished_from_a_complete_one() {
    for broken in ["HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhello", CHUNKS.trim_end_matches("0\r\n\r\n")] {
        let server = Server::start(move |mut stream| async move {
            read_head(&mut stream).await.expect("a request");
            stream.write_all(broken.as_bytes()).await.expect("a write");
        });
        let (server, upstream) = (server.await, upstream());
        let response = server.ask(&upstream, Method::GET).await.expect("a head");
        assert!(matches!(read_text(response).await, Err(UpstreamError::Lost(_))), "{broken}");
        assert!(server.ask(&upstream, Method::GET).await.is_ok());
        assert_eq!(server.connections(), 2);
    }
    let server = Server::start(|mut stream| async move {
        read_head(&mut stream).await.expect("a request");
        stream.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nhello").await.expect("a write");
    });
    let server = server.await;
    let response = server.ask(&upstream(), Method::GET).await.expect("a head");
    assert_eq!(read_text(response).await.expect("a body"), "hello");
}

#[tokio::test]
async fn a_disconnected_caller_ends_the_upstream_request() {
    let (sender, mut ended) = mpsc::channel(1);
    let server = Server::start(move |mut stream| {
        let sender = sender.clone();
        async move {
            let head = read_head(&mut stream).await.expect("a request");
            if head.starts_with("put") {
                stream.write_all(b"HTTP/1.1 200 OK\r\n\r\nhello").await.expect("a write");
            }
            // The caller sends nothing more, so this read ends when it disconnects.
            let _ = stream.read_u8().await;
            sender.send(()).await.expect("a listener");
        }
    });
    let (server, upstream) = (server.await, upstream());
    let unanswered = server.request(Method::GET, RequestBody::default());
    let token = AccessToken::new("token-1");
    assert!(timeout(Duration::from_millis(50), upstream.send(unanswered, &token)).await.is_err());
    within(ended.recv()).await.expect("the end");

    let mut response = server.ask(&upstream, Method::PUT).await.expect("a head");
    response.body.next().await.expect("a piece").expect("bytes");
    drop(response);
    within(ended.recv()).await.expect("the end");
}

#[tokio::test]
async fn silent_and_idle_connections_are_closed() {
    let (sender, mut ended) = mpsc::channel(1);
    let server = Server::start(move |mut stream| {
        let sender = sender.clone();
        async move {
            while let Some(head) = read_head(&mut stream).await {
                match head.split(' ').next() {
                    Some("get") => stream.write_all(HELLO.as_bytes()).await.expect("a write"),
                    Some("put") => stream.write_all(b"HTTP/1.1 200 OK\r\n\r\nhel").await.expect("a write"),
                    _ => {}
                }
            }
            sender.send(()).await.expect("a listener");
        }
    });
    let timeouts =
        Timeouts { silence: Duration::from_millis(300), idle_http1: Duration::from_millis(100), ..Timeouts::default() };
    let (server, upstream) =
        (server.await, HttpUpstream::new(&outbound(), timeouts, Arc::new(SystemClock)).expect("a client"));
    assert!(matches!(server.ask(&upstream, Method::POST).await, Err(UpstreamError::Silent)));
    within(ended.recv()).await.expect("the end of a silent connection");
    let mut response = server.ask(&upstream, Method::PUT).await.expect("a head");
    assert_eq!(response.body.next().await.expect("a piece").expect("bytes"), "hel");
    assert!(matches!(response.body.next().await, Some(Err(UpstreamError::Silent))));
    assert!(response.body.next().await.is_none());
    within(ended.recv()).await.expect("the end of a connection that falls silent in a body");
    read_text(server.ask(&upstream, Method::GET).await.expect("a response")).await.expect("a body");
    within(ended.recv()).await.expect("the end of an idle connection");
    assert_eq!(server.connections(), 3);
}

#[tokio::test]
async fn an_upload_is_streamed() {
    for length in [Some(10), None] {
        let (sender, mut receiver) = mpsc::channel(2);
        let server = Server::start(move |mut stream| {
            let sender = sender.clone();
            async move {
                let head = read_head(&mut stream).await.expect("a request");
                let framing = if length.is_some() { "content-length: 10" } else { "transfer-encoding: chunked" };
                assert!(head.contains(framing), "{head}");
                for part in ["hello", "world"] {
                    let mut seen = Vec::new();
                    while !String::from_utf8_lossy(&seen).contains(part) {
                        seen.push(stream.read_u8().await.expect("more"));
                    }
                    // The test does not receive the second notification.
                    let _ = sender.send(part).await;
                }
                stream.write_all(HELLO.as_bytes()).await.expect("a write");
            }
        });
        let (server, upstream) = (server.await, upstream());
        // The client sends the second part only after the first has arrived.
        let stream = Box::pin(stream::once(async { Ok(Bytes::from("hello")) }).chain(stream::once(async move {
            assert_eq!(receiver.recv().await, Some("hello"));
            Ok(Bytes::from("world"))
        })));
        let request = server.request(Method::POST, RequestBody::Streamed { length, stream });
        let response = within(upstream.send(request, &AccessToken::new("token-1"))).await.expect("a response");
        assert_eq!(read_text(response).await.expect("a body"), "hello");
    }
}

#[tokio::test]
async fn an_aborted_request_body_is_reported_as_the_caller_s_error() {
    let server = Server::start(|mut stream| async move {
        let _ = stream.read_to_end(&mut Vec::new()).await;
    });
    let server = server.await;
    let stream = Box::pin(stream::iter([Ok(Bytes::from("hello")), Err(BodyError::TooSlow)]));
    let mut request = server.request(Method::POST, RequestBody::Streamed { length: None, stream });
    request.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    let broken = within(upstream().send(request, &AccessToken::new("token-1"))).await;
    assert!(matches!(broken, Err(UpstreamError::Body(BodyError::TooSlow))));
}

//! Tests of the HTTP server: disconnects, timeouts, connection limits, framing, shutdown and panics.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::stream;
use goclaw::{
    adapters::{
        http::{Accepted, GatewayToken, Hosts, Origins, RequestIds, endpoint},
        serving::{Ending, Limits, serve},
        system::SystemRandom,
    },
    domain::networks::TrustedProxies,
};
use poem::{Body, Endpoint, Request, Response, Route, endpoint::make, get, http::StatusCode};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::Notify,
    time::timeout,
};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::support::{
    fakes::TestGateway,
    gateway::{TEST_DEADLINE, eventually},
    log::CapturedLog,
};

const LIMITS: Limits = Limits {
    header_timeout: Duration::from_millis(300),
    idle_timeout: Duration::from_secs(3),
    stall_timeout: Duration::from_millis(300),
    body_timeout: Duration::from_millis(900),
    connections: 4,
    connections_per_peer: 2,
    header_bytes: 16 * 1024,
    drain: Duration::from_millis(500),
};

/// Serves `endpoint`. Dropping the guard stops the server, and the handle completes when it has stopped.
async fn start_server(
    endpoint: impl Endpoint<Output = Response> + 'static,
) -> (std::net::SocketAddr, DropGuard, tokio::task::JoinHandle<()>) {
    start_server_with(LIMITS, true, endpoint).await
}

async fn start_server_with(
    limits: Limits,
    callers_share_address: bool,
    endpoint: impl Endpoint<Output = Response> + 'static,
) -> (std::net::SocketAddr, DropGuard, tokio::task::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = CancellationToken::new();
    let ending = Ending { stop: stop.clone(), ..Ending::default() };
    #[expect(clippy::disallowed_methods, reason = "the test waits for the server")]
    let handle = tokio::spawn(serve(vec![listener.into()], endpoint, limits, move |_| callers_share_address, ending));
    (address, stop.drop_guard(), handle)
}

/// Notifies when it is dropped.
struct NotifyOnDrop(Arc<Notify>);

impl Drop for NotifyOnDrop {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

async fn send(address: std::net::SocketAddr, text: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(text.as_bytes()).await.unwrap();
    stream
}

/// Reads until the server closes; panics after [`TEST_DEADLINE`].
async fn read_to_close(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    // A reset counts as a close.
    let _ = timeout(TEST_DEADLINE, stream.read_to_end(&mut bytes)).await.expect("the connection is closed");
    String::from_utf8_lossy(&bytes).into_owned()
}

#[tokio::test]
async fn a_disconnected_caller_cancels_its_request() {
    let (started, dropped) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (begun, gone) = (Arc::clone(&started), Arc::clone(&dropped));
    let endpoint = make(move |_| {
        let (begun, guard) = (Arc::clone(&begun), NotifyOnDrop(Arc::clone(&gone)));
        async move {
            begun.notify_one();
            std::future::pending::<()>().await;
            drop(guard);
            Ok::<_, poem::Error>(Response::default())
        }
    });
    let (address, _stop, _handle) = start_server(endpoint).await;
    let caller = send(address, "GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
    timeout(TEST_DEADLINE, started.notified()).await.expect("the handler starts");
    drop(caller);
    timeout(TEST_DEADLINE, dropped.notified()).await.expect("the handler is dropped with its caller");
}

#[tokio::test]
async fn a_missing_head_times_out() {
    let (address, _stop, _handle) = start_server(make(|_| async { Ok::<_, poem::Error>(Response::default()) })).await;
    for beginning in ["", "GET / HTTP/1.1\r\nhost: x\r\n"] {
        let response = read_to_close(&mut send(address, beginning).await).await;
        assert!(!response.starts_with("HTTP/1.1 200"), "{response}");
    }
}

#[tokio::test]
async fn an_idle_connection_is_not_closed_at_the_header_timeout() {
    const GET: &str = "GET / HTTP/1.1\r\nhost: x\r\n";
    let (address, _stop, _handle) = start_server(make(|_| async { Ok::<_, poem::Error>(Response::default()) })).await;
    let mut caller = send(address, &format!("{GET}\r\n")).await;
    let read = async |caller: &mut TcpStream| {
        let mut buffer = [0; 1024];
        // A connection that is closed while it has input is reset.
        let length = timeout(TEST_DEADLINE, caller.read(&mut buffer)).await.expect("in time").unwrap_or_default();
        String::from_utf8_lossy(&buffer[..length]).into_owned()
    };
    let first = read(&mut caller).await;
    assert!(first.to_lowercase().contains("keep-alive: timeout=3\r\n"), "{first}");
    let silence = timeout(2 * LIMITS.header_timeout, caller.readable()).await;
    assert!(silence.is_err(), "the idle connection stays open past the header timeout");
    // The second head has its own deadline, even if it arrives byte by byte.
    let slow_head = async {
        caller.write_all(GET.as_bytes()).await.unwrap();
        while timeout(LIMITS.header_timeout / 3, caller.readable()).await.is_err() {
            let _ = caller.write_all(b"x").await;
        }
    };
    timeout(LIMITS.idle_timeout / 2, slow_head).await.expect("the unfinished head times out");
    assert_eq!(read(&mut caller).await, "");
    let mut idle = send(address, &format!("{GET}\r\n")).await;
    assert!(read(&mut idle).await.starts_with("HTTP/1.1 200"));
    let announced = timeout(LIMITS.idle_timeout, idle.readable()).await;
    assert!(announced.is_err(), "the connection stays open for the announced time");
    assert_eq!(read(&mut idle).await, "", "an idle connection is closed");
}

#[tokio::test]
async fn idle_connections_do_not_block_others() {
    let (address, _stop, _handle) = start_server(make(|_| async { Ok::<_, poem::Error>(Response::default()) })).await;
    let mut idle = Vec::new();
    for _ in 0..LIMITS.connections {
        idle.push(TcpStream::connect(address).await.unwrap());
    }
    let mut caller = send(address, "GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
    assert!(read_to_close(&mut caller).await.starts_with("HTTP/1.1 200"));
}

/// Limits under which only a full listener ends a connection within a test.
const PATIENT: Limits =
    Limits { header_timeout: TEST_DEADLINE, stall_timeout: TEST_DEADLINE, body_timeout: TEST_DEADLINE, ..LIMITS };
const PROBE: &str = "GET /probe HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";

/// Responds to `/endless` without end, to `/quiet` after a signal, and to other paths at once.
fn three_routes(quiet: &Arc<Notify>, dropped: &Arc<Notify>) -> impl Endpoint<Output = Response> + 'static {
    let (quiet, dropped) = (Arc::clone(quiet), Arc::clone(dropped));
    make(move |request: Request| {
        let (quiet, guard) = (Arc::clone(&quiet), NotifyOnDrop(Arc::clone(&dropped)));
        async move {
            let path = request.uri().path().to_owned();
            if path == "/quiet" {
                quiet.notified().await;
            }
            let chunk = move |()| {
                let _guard = &guard;
                Some((Ok::<_, std::io::Error>(Bytes::from_static(&[b'x'; 64 * 1024])), ()))
            };
            let endless = || Body::from_bytes_stream(stream::unfold((), move |()| std::future::ready(chunk(()))));
            Ok::<_, poem::Error>(Response::builder().body(if path == "/endless" { endless() } else { "ok".into() }))
        }
    })
}

#[tokio::test]
async fn a_caller_that_does_not_read_loses_its_connection() {
    let (quiet, dropped) = (Arc::default(), Arc::default());
    let (address, _stop, _handle) = start_server(three_routes(&quiet, &dropped)).await;
    let _caller = send(address, "GET /endless HTTP/1.1\r\nhost: x\r\n\r\n").await;
    timeout(TEST_DEADLINE, dropped.notified()).await.expect("the response is dropped with its connection");
}

#[tokio::test]
async fn a_full_listener_closes_only_connections_that_keep_it_waiting() {
    let (quiet, dropped) = (Arc::default(), Arc::default());
    let (address, _stop, _handle) = start_server_with(PATIENT, true, three_routes(&quiet, &dropped)).await;
    let mut waiting = send(address, "GET /quiet HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
    let mut blocking = Vec::new();
    for request in
        ["GET /endless HTTP/1.1\r\nhost: x\r\n\r\n", "GET / HT", "", "POST / HTTP/1.1\r\ncontent-length: 9\r\n\r\n"]
    {
        for _ in 0..3 {
            blocking.push(send(address, request).await);
            tokio::task::yield_now().await;
        }
        let response = read_to_close(&mut send(address, PROBE).await).await;
        assert!(response.starts_with("HTTP/1.1 200"), "{request}: {response}");
    }
    quiet.notify_one();
    assert!(read_to_close(&mut waiting).await.starts_with("HTTP/1.1 200"), "a running request is not ended");
}

#[tokio::test]
async fn one_address_is_limited_to_a_share_of_the_connections() {
    let (quiet, dropped) = (Arc::default(), Arc::default());
    let (address, _stop, _handle) = start_server_with(PATIENT, false, three_routes(&quiet, &dropped)).await;
    let mut idle = [send(address, "").await, send(address, "").await];
    assert!(read_to_close(&mut send(address, PROBE).await).await.starts_with("HTTP/1.1 200"));
    assert_eq!(read_to_close(&mut idle[0]).await, "", "the connection that has been idle longest is closed");
}

#[tokio::test]
async fn a_body_without_progress_times_out() {
    let endpoint = make(|request: Request| async move {
        let read = request.into_body().into_bytes().await;
        Ok::<_, poem::Error>(
            Response::builder()
                .status(if read.is_ok() { StatusCode::OK } else { StatusCode::REQUEST_TIMEOUT })
                .finish(),
        )
    });
    let (address, _stop, _handle) = start_server(endpoint).await;
    let response =
        read_to_close(&mut send(address, "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\nhalf").await).await;
    assert!(response.starts_with("HTTP/1.1 408"), "{response}");
}

#[tokio::test]
async fn a_body_that_trickles_in_times_out_at_its_deadline() {
    let endpoint = make(|request: Request| async move {
        let read = request.into_body().into_bytes().await;
        Ok::<_, poem::Error>(if read.is_ok() { StatusCode::OK } else { StatusCode::REQUEST_TIMEOUT }.into())
    });
    let (address, _stop, _handle) = start_server(endpoint).await;
    let mut caller = send(address, "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n").await;
    let mut start = [0; 12];
    loop {
        // Well below the stall timeout.
        match timeout(LIMITS.stall_timeout / 6, caller.read_exact(&mut start)).await {
            Ok(read) => {
                read.expect("a response");
                break;
            }
            Err(_none_yet) => caller.write_all(b"x").await.expect("the connection is open"),
        }
    }
    assert_eq!(&start, b"HTTP/1.1 408");
}

#[tokio::test]
async fn a_shutdown_completes_requests_and_accepts_no_new_ones() {
    let (started, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (begun, wait) = (Arc::clone(&started), Arc::clone(&go));
    let endpoint = make(move |_| {
        let (begun, wait) = (Arc::clone(&begun), Arc::clone(&wait));
        async move {
            begun.notify_one();
            wait.notified().await;
            Ok::<_, poem::Error>(Response::builder().body("finished"))
        }
    });
    let (address, stop, handle) = start_server(endpoint).await;
    let mut caller = send(address, "GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
    timeout(TEST_DEADLINE, started.notified()).await.expect("the request starts");
    drop(stop);
    eventually("the listener to close", || async { TcpStream::connect(address).await.is_err().then_some(()) }).await;
    go.notify_one();
    assert!(read_to_close(&mut caller).await.ends_with("finished"));
    timeout(TEST_DEADLINE, handle).await.expect("the server stops").unwrap();
}

#[tokio::test]
async fn a_request_that_never_ends_does_not_block_the_shutdown() {
    let endpoint = make(|_| async {
        std::future::pending::<()>().await;
        Ok::<_, poem::Error>(Response::default())
    });
    let (address, stop, handle) = start_server(endpoint).await;
    let _caller = send(address, "GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
    let _half = send(address, "GET / HT").await;
    drop(stop);
    timeout(TEST_DEADLINE, handle).await.expect("the server stops").unwrap();
}

#[tokio::test]
async fn several_listeners_are_served() {
    let listeners =
        vec![TcpListener::bind("127.0.0.1:0").await.unwrap(), TcpListener::bind("127.0.0.1:0").await.unwrap()];
    let addresses: Vec<_> = listeners.iter().map(|listener| listener.local_addr().unwrap()).collect();
    let endpoint = Route::new().at("/", get(make(|_| async { Ok::<_, poem::Error>(Response::default()) })));
    let listeners = listeners.into_iter().map(Into::into).collect();
    #[expect(clippy::disallowed_methods, reason = "the server ends with the test's runtime")]
    tokio::spawn(serve(listeners, endpoint, LIMITS, |_| true, Ending::default()));
    for address in addresses {
        let mut caller = send(address, "GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
        assert!(read_to_close(&mut caller).await.starts_with("HTTP/1.1 200"));
    }
}

#[tokio::test]
async fn a_panic_is_a_500_with_the_request_id_and_a_log_line() {
    let log = CapturedLog::start();
    let gateway = TestGateway::open().await;
    let page = make(|_| async { panic!("on purpose") as poem::Result<Response> });
    let hosts = Hosts::new([127, 0, 0, 1].into(), &[]);
    let token = GatewayToken::new(&"token".into());
    let ids = RequestIds::new(&SystemRandom).expect("random bytes");
    let accepted =
        Accepted { hosts, origins: Origins::default(), proxies: TrustedProxies::default(), public_url: None };
    let api = endpoint(&gateway.app, token, accepted, ids, page, CancellationToken::new());
    let (address, _stop, _handle) = start_server(api).await;
    for _ in 0..2 {
        let mut caller = send(address, "GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await;
        let response = read_to_close(&mut caller).await;
        assert!(response.starts_with("HTTP/1.1 500"), "{response}");
        let (_, rest) = response.split_once("x-request-id: ").expect("a request id");
        let id = rest.lines().next().expect("a line");
        assert!(response.contains(&format!("urn:goclaw:request:{id}")), "{response}");
        assert!(!response.contains("on purpose"), "{response}");
        let text = log.text();
        let line = text.lines().find(|line| line.contains("a request panicked") && line.contains(id));
        assert!(line.is_some_and(|line| line.contains("on purpose") && line.contains("ERROR")), "{text}");
    }
}

/// Serves an endpoint that responds with the path, and the number of bytes and line feeds in the body.
async fn serve_summaries() -> (std::net::SocketAddr, DropGuard, tokio::task::JoinHandle<()>) {
    start_server(make(|mut request: Request| async move {
        let body = request.take_body().into_bytes().await?;
        let lines = body.iter().filter(|byte| **byte == b'\n').count();
        Ok::<_, poem::Error>(format!("[{} {} {lines}]", request.uri().path(), body.len()).into())
    }))
    .await
}

#[tokio::test]
async fn a_bare_line_feed_in_any_head_is_refused() {
    let (address, _stop, _handle) = serve_summaries().await;
    let good = "GET /good HTTP/1.1\r\nhost: x\r\n\r\n";
    let with_body = "POST /body HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\na\nb\n\n";
    for bad in [
        "GET /bad HTTP/1.1\nhost: x\r\n\r\n",
        "GET /bad HTTP/1.1\r\nhost: x\n\r\n",
        "GET /bad HTTP/1.1\r\nhost: x\r\na: b\nc: d\r\n\r\n",
        "GET /bad HTTP/1.1\r\nhost: x\n\n",
        "GET /bad HTTP/1.1\r\nhost: x\r\n\n",
        "\n\nGET /bad HTTP/1.1\r\nhost: x\r\n\r\n",
        "\r\n\r\nGET /bad HTTP/1.1\r\nhost: x\n\r\n",
    ] {
        for before in ["", good, with_body, &format!("{with_body}{good}\r\n{with_body}")] {
            let text = read_to_close(&mut send(address, &format!("{before}{bad}{good}")).await).await;
            assert!(text.contains("HTTP/1.1 400") && !text.contains("[/bad"), "{before}{bad}: {text}");
            assert_eq!(text.matches("[/body 5 3]").count(), before.matches("/body").count(), "{before}{bad}: {text}");
        }
    }
}

#[tokio::test]
async fn pipelined_requests_are_served_however_they_are_split() {
    let (address, _stop, _handle) = serve_summaries().await;
    let requests = "\r\nPOST /1 HTTP/1.1\r\nhost: x\r\ncontent-length: 8\r\n\r\n\r\n\r\nab\n\n\
                    GET /2 HTTP/1.1\r\nhost: x\r\n\r\nPOST /3 HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n\
                    POST /4 HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n2\r\n\n\n\r\n0\r\n\r\n";
    for cut in 0..=requests.len() {
        let (start, rest) = requests.split_at(cut);
        let mut stream = send(address, start).await;
        tokio::task::yield_now().await;
        stream.write_all(rest.as_bytes()).await.unwrap();
        let text = read_to_close(&mut stream).await;
        let bodies: Vec<&str> = text.split('[').skip(1).filter_map(|part| part.split(']').next()).collect();
        assert_eq!(bodies, ["/1 8 4", "/2 0 0", "/3 0 0", "/4 2 2"], "{cut}: {text}");
    }
}

#[tokio::test]
async fn ambiguous_body_framing_is_refused_or_ends_the_connection() {
    let (address, _stop, _handle) = serve_summaries().await;
    let request = |headers: &str| format!("POST /1 HTTP/1.1\r\nhost: x\r\n{headers}\r\n1\r\na\r\n0\r\n\r\n");
    for headers in [
        "transfer-encoding: chunked, chunked\r\n",
        "transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n",
        "transfer-encoding: gzip, chunked\r\n",
        "transfer-encoding: chunked\r\ntransfer-encoding: identity\r\n",
        "transfer-encoding: identity\r\n",
        "transfer-encoding: xchunked\r\n",
    ] {
        let text = read_to_close(&mut send(address, &request(headers)).await).await;
        assert!(text.starts_with("HTTP/1.1 400") && !text.contains('['), "{headers}: {text}");
    }
    // Transfer-Encoding overrides Content-Length (RFC 9112, section 6.3), and the connection is closed.
    for headers in ["transfer-encoding: Chunked\r\n", "content-length: 3\r\ntransfer-encoding: chunked\r\n"] {
        let smuggled = "GET /2 HTTP/1.1\r\nhost: x\r\n\r\n";
        let text = read_to_close(&mut send(address, &format!("{}{smuggled}", request(headers))).await).await;
        assert!(text.contains("[/1 1 0]") && !text.contains("/2"), "{headers}: {text}");
    }
}

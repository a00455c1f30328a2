//! Tests of the upstream client over HTTP/2: requests share a connection, end independently, and are retried only if
//! the server has not processed them.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, future::join_all};
use goclaw::{
    adapters::{
        system::SystemClock,
        upstream::{HttpUpstream, Timeouts},
    },
    domain::secret::AccessToken,
    ports::{RequestBody, Upstream, UpstreamError, UpstreamRequest, UpstreamResponse},
};
use h2::{Reason, RecvStream, server::SendResponse};
use http_message::{HeaderMap, Method, Request, Response};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::Notify,
    task::JoinSet,
};
use tokio_rustls::server::TlsStream;

use crate::support::{
    fakes::within,
    outbound::{acceptor, account, outbound_to_front, serve},
};

/// More than the flow-control window of one stream.
const LARGE: usize = 24 * 1024 * 1024;

type ServerConnection = h2::server::Connection<TlsStream<TcpStream>, Bytes>;

struct Server {
    base: String,
    connections: Arc<AtomicUsize>,
    _serving: JoinSet<()>,
}

impl Server {
    /// Starts a server that calls `handle` with the number of each HTTP/2 connection (from 0) and the connection.
    async fn start<F>(handle: impl Fn(usize, ServerConnection) -> F + Clone + Send + Sync + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (connections, acceptor) = (Arc::<AtomicUsize>::default(), acceptor(&["h2", "http/1.1"]));
        let counted = Arc::clone(&connections);
        let (address, serving) = serve(move |stream| {
            let (acceptor, handle, counted) = (acceptor.clone(), handle.clone(), Arc::clone(&counted));
            async move {
                let stream = acceptor.accept(stream).await?;
                let connection = h2::server::handshake(stream).await.map_err(io::Error::other)?;
                handle(counted.fetch_add(1, Ordering::SeqCst), connection).await;
                Ok(())
            }
        })
        .await;
        Self { base: format!("https://localhost:{}", address.port()), connections, _serving: serving }
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    async fn ask(&self, upstream: &HttpUpstream, path: &str) -> Result<UpstreamResponse, UpstreamError> {
        ask(upstream, format!("{}{path}", self.base)).await
    }
}

async fn ask(upstream: &HttpUpstream, url: String) -> Result<UpstreamResponse, UpstreamError> {
    let body = RequestBody::Buffered(Bytes::from_static(b"{}"));
    let request =
        UpstreamRequest { account: account().clone(), method: Method::POST, url, headers: HeaderMap::new(), body };
    within(upstream.send(request, &AccessToken::new("token-1"))).await
}

fn upstream_with(timeouts: Timeouts) -> HttpUpstream {
    HttpUpstream::new(&outbound_to_front(true), timeouts, Arc::new(SystemClock)).expect("a client")
}

fn upstream() -> HttpUpstream {
    upstream_with(Timeouts::default())
}

async fn text(response: UpstreamResponse) -> String {
    let pieces: Vec<Bytes> = within(response.body.try_collect()).await.expect("a body");
    String::from_utf8(pieces.concat()).expect("text")
}

/// Responds with the request's path.
async fn answer(request: &Request<RecvStream>, mut respond: SendResponse<Bytes>) {
    let path = request.uri().path().to_owned();
    if let Ok(mut body) = respond.send_response(Response::new(()), false) {
        let _ = body.send_data(path.into(), true);
    }
}

async fn answer_all(_number: usize, mut connection: ServerConnection) {
    while let Some(Ok((request, respond))) = connection.accept().await {
        answer(&request, respond).await;
    }
}

#[tokio::test]
async fn concurrent_requests_share_one_connection() {
    let (server, upstream) = (Server::start(answer_all).await, upstream());
    for round in 0..3 {
        let paths: Vec<String> = (0..8).map(|number| format!("/{round}/{number}")).collect();
        let answers =
            join_all(paths.iter().map(|path| async { text(server.ask(&upstream, path).await.unwrap()).await }));
        assert_eq!(answers.await, paths);
    }
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn a_cancelled_request_resets_only_its_own_stream() {
    let (reset, resume) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (was_reset, resumed) = (Arc::clone(&reset), Arc::clone(&resume));
    let server = Server::start(move |_number, mut connection| {
        let (was_reset, resumed) = (Arc::clone(&was_reset), Arc::clone(&resumed));
        async move {
            let mut responses = JoinSet::new();
            while let Some(Ok((request, mut respond))) = connection.accept().await {
                let (was_reset, resumed) = (Arc::clone(&was_reset), Arc::clone(&resumed));
                responses.spawn(async move {
                    let mut body = respond.send_response(Response::new(()), false).unwrap();
                    body.send_data("first ".into(), false).unwrap();
                    if request.uri().path() == "/cancelled" {
                        let reason = std::future::poll_fn(|context| body.poll_reset(context)).await;
                        assert_eq!(reason.ok(), Some(Reason::CANCEL));
                        was_reset.notify_one();
                    } else {
                        resumed.notified().await;
                        body.send_data("second".into(), true).unwrap();
                    }
                });
            }
        }
    })
    .await;
    let upstream = upstream();
    let mut cancelled = server.ask(&upstream, "/cancelled").await.unwrap();
    let other = server.ask(&upstream, "/other").await.unwrap();
    assert_eq!(cancelled.body.next().await.unwrap().unwrap(), "first ");
    drop(cancelled);
    within(reset.notified()).await;
    resume.notify_one();
    assert_eq!(text(other).await, "first second");
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn only_a_request_that_the_server_has_not_processed_is_sent_once_more() {
    for refuses in [true, false] {
        let answers = Arc::<AtomicUsize>::default();
        let counted = Arc::clone(&answers);
        let server = Server::start(move |number, mut connection| {
            let counted = Arc::clone(&counted);
            async move {
                while let Some(Ok((request, mut respond))) = connection.accept().await {
                    let is_second_of_first = number == 0 && request.uri().path() == "/second";
                    if is_second_of_first && refuses {
                        respond.send_reset(Reason::REFUSED_STREAM);
                    } else if is_second_of_first {
                        // The GOAWAY frame names this stream as the last one that the server may have processed.
                        connection.abrupt_shutdown(Reason::NO_ERROR);
                    } else {
                        counted.fetch_add(1, Ordering::SeqCst);
                        answer(&request, respond).await;
                    }
                }
            }
        })
        .await;
        let upstream = upstream();
        assert_eq!(text(server.ask(&upstream, "/first").await.unwrap()).await, "/first");
        let second = server.ask(&upstream, "/second").await;
        if refuses {
            assert_eq!(text(second.unwrap()).await, "/second");
            assert_eq!((answers.load(Ordering::SeqCst), server.connections()), (2, 2));
        } else {
            // The server may have processed this stream, so the request is not retried.
            assert!(matches!(second, Err(UpstreamError::Lost(_))));
        }
    }
}

#[tokio::test]
async fn a_graceful_goaway_fails_no_request() {
    let server = Server::start(|_number, mut connection: ServerConnection| async move {
        if let Some(Ok((request, respond))) = connection.accept().await {
            answer(&request, respond).await;
            connection.graceful_shutdown();
        }
        while let Some(Ok((request, respond))) = connection.accept().await {
            answer(&request, respond).await;
        }
    })
    .await;
    let upstream = upstream();
    for number in 0..20 {
        let path = format!("/{number}");
        assert_eq!(text(server.ask(&upstream, &path).await.unwrap()).await, path);
    }
    assert!(server.connections() > 1);
}

#[tokio::test]
async fn a_request_that_a_server_may_have_processed_is_not_sent_again() {
    for reason in [Reason::INTERNAL_ERROR, Reason::CANCEL, Reason::ENHANCE_YOUR_CALM] {
        let requests = Arc::<AtomicUsize>::default();
        let counted = Arc::clone(&requests);
        let server = Server::start(move |_number, mut connection| {
            let counted = Arc::clone(&counted);
            async move {
                while let Some(Ok((request, mut respond))) = connection.accept().await {
                    if request.uri().path() == "/lost" {
                        counted.fetch_add(1, Ordering::SeqCst);
                        respond.send_reset(reason);
                    } else {
                        answer(&request, respond).await;
                    }
                }
            }
        })
        .await;
        let upstream = upstream();
        assert_eq!(text(server.ask(&upstream, "/first").await.unwrap()).await, "/first");
        let lost = server.ask(&upstream, "/lost").await.map(drop);
        assert!(matches!(lost, Err(UpstreamError::Lost(_))), "{lost:?}");
        assert_eq!(text(server.ask(&upstream, "/next").await.unwrap()).await, "/next");
        assert_eq!((requests.load(Ordering::SeqCst), server.connections()), (1, 1), "{reason:?}");
    }
}

#[tokio::test]
async fn callers_that_do_not_read_do_not_delay_others() {
    let server = Server::start(|_number, mut connection: ServerConnection| async move {
        let mut responses = JoinSet::new();
        while let Some(Ok((request, mut respond))) = connection.accept().await {
            if request.uri().path() != "/large" {
                answer(&request, respond).await;
                continue;
            }
            responses.spawn(async move {
                let mut body = respond.send_response(Response::new(()), false).unwrap();
                let _ = body.send_data(vec![b'x'; LARGE].into(), true);
                // Keep the stream until its end or reset.
                let _ = std::future::poll_fn(|context| body.poll_reset(context)).await;
            });
        }
    })
    .await;
    let upstream = upstream();
    // The connection has eight streams, so one stays free.
    let unread = join_all((0..7).map(|_| async { server.ask(&upstream, "/large").await.unwrap() })).await;
    assert_eq!(text(server.ask(&upstream, "/small").await.unwrap()).await, "/small");
    assert_eq!(server.connections(), 1);
    // The finished request has freed its stream.
    assert_eq!(text(server.ask(&upstream, "/small").await.unwrap()).await, "/small");
    assert_eq!(server.connections(), 1);
    let read = unread.into_iter().next().unwrap();
    assert_eq!(text(read).await.len(), LARGE);
}

#[tokio::test]
async fn requests_beyond_the_stream_limit_use_http1() {
    let (shared, acceptor) = (Arc::<AtomicUsize>::default(), acceptor(&["h2", "http/1.1"]));
    let counted = Arc::clone(&shared);
    let (address, _serving) = serve(move |stream| {
        let (acceptor, counted) = (acceptor.clone(), Arc::clone(&counted));
        async move {
            let mut stream = acceptor.accept(stream).await?;
            if stream.get_ref().1.alpn_protocol() != Some(b"h2") {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n{}") {
                    head.push(stream.read_u8().await?);
                }
                return stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
            }
            let mut connection = h2::server::handshake(stream).await.map_err(io::Error::other)?;
            let mut open = Vec::new();
            while let Some(Ok((_request, mut respond))) = connection.accept().await {
                counted.fetch_add(1, Ordering::SeqCst);
                open.push(respond.send_response(Response::new(()), false).map_err(io::Error::other)?);
            }
            Ok(())
        }
    })
    .await;
    let (upstream, url) = (upstream(), format!("https://localhost:{}/", address.port()));
    let open = join_all((0..64).map(|_| async { ask(&upstream, url.clone()).await.unwrap() })).await;
    assert_eq!(shared.load(Ordering::SeqCst), 64, "eight connections with eight streams each");
    for _ in 0..2 {
        assert_eq!(text(ask(&upstream, url.clone()).await.unwrap()).await, "ok");
    }
    drop(open);
    let next = ask(&upstream, url.clone()).await.unwrap();
    assert_eq!(shared.load(Ordering::SeqCst), 65, "the stream that became free is used");
    drop(next);
}

#[tokio::test]
async fn an_idle_connection_is_kept_for_a_while() {
    let ended = Arc::new(Notify::new());
    let notified = Arc::clone(&ended);
    let server = Server::start(move |number, connection| {
        let notified = Arc::clone(&notified);
        async move {
            answer_all(number, connection).await;
            notified.notify_one();
        }
    })
    .await;
    let millis = Duration::from_millis;
    let timeouts =
        Timeouts { idle_http1: millis(50), idle_http2: millis(400), ping: millis(20), ..Timeouts::default() };
    let upstream = upstream_with(timeouts);
    for _ in 0..2 {
        assert_eq!(text(server.ask(&upstream, "/a").await.unwrap()).await, "/a");
    }
    assert_eq!(server.connections(), 1);
    within(ended.notified()).await;
    assert_eq!(text(server.ask(&upstream, "/b").await.unwrap()).await, "/b");
    assert_eq!(server.connections(), 2);
}

#[tokio::test]
async fn http1_is_used_without_server_support_or_if_http2_is_off() {
    for (offers, protocols) in [(true, &["http/1.1"][..]), (true, &[]), (false, &["h2", "http/1.1"])] {
        let acceptor = acceptor(protocols);
        let (address, _serving) = serve(move |stream| {
            let acceptor = acceptor.clone();
            async move {
                let mut stream = acceptor.accept(stream).await?;
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n{}") {
                    head.push(stream.read_u8().await?);
                }
                assert!(head.starts_with(b"POST /a HTTP/1.1\r\n"), "{}", String::from_utf8_lossy(&head));
                stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await
            }
        })
        .await;
        let upstream = HttpUpstream::new(&outbound_to_front(offers), Timeouts::default(), Arc::new(SystemClock))
            .expect("a client");
        let url = format!("https://localhost:{}/a", address.port());
        assert_eq!(text(ask(&upstream, url).await.unwrap()).await, "ok");
    }
}

#[tokio::test]
async fn concurrent_requests_share_a_failed_connection_attempt() {
    let attempts = Arc::<AtomicUsize>::default();
    let counted = Arc::clone(&attempts);
    let acceptor = acceptor(&["h2"]);
    // The certificate does not have the name 127.0.0.1.
    let (address, _serving) = serve(move |stream| {
        counted.fetch_add(1, Ordering::SeqCst);
        let acceptor = acceptor.clone();
        async move { acceptor.accept(stream).await.map(drop) }
    })
    .await;
    let upstream = upstream();
    let url = format!("https://127.0.0.1:{}/", address.port());
    let failed = join_all((0..20).map(|_| ask(&upstream, url.clone()))).await;
    assert!(failed.iter().all(|failed| matches!(failed, Err(UpstreamError::Unreachable(_)))));
    let attempts = attempts.load(Ordering::SeqCst);
    assert!(attempts <= 2, "{attempts} attempts for 20 requests");
}

//! A server that plays a [`ScriptedResponse`] over HTTP/2 with TLS. It supports no other version.

use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use futures_util::stream;
use http_body_util::{BodyExt, StreamBody};
use http_message::{Request, Response, Version, header};
use hyper::{
    body::{Frame, Incoming},
    server::conn::http2,
    service::service_fn,
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::task::JoinSet;

use crate::support::{
    fakes::{End, Exchange, ScriptedResponse},
    outbound::{acceptor, serve},
};

/// Number of yields to other tasks before a reset.
const YIELDS: usize = 20;

pub(super) struct ScriptedHttp2 {
    pub(super) base: String,
    pub(super) exchange: Arc<Exchange>,
    tokens: Tokens,
    _serving: JoinSet<()>,
}

type Tokens = Arc<Mutex<Vec<String>>>;

impl ScriptedHttp2 {
    /// Starts on a free port and responds to every request with `script`.
    pub(super) async fn start(script: ScriptedResponse) -> Self {
        let (exchange, tokens) = (Arc::<Exchange>::default(), Tokens::default());
        let (shared, noted, acceptor) = (Arc::clone(&exchange), Arc::clone(&tokens), acceptor(&["h2"]));
        let (address, serving) = serve(move |stream| {
            let (script, exchange, tokens) = (script.clone(), Arc::clone(&shared), Arc::clone(&noted));
            let acceptor = acceptor.clone();
            async move {
                let stream = TokioIo::new(acceptor.accept(stream).await?);
                let service = service_fn(move |request| {
                    respond(request, script.clone(), Arc::clone(&exchange), Arc::clone(&tokens))
                });
                let mut http = http2::Builder::new(TokioExecutor::new());
                http.auto_date_header(false).serve_connection(stream, service).await.map_err(io::Error::other)
            }
        })
        .await;
        Self { base: format!("https://localhost:{}", address.port()), exchange, tokens, _serving: serving }
    }

    /// Returns the bearer tokens of all complete requests, in order.
    pub(super) fn tokens(&self) -> Vec<String> {
        self.tokens.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

type Frames = StreamBody<std::pin::Pin<Box<dyn futures_util::Stream<Item = io::Result<Frame<Bytes>>> + Send>>>;

async fn respond(
    request: Request<Incoming>,
    script: ScriptedResponse,
    exchange: Arc<Exchange>,
    tokens: Tokens,
) -> io::Result<Response<Frames>> {
    assert_eq!(request.version(), Version::HTTP_2);
    let (head, body) = request.into_parts();
    body.collect().await.map_err(io::Error::other)?;
    let token = head.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = token.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default().to_owned();
    tokens.lock().unwrap_or_else(PoisonError::into_inner).push(token);
    let mut playback = Playback { exchange, is_over: false };
    let Some(status) = script.status else {
        return Err(playback.end(script.end).await.unwrap_or_else(|| io::Error::other("no head")));
    };
    let mut response = Response::builder().status(status);
    for (name, value) in &script.all_headers() {
        if name != header::TRANSFER_ENCODING {
            response = response.header(name, value);
        }
    }
    let pieces = script.pieces.into_iter().enumerate();
    let frames = stream::unfold((Some(playback), pieces), move |(playback, mut pieces)| async move {
        let mut playback = playback?;
        let Some((index, piece)) = pieces.next() else {
            return playback.end(script.end).await.map(|error| (Err(error), (None, pieces)));
        };
        if script.is_paced && index > 0 {
            playback.exchange.wait_for_piece().await;
        }
        Some((Ok(Frame::data(piece)), (Some(playback), pieces)))
    });
    let body: Frames = StreamBody::new(Box::pin(frames));
    Ok(response.body(body).expect("a response"))
}

/// A response in progress. Dropping it before its end counts as a disconnect of the caller.
struct Playback {
    exchange: Arc<Exchange>,
    is_over: bool,
}

impl Playback {
    async fn end(&mut self, end: End) -> Option<io::Error> {
        let error = match end {
            End::Complete => None,
            End::BreaksOff => {
                // A reset discards unwritten frames, so the connection's task must write them first.
                for _ in 0..YIELDS {
                    tokio::task::yield_now().await;
                }
                Some(io::Error::other("the script breaks off"))
            }
            End::Silent | End::Open => std::future::pending().await,
        };
        self.is_over = true;
        error
    }
}

impl Drop for Playback {
    fn drop(&mut self) {
        if !self.is_over {
            self.exchange.note_disconnect();
        }
    }
}

//! Ways to send a body in pieces: half of it, 1 GiB of padding instead, byte by byte, or by a custom writer.
//!
//! A separate task writes each body. The body owns that task and the guard, so both end when the last byte is
//! sent or the client disconnects.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http_body_util::{BodyExt, combinators::BoxBody};
use hyper::body::{Body, Frame};
use tokio::{sync::mpsc, task::JoinSet};

use super::ConnectionCut;

/// The size of a huge body: 1 GiB.
const HUGE_BODY: usize = 1 << 30;

/// The chunk that a huge body repeats.
static HUGE_PIECE: [u8; 64 * 1024] = [b'x'; 64 * 1024];

/// The pause in which written bytes reach the client, before the connection is held or cut.
const FLUSH_PAUSE: Duration = Duration::from_millis(20);

/// A value whose drop marks the end of the delivery.
pub(super) type Guard = Box<dyn Send + Sync>;

type Writing = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A piece of a body, or the cut that ends it. Both go through one queue: `http_body_util`'s `Channel` has two, and
/// loses the last piece if its sender is dropped after the first queue was polled and before the second one is.
type Piece = Result<Frame<Bytes>, ConnectionCut>;

/// The writer's end of a body. Dropping it ends the body normally.
pub(crate) struct BodyWriter(mpsc::Sender<Piece>);

impl BodyWriter {
    /// Sends a chunk. Returns false if the client has disconnected.
    pub(crate) async fn send(&mut self, piece: impl Into<Bytes>) -> bool {
        self.0.send(Ok(Frame::data(piece.into()))).await.is_ok()
    }

    /// Waits until the sent bytes have probably reached the client.
    pub(crate) async fn wait_for_flush(&self) {
        tokio::time::sleep(FLUSH_PAUSE).await;
    }

    /// Cuts the connection in the middle of the body.
    pub(crate) async fn cut(self) {
        self.wait_for_flush().await;
        // Fails if the client has disconnected.
        let _ = self.0.send(Err(ConnectionCut::Close)).await;
    }
}

/// How a body is sent.
pub(crate) struct Delivery {
    /// The least `Content-Length` to announce; `None` sends no `Content-Length`.
    pub(super) announced: Option<usize>,
    write: Box<dyn FnOnce(BodyWriter, Bytes) -> Writing + Send + Sync>,
}

impl Delivery {
    /// Returns a delivery by `write`, which receives the normal body.
    pub(crate) fn written<W: Future<Output = ()> + Send + 'static>(
        write: impl FnOnce(BodyWriter, Bytes) -> W + Send + Sync + 'static,
    ) -> Self {
        Self { announced: None, write: Box::new(|writer, body| Box::pin(write(writer, body))) }
    }

    /// Announces the full length, sends half of the body and closes the connection. A shorter body is announced as two
    /// bytes, so that an empty one is cut too.
    pub(crate) fn half() -> Self {
        let half = Self::written(async |mut writer: BodyWriter, body: Bytes| {
            if writer.send(body.slice(..body.len() / 2)).await {
                writer.cut().await;
            }
        });
        Self { announced: Some(2), ..half }
    }

    /// Sends half of the body and then nothing more.
    pub(crate) fn stuck() -> Self {
        let stuck = Self::written(async |mut writer: BodyWriter, body: Bytes| {
            writer.send(body.slice(..body.len() / 2)).await;
            std::future::pending().await
        });
        Self { announced: Some(2), ..stuck }
    }

    /// Replaces the body by a huge unterminated JSON string.
    pub(crate) fn huge() -> Self {
        Self::written(async |mut writer: BodyWriter, _| {
            let piece = Bytes::from_static(&HUGE_PIECE);
            let pieces = std::iter::repeat_n(piece, HUGE_BODY / HUGE_PIECE.len());
            for piece in std::iter::once(Bytes::from_static(b"{\"padding\":\"")).chain(pieces) {
                if !writer.send(piece).await {
                    return;
                }
            }
        })
    }

    /// Sends one byte per pause.
    pub(crate) fn drip(pause: Duration) -> Self {
        let drip = Self::written(async move |mut writer: BodyWriter, mut body: Bytes| {
            while !body.is_empty() {
                tokio::time::sleep(pause).await;
                if !writer.send(body.split_to(1)).await {
                    return;
                }
            }
        });
        Self { announced: Some(0), ..drip }
    }

    /// Starts the writer task.
    pub(super) fn begin(self, body: Bytes, guard: Option<Guard>) -> BoxBody<Bytes, ConnectionCut> {
        let (sender, pieces) = mpsc::channel(1);
        let mut writer = JoinSet::new();
        writer.spawn((self.write)(BodyWriter(sender), body));
        WrittenBody { pieces, _writer: writer, _guard: guard }.boxed()
    }
}

/// A body with the task that writes it; dropping the set aborts the task.
struct WrittenBody {
    pieces: mpsc::Receiver<Piece>,
    _writer: JoinSet<()>,
    _guard: Option<Guard>,
}

impl Body for WrittenBody {
    type Data = Bytes;
    type Error = ConnectionCut;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ConnectionCut>>> {
        self.pieces.poll_recv(context)
    }
}

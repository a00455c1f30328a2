//! The ways a body can be put on the wire other than whole: half, endless, drop by drop, or as a writer likes.
//!
//! Each is written by a task of its own. The body owns that task and whatever is held for the delivery, so both end in
//! the moment in which the last byte is sent or the client is gone.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http_body_util::{
    BodyExt,
    channel::{Channel, Sender},
    combinators::BoxBody,
};
use hyper::body::{Body, Frame};
use tokio::task::JoinSet;

use super::ConnectionCut;

/// How much of a huge body is sent: a GiB, in bytes.
const HUGE_BODY: usize = 1 << 30;

/// The piece a huge body is made of.
static HUGE_PIECE: [u8; 64 * 1024] = [b'x'; 64 * 1024];

/// Gives what was written time to leave before something else happens to the connection.
const FLUSH_PAUSE: Duration = Duration::from_millis(20);

/// Something that lives as long as the delivery does.
pub(super) type Held = Box<dyn Send + Sync>;

type Writing = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What a writer writes into. Dropping it ends the body as if it were complete.
pub(crate) struct BodyWriter(Sender<Bytes, ConnectionCut>);

impl BodyWriter {
    /// Sends a piece; false when the client has gone away.
    pub(crate) async fn send(&mut self, piece: impl Into<Bytes>) -> bool {
        self.0.send_data(piece.into()).await.is_ok()
    }

    /// Waits until what was sent has left this machine's buffers, as far as that can be known.
    pub(crate) async fn flushed(&self) {
        tokio::time::sleep(FLUSH_PAUSE).await;
    }

    /// Ends the connection here, in the middle of the body.
    pub(crate) async fn cut(self) {
        self.flushed().await;
        self.0.abort(ConnectionCut::Close);
    }
}

/// How a body travels.
pub(crate) struct Delivery {
    /// The least length to announce; none for a body whose length is not known.
    pub(super) announced: Option<usize>,
    write: Box<dyn FnOnce(BodyWriter, Bytes) -> Writing + Send + Sync>,
}

impl Delivery {
    /// As `write` likes. It gets the body that was decided.
    pub(crate) fn written<W: Future<Output = ()> + Send + 'static>(
        write: impl FnOnce(BodyWriter, Bytes) -> W + Send + Sync + 'static,
    ) -> Self {
        Self { announced: None, write: Box::new(|writer, body| Box::pin(write(writer, body))) }
    }

    /// The full length announced, half of it sent, then the connection closes. An empty body is announced as two
    /// bytes, so that it too ends too early.
    pub(crate) fn half() -> Self {
        let half = Self::written(async |mut writer: BodyWriter, body: Bytes| {
            if writer.send(body.slice(..body.len() / 2)).await {
                writer.cut().await;
            }
        });
        Self { announced: Some(2), ..half }
    }

    /// Half of the body sent, and nothing more.
    pub(crate) fn stuck() -> Self {
        let stuck = Self::written(async |mut writer: BodyWriter, body: Bytes| {
            writer.send(body.slice(..body.len() / 2)).await;
            std::future::pending().await
        });
        Self { announced: Some(2), ..stuck }
    }

    /// The body thrown away; a JSON string without an end in sight instead.
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

    /// One byte per pause.
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

    /// Begins to write.
    pub(super) fn begin(self, body: Bytes, held: Option<Held>) -> BoxBody<Bytes, ConnectionCut> {
        let (sender, streamed) = Channel::new(1);
        let mut writer = JoinSet::new();
        writer.spawn((self.write)(BodyWriter(sender), body));
        WrittenBody { streamed: streamed.boxed(), _writer: writer, _held: held }.boxed()
    }
}

/// A body with the task that writes it: dropping the set aborts the task.
struct WrittenBody {
    streamed: BoxBody<Bytes, ConnectionCut>,
    _writer: JoinSet<()>,
    _held: Option<Held>,
}

impl Body for WrittenBody {
    type Data = Bytes;
    type Error = ConnectionCut;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ConnectionCut>>> {
        Pin::new(&mut self.streamed).poll_frame(context)
    }
}

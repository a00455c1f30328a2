//! An answer as plain data, and the ways it can be put on the wire: whole, half, endless or drop by drop. Deciding what
//! to answer and delivering it are separate so that a fault can bend the second without touching the first.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{
    BodyExt, Full,
    channel::{Channel, Sender},
    combinators::BoxBody,
};
use hyper::{
    Response, StatusCode,
    header::{CONTENT_LENGTH, HeaderName, HeaderValue},
};
use serde::Serialize;

use super::ConnectionCut;

/// How much of a huge body is sent: a GiB, in bytes.
const HUGE_BODY: usize = 1 << 30;

/// The piece a huge body is made of.
static HUGE_PIECE: [u8; 64 * 1024] = [b'x'; 64 * 1024];

/// Gives the first half of an answer time to leave before the connection closes behind it.
const FLUSH_PAUSE: Duration = Duration::from_millis(20);

/// Something that lives as long as the delivery does.
type Held = Box<dyn Send + Sync>;

/// How the body travels.
pub(crate) enum Delivery {
    Whole,
    /// The full length announced, half of it sent, then the connection closes.
    Half,
    /// The body thrown away; a JSON string without an end in sight instead.
    Huge,
    /// One byte per pause.
    Drip(Duration),
}

/// An answer.
pub(crate) struct Reply {
    status: StatusCode,
    headers: Vec<(HeaderName, HeaderValue)>,
    body: Bytes,
    delivery: Delivery,
    held: Option<Held>,
}

impl Reply {
    /// A status outside 100 to 999 becomes 500.
    pub(crate) fn new(status: u16, body: impl Into<Bytes>) -> Self {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self { status, headers: Vec::new(), body: body.into(), delivery: Delivery::Whole, held: None }
    }

    pub(crate) fn json(status: u16, value: &impl Serialize) -> Self {
        match serde_json::to_vec(value) {
            Ok(body) => Self::new(status, body).header("content-type", "application/json"),
            Err(_) => Self::new(500, "the answer does not serialise"),
        }
    }

    pub(crate) fn html(status: u16, page: String) -> Self {
        Self::new(status, page).header("content-type", "text/html; charset=utf-8")
    }

    /// Adds a header. One that HTTP cannot carry is left out.
    pub(crate) fn header(mut self, name: &'static str, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.push((HeaderName::from_static(name), value));
        }
        self
    }

    pub(crate) fn status(&self) -> u16 {
        self.status.as_u16()
    }

    /// Sends the answer this way, and keeps `held` alive until the last byte is sent or the client is gone.
    pub(crate) fn delivered(mut self, delivery: Delivery, held: impl Send + Sync + 'static) -> Self {
        self.delivery = delivery;
        self.held = Some(Box::new(held));
        self
    }

    pub(crate) fn into_response(self) -> Response<BoxBody<Bytes, ConnectionCut>> {
        let mut headers = self.headers;
        let (sender, streamed) = Channel::new(1);
        let body = match self.delivery {
            Delivery::Whole => Full::new(self.body).map_err(|never| match never {}).boxed(),
            Delivery::Half => {
                // An empty answer is announced as two bytes, so that it too ends too early.
                headers.push((CONTENT_LENGTH, HeaderValue::from(self.body.len().max(2))));
                tokio::spawn(send_half(sender, self.body, self.held));
                streamed.boxed()
            }
            Delivery::Huge => {
                tokio::spawn(send_huge(sender, self.held));
                streamed.boxed()
            }
            Delivery::Drip(pause) => {
                headers.push((CONTENT_LENGTH, HeaderValue::from(self.body.len())));
                tokio::spawn(send_drops(sender, self.body, pause, self.held));
                streamed.boxed()
            }
        };
        let mut response = Response::new(body);
        *response.status_mut() = self.status;
        response.headers_mut().extend(headers);
        response
    }
}

// The bodies below are each written by a task of its own. Sending fails when the client has gone away, which ends the
// task and drops what was held for it.

async fn send_half(mut sender: Sender<Bytes, ConnectionCut>, body: Bytes, _held: Option<Held>) {
    let half = body.slice(..body.len() / 2);
    if sender.send_data(half).await.is_ok() {
        tokio::time::sleep(FLUSH_PAUSE).await;
        sender.abort(ConnectionCut::Close);
    }
}

async fn send_huge(mut sender: Sender<Bytes, ConnectionCut>, _held: Option<Held>) {
    let piece = Bytes::from_static(&HUGE_PIECE);
    let pieces = std::iter::repeat_n(piece, HUGE_BODY / HUGE_PIECE.len());
    for piece in std::iter::once(Bytes::from_static(b"{\"padding\":\"")).chain(pieces) {
        if sender.send_data(piece).await.is_err() {
            return;
        }
    }
}

async fn send_drops(mut sender: Sender<Bytes, ConnectionCut>, mut body: Bytes, pause: Duration, _held: Option<Held>) {
    while !body.is_empty() {
        tokio::time::sleep(pause).await;
        if sender.send_data(body.split_to(1)).await.is_err() {
            return;
        }
    }
}

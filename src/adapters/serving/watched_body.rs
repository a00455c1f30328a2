//! Wraps the bodies of requests, to limit their time, and of responses, to observe them. Both update [`Activity`].

use std::{
    future::Future,
    io, mem,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use futures_util::FutureExt;
use http_body_util::{BodyExt, combinators::BoxBody};
use hyper::{
    Response, StatusCode,
    body::{Body, Frame, SizeHint},
    header::CONTENT_LENGTH,
};
use tokio::{sync::mpsc, time::Sleep};

use super::{Limits, activity::Activity, timer};

pub(super) type AnyBody = BoxBody<Bytes, io::Error>;

/// A request's body. It fails with `TimedOut` if nothing arrives for `stall_timeout`, or if all of it takes longer than
/// `body_timeout`. If it is dropped before its end, `lingering` reads the rest.
pub(super) struct ReceivedBody {
    body: AnyBody,
    activity: Arc<Activity>,
    limits: Limits,
    /// Whether the body has ended, or no more of it is expected.
    is_done: bool,
    unread: mpsc::Sender<AnyBody>,
    /// Runs while no byte arrives.
    stall_timer: Option<Pin<Box<Sleep>>>,
    /// Starts at the first wait for bytes.
    body_timer: Option<Pin<Box<Sleep>>>,
}

impl ReceivedBody {
    pub(super) fn new(body: AnyBody, activity: Arc<Activity>, limits: Limits, unread: mpsc::Sender<AnyBody>) -> Self {
        Self { body, activity, limits, is_done: false, unread, stall_timer: None, body_timer: None }
    }

    fn note_end(&mut self) {
        self.is_done = true;
        self.activity.note_request();
    }
}

impl Drop for ReceivedBody {
    fn drop(&mut self) {
        if self.is_done {
            return;
        }
        let mut body = mem::take(&mut self.body);
        // A short body has usually arrived with its head. The connection can then serve further requests.
        while let Some(frame) = body.frame().now_or_never() {
            match frame {
                None => return self.note_end(),
                Some(Ok(_discarded)) if body.is_end_stream() => return self.note_end(),
                Some(Ok(_discarded)) => {}
                Some(Err(_broken)) => return,
            }
        }
        // The connection closes after this request, so the channel has room. If it has closed, nobody waits.
        let _ = self.unread.try_send(body);
    }
}

impl Body for ReceivedBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        if let Poll::Ready(frame) = polled {
            self.stall_timer = None;
            if frame.is_none() || self.body.is_end_stream() {
                self.note_end();
            }
            self.is_done |= matches!(frame, Some(Err(_)));
            return Poll::Ready(frame);
        }
        let Limits { stall_timeout, body_timeout, .. } = self.limits;
        let is_stalled = self.stall_timer.get_or_insert_with(|| timer(stall_timeout)).as_mut().poll(cx).is_ready();
        let is_late = self.body_timer.get_or_insert_with(|| timer(body_timeout)).as_mut().poll(cx).is_ready();
        // The caller of a stalled body sends nothing that would have to be read.
        self.is_done |= is_stalled;
        if is_stalled || is_late { Poll::Ready(Some(Err(io::ErrorKind::TimedOut.into()))) } else { Poll::Pending }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Observes a response's body. It is dropped with the body.
pub trait SentObserver: Send + Sync {
    /// Called when `bytes` have been passed to hyper.
    fn sent(&self, bytes: usize);

    /// Called when the body has been passed to hyper completely, or has failed. Not called if the caller disconnects.
    fn ended(&self, is_complete: bool);
}

/// The response extension that attaches an observer to the body.
#[derive(Clone)]
pub struct ObservedBy(pub Arc<dyn SentObserver>);

/// A response's body. Dropping it ends the request in the connection's [`Activity`].
pub(super) struct SentBody {
    body: AnyBody,
    activity: Arc<Activity>,
    observer: Option<ObservedBy>,
    /// Number of bytes until hyper stops to poll the body; None if it polls until the end.
    unsent: Option<u64>,
    /// An error that the next poll returns.
    held_error: Option<io::Error>,
}

impl SentBody {
    /// Takes the body of a response, and its observer from the extensions.
    pub(super) fn of(mut response: Response<AnyBody>, activity: Arc<Activity>) -> Response<Self> {
        let observer = response.extensions_mut().remove::<ObservedBy>();
        let unsent = unpolled_after(&response);
        response.map(|body| Self { body, activity, observer, unsent, held_error: None })
    }

    fn observe(&mut self, polled: &Poll<Option<io::Result<Frame<Bytes>>>>) {
        let (Some(ObservedBy(observer)), Poll::Ready(polled)) = (&self.observer, polled) else { return };
        match polled {
            Some(Ok(frame)) => {
                let length = frame.data_ref().map_or(0, Bytes::len);
                observer.sent(length);
                self.unsent = self.unsent.map(|unsent| unsent.saturating_sub(length as u64));
            }
            Some(Err(_)) => observer.ended(false),
            None => observer.ended(true),
        }
    }
}

/// Returns the number of bytes after which hyper does not poll a response's body again, not even for its end.
fn unpolled_after(response: &Response<AnyBody>) -> Option<u64> {
    // These have no body, whatever their headers say (RFC 9110, sections 15.3.5 and 15.4.5).
    if matches!(response.status(), StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED) {
        return Some(0);
    }
    response.headers().get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

impl Drop for SentBody {
    fn drop(&mut self) {
        // hyper does not poll a body of known length after its last byte.
        if let Some(ObservedBy(observer)) = &self.observer
            && (self.unsent == Some(0) || self.body.is_end_stream())
        {
            observer.ended(true);
        }
        self.activity.note_response_end();
    }
}

impl Body for SentBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if let Some(error) = self.held_error.take() {
            let failed = Poll::Ready(Some(Err(error)));
            self.observe(&failed);
            return failed;
        }
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        if let Poll::Ready(Some(Err(error))) = polled {
            // hyper discards unsent bytes when a body fails, but sends them while it waits for the body.
            self.held_error = Some(error);
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.observe(&polled);
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

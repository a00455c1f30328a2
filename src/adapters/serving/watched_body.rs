//! The bodies of a request and its response, which show what a connection waits for.

use std::{
    future::Future,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body_util::combinators::BoxBody;
use hyper::body::{Body, Frame, SizeHint};
use tokio::time::Sleep;

use super::{Limits, activity::Activity, timer};

pub(super) type AnyBody = BoxBody<Bytes, io::Error>;

/// A request's body. It fails if its caller sends nothing for too long, or takes too long for all of it.
pub(super) struct ReceivedBody {
    body: AnyBody,
    activity: Arc<Activity>,
    limits: Limits,
    /// Runs while no byte arrives.
    idle: Option<Pin<Box<Sleep>>>,
    /// Runs from the first wait for bytes on.
    deadline: Option<Pin<Box<Sleep>>>,
}

impl ReceivedBody {
    pub(super) fn new(body: AnyBody, activity: Arc<Activity>, limits: Limits) -> Self {
        Self { body, activity, limits, idle: None, deadline: None }
    }
}

impl Body for ReceivedBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        if let Poll::Ready(frame) = polled {
            self.idle = None;
            if frame.is_none() || self.body.is_end_stream() {
                self.activity.answer();
            }
            return Poll::Ready(frame);
        }
        let Limits { stall_timeout, body_timeout, .. } = self.limits;
        let is_idle = self.idle.get_or_insert_with(|| timer(stall_timeout)).as_mut().poll(cx).is_ready();
        let is_late = self.deadline.get_or_insert_with(|| timer(body_timeout)).as_mut().poll(cx).is_ready();
        if is_idle || is_late { Poll::Ready(Some(Err(io::ErrorKind::TimedOut.into()))) } else { Poll::Pending }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Observes how much of a response's body is sent, and how it ends. Dropped with the body.
pub trait SentObserver: Send + Sync {
    /// Some bytes were passed to the connection.
    fn sent(&self, bytes: usize);

    /// The body has ended: it was passed on completely, or it failed. Not called if the caller leaves before.
    fn ended(&self, is_complete: bool);
}

/// The extension of a response whose body is observed.
#[derive(Clone)]
pub struct ObservedBy(pub Arc<dyn SentObserver>);

/// A response's body. The request ends with it.
pub(super) struct SentBody {
    body: AnyBody,
    activity: Arc<Activity>,
    observer: Option<ObservedBy>,
}

impl SentBody {
    pub(super) fn new(body: AnyBody, activity: Arc<Activity>, observer: Option<ObservedBy>) -> Self {
        Self { body, activity, observer }
    }

    fn observe(&self, polled: &Poll<Option<io::Result<Frame<Bytes>>>>) {
        let (Some(ObservedBy(observer)), Poll::Ready(polled)) = (&self.observer, polled) else { return };
        match polled {
            Some(Ok(frame)) => observer.sent(frame.data_ref().map_or(0, Bytes::len)),
            Some(Err(_)) => observer.ended(false),
            None => observer.ended(true),
        }
    }
}

impl Drop for SentBody {
    fn drop(&mut self) {
        // A body of known length is not polled after its last byte.
        if let Some(ObservedBy(observer)) = &self.observer
            && self.body.is_end_stream()
        {
            observer.ended(true);
        }
        self.activity.finish();
    }
}

impl Body for SentBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
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

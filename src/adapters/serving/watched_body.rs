//! The bodies of a request and its response, which show what a connection waits for.

use std::{
    future::Future,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http_body_util::combinators::BoxBody;
use hyper::body::{Body, Frame, SizeHint};
use tokio::time::Sleep;

use super::{activity::Activity, timer};

pub(super) type AnyBody = BoxBody<Bytes, io::Error>;

/// A request's body. It fails if its caller sends nothing for too long.
pub(super) struct ReceivedBody {
    body: AnyBody,
    activity: Arc<Activity>,
    limit: Duration,
    /// Runs while no byte arrives.
    idle: Option<Pin<Box<Sleep>>>,
}

impl ReceivedBody {
    pub(super) fn new(body: AnyBody, activity: Arc<Activity>, limit: Duration) -> Self {
        Self { body, activity, limit, idle: None }
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
        let limit = self.limit;
        let idle = self.idle.get_or_insert_with(|| timer(limit));
        idle.as_mut().poll(cx).map(|()| Some(Err(io::ErrorKind::TimedOut.into())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A response's body. The request ends with it.
pub(super) struct SentBody {
    body: AnyBody,
    activity: Arc<Activity>,
}

impl SentBody {
    pub(super) fn new(body: AnyBody, activity: Arc<Activity>) -> Self {
        Self { body, activity }
    }
}

impl Drop for SentBody {
    fn drop(&mut self) {
        self.activity.finish();
    }
}

impl Body for SentBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

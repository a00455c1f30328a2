//! A caller's stream with time limits: it fails if the caller does not read, or does not finish a request head in time.
//! It also records the progress of the connection, and passes one head at a time to hyper.

use std::{
    future::Future,
    io::{self, IoSlice},
    mem,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::BytesMut;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::Sleep,
};

use super::{Limits, activity::Activity, caller_stream::CallerStream, head_filter::HeadFilter, timer};

pub(super) struct WatchedStream {
    stream: CallerStream,
    activity: Arc<Activity>,
    limits: Limits,
    /// Whether no byte was received yet, apart from the TLS handshake.
    is_new: bool,
    /// Runs while a write makes no progress.
    stall_timer: Option<Pin<Box<Sleep>>>,
    /// Runs until the first byte arrives, and while a head is incomplete.
    head_timer: Option<Pin<Box<Sleep>>>,
    head_filter: Arc<HeadFilter>,
    /// Bytes read beyond the end of a head or body, to be passed later. At most one read buffer of hyper.
    held: BytesMut,
}

impl WatchedStream {
    pub(super) fn new(
        stream: CallerStream,
        activity: Arc<Activity>,
        limits: Limits,
        head_filter: Arc<HeadFilter>,
    ) -> Self {
        let held = BytesMut::new();
        Self { stream, activity, limits, is_new: true, stall_timer: None, head_timer: None, head_filter, held }
    }

    /// Fails if the first byte of the connection, or the rest of a head, is late. hyper closes idle connections.
    fn wait_for_input(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.is_new && !self.head_filter.has_begun() {
            self.head_timer = None;
            return Poll::Pending;
        }
        let timeout = self.limits.header_timeout;
        ready!(self.head_timer.get_or_insert_with(|| timer(timeout)).as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }

    /// Records whether the caller reads. Fails if a write makes no progress for `stall_timeout`.
    fn watch<T>(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stall_timer = None;
            self.activity.note_write();
            return written;
        }
        self.activity.note_blocked_write();
        let timeout = self.limits.stall_timeout;
        ready!(self.stall_timer.get_or_insert_with(|| timer(timeout)).as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }

    /// Watches a flush or shutdown, which sends the bytes that TLS has buffered. Completing at once is no progress.
    fn watch_rest(&mut self, cx: &mut Context<'_>, sent: Poll<io::Result<()>>) -> Poll<io::Result<()>> {
        if sent.is_ready() && self.stall_timer.is_none() { sent } else { self.watch(cx, sent) }
    }
}

impl AsyncRead for WatchedStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        if self.held.is_empty() {
            match Pin::new(&mut self.stream).poll_read(cx, buffer) {
                Poll::Ready(read) => read?,
                Poll::Pending => return self.wait_for_input(cx),
            }
            if buffer.filled().len() > before {
                if mem::replace(&mut self.is_new, false) {
                    // The limit of a head runs from its first byte.
                    self.head_timer = None;
                }
                self.activity.note_progress();
            }
        } else {
            let length = self.held.len().min(buffer.remaining());
            buffer.put_slice(&self.held.split_to(length));
        }
        let (_, read) = buffer.filled_mut().split_at_mut(before);
        let passed = self.head_filter.pass(read);
        let (_, beyond) = read.split_at(passed);
        if !beyond.is_empty() {
            let later = mem::replace(&mut self.held, BytesMut::from(beyond));
            self.held.unsplit(later);
            buffer.set_filled(before + passed);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for WatchedStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.watch(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, parts);
        self.watch(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(cx);
        self.watch_rest(cx, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let shut_down = Pin::new(&mut self.stream).poll_shutdown(cx);
        self.watch_rest(cx, shut_down)
    }
}

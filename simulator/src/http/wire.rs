//! A connection's byte stream. It can end in a reset, and it hides the client's disconnect while a request is unread.
//!
//! A real server that has not read a request cannot see that the client disconnected, and processes the request anyway.
//! Hyper reads ahead and would drop the request.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Waker},
};

use hyper::body::Incoming;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

/// The state shared by a connection and its requests.
#[derive(Default)]
pub(super) struct ConnectionState {
    reset: AtomicBool,
    read_state: Mutex<ReadState>,
}

#[derive(Default)]
struct ReadState {
    unread: bool,
    /// Wakes the reader that has reached the end of the client's data.
    at_end: Option<Waker>,
}

impl ConnectionState {
    /// Sets whether the connection ends in a reset.
    pub(super) fn end_in_reset(&self, reset: bool) {
        self.reset.store(reset, Ordering::Relaxed);
    }

    fn read_state(&self) -> MutexGuard<'_, ReadState> {
        self.read_state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The unread body of a request.
pub(crate) struct UnreadBody {
    body: Incoming,
    connection: Arc<ConnectionState>,
}

impl UnreadBody {
    pub(super) fn new(body: Incoming, connection: &Arc<ConnectionState>) -> Self {
        connection.read_state().unread = true;
        Self { body, connection: Arc::clone(connection) }
    }

    /// Returns the body for reading. From here on a disconnect is visible.
    pub(super) fn read(self) -> Incoming {
        let waiting = {
            let mut read_state = self.connection.read_state();
            read_state.unread = false;
            read_state.at_end.take()
        };
        if let Some(waiting) = waiting {
            waiting.wake();
        }
        self.body
    }
}

/// A TCP stream that can end in a reset. `SO_LINGER` becomes zero only when the stream is dropped; set earlier, it
/// would discard responses in transit.
pub(super) struct Wire {
    stream: TcpStream,
    connection: Arc<ConnectionState>,
}

impl Wire {
    pub(super) fn new(stream: TcpStream, connection: &Arc<ConnectionState>) -> Self {
        Self { stream, connection: Arc::clone(connection) }
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        if self.connection.reset.load(Ordering::Relaxed) {
            // An error means that the peer is already gone.
            let _ = self.stream.set_zero_linger();
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        let mut read_state = self.connection.read_state();
        if read_state.unread && read.is_ready() && buffer.filled().len() == before {
            // The next read reports the end of the stream again.
            read_state.at_end = Some(context.waker().clone());
            return Poll::Pending;
        }
        drop(read_state);
        read
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

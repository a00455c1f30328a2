//! The network state of an origin. A closed gate is an outage: new connections are refused and open ones are closed.

use std::{io, net::SocketAddr};

use tokio::{
    net::{TcpListener, TcpSocket},
    sync::watch,
};

/// The accept backlog.
const BACKLOG: u32 = 1024;

/// Opens and closes one origin.
#[derive(Debug)]
pub(crate) struct Gate {
    wanted: watch::Sender<bool>,
    actual: watch::Sender<bool>,
}

impl Default for Gate {
    fn default() -> Self {
        Self { wanted: watch::Sender::new(true), actual: watch::Sender::new(true) }
    }
}

impl Gate {
    /// Opens or closes, and returns when the change has taken effect.
    pub(crate) async fn set(&self, open: bool) {
        self.want(open);
        let (mut actual, mut wanted) = (self.actual.subscribe(), self.wanted.subscribe());
        // The senders live as long as `self`, so neither wait can fail.
        tokio::select! {
            _ = actual.wait_for(|actual| *actual == open) => {}
            // A concurrent change to the opposite state must not block this caller.
            _ = wanted.wait_for(|wanted| *wanted != open) => {}
        }
    }

    /// Opens or closes without waiting.
    pub(crate) fn want(&self, open: bool) {
        self.wanted.send_replace(open);
    }

    /// Returns whether connections are accepted.
    pub(crate) fn is_open(&self) -> bool {
        *self.actual.borrow()
    }

    /// Returns when this state is requested.
    pub(crate) async fn wait_until_wanted(&self, open: bool) {
        let _ = self.wanted.subscribe().wait_for(|wanted| *wanted == open).await;
    }

    /// Records that this state has taken effect.
    pub(crate) fn set_actual(&self, open: bool) {
        self.actual.send_replace(open);
    }
}

/// Binds the address without listening: connections are refused, and no program without SO_REUSEADDR can take the port.
pub(crate) fn hold_port(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    // Connections from before the outage may linger on the port.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}

/// Listens on a held port.
pub(crate) fn listen_again(held: TcpSocket) -> io::Result<TcpListener> {
    held.listen(BACKLOG)
}

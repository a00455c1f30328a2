//! Whether an origin can be reached. A closed gate is an outage as the network shows it: connections refused, and those
//! that were open gone.

use std::{io, net::SocketAddr};

use tokio::{
    net::{TcpListener, TcpSocket},
    sync::watch,
};

/// How many connections may wait to be accepted.
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
    /// Opens or closes, and returns when the network shows it.
    pub(crate) async fn set(&self, open: bool) {
        self.want(open);
        let (mut actual, mut wanted) = (self.actual.subscribe(), self.wanted.subscribe());
        // The senders live as long as `self`, so neither wait can fail.
        tokio::select! {
            _ = actual.wait_for(|actual| *actual == open) => {}
            // Somebody who has changed their mind meanwhile must not leave the first one waiting.
            _ = wanted.wait_for(|wanted| *wanted != open) => {}
        }
    }

    /// Opens or closes, without waiting for it.
    pub(crate) fn want(&self, open: bool) {
        self.wanted.send_replace(open);
    }

    /// Whether connections are accepted.
    pub(crate) fn is_open(&self) -> bool {
        *self.actual.borrow()
    }

    /// Ends when the gate is to be in this state.
    pub(crate) async fn wanted(&self, open: bool) {
        let _ = self.wanted.subscribe().wait_for(|wanted| *wanted == open).await;
    }

    /// Says that the network shows this state now.
    pub(crate) fn is_now(&self, open: bool) {
        self.actual.send_replace(open);
    }
}

/// Takes the address without listening on it: nobody else can have it, and whoever connects is refused.
pub(crate) fn hold_port(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    // The connections of the time before the outage may still linger on the port.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}

/// Listens on a held port.
pub(crate) fn listen_again(held: TcpSocket) -> io::Result<TcpListener> {
    held.listen(BACKLOG)
}

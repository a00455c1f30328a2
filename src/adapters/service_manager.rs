//! Tells systemd, or another service manager that set `NOTIFY_SOCKET`, when the gateway is ready and when it stops
//! (sd_notify(3)). A unit with `Type=notify` then reports a start that fails as failed, and units that need the gateway
//! wait.
//!
//! The protocol is one datagram for each message, so a crate for it would be longer than this.

#[cfg(target_os = "linux")]
use std::os::linux::net::SocketAddrExt;
use std::{
    io,
    net::SocketAddr,
    os::unix::net::{SocketAddr as SocketPath, UnixDatagram},
};

/// The socket of the service manager; None if there is none.
pub struct ServiceManager(Option<UnixDatagram>);

impl ServiceManager {
    /// Connects to the socket in `NOTIFY_SOCKET`. Without it, or if nobody listens there, messages are dropped; the
    /// service manager then acts on its own timeout.
    pub fn at(socket: Option<&str>) -> Self {
        let connected = socket.map(connect).transpose();
        Self(connected.unwrap_or_else(|error| {
            tracing::warn!(error = %error, "the service manager's socket in NOTIFY_SOCKET cannot be reached");
            None
        }))
    }

    /// Says that the store is open and the listener is bound.
    pub fn ready(&self, address: SocketAddr) {
        self.send(&format!("READY=1\nSTATUS=Listening on {address}"));
    }

    /// Says that the gateway stops: it accepts no connections and waits for running requests.
    pub fn stopping(&self) {
        self.send("STOPPING=1\nSTATUS=Waiting for running requests");
    }

    fn send(&self, message: &str) {
        if let Some(Err(error)) = self.0.as_ref().map(|socket| socket.send(message.as_bytes())) {
            tracing::warn!(error = %error, "the service manager cannot be notified");
        }
    }
}

/// The socket does not block: a full queue of the manager must not delay the gateway.
fn connect(socket: &str) -> io::Result<UnixDatagram> {
    let datagrams = UnixDatagram::unbound()?;
    datagrams.set_nonblocking(true)?;
    datagrams.connect_addr(&path(socket)?)?;
    Ok(datagrams)
}

/// An `@` stands for the NUL byte that begins a name in Linux's abstract namespace.
fn path(socket: &str) -> io::Result<SocketPath> {
    #[cfg(target_os = "linux")]
    if let Some(name) = socket.strip_prefix('@') {
        return SocketPath::from_abstract_name(name);
    }
    SocketPath::from_pathname(socket)
}

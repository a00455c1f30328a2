//! Notifies systemd, or another service manager that sets `NOTIFY_SOCKET`, when the gateway is ready and when it stops
//! (sd_notify(3)). With `Type=notify`, systemd reports a failed start as failed, and starts dependent units only when
//! the gateway is ready.
//!
//! Each message is one datagram, so no crate is needed.

#[cfg(target_os = "linux")]
use std::os::linux::net::SocketAddrExt;
use std::{
    io,
    net::SocketAddr,
    os::unix::net::{SocketAddr as SocketPath, UnixDatagram},
};

/// The socket of the service manager, or `None` if there is none.
pub struct ServiceManager(Option<UnixDatagram>);

impl ServiceManager {
    /// Connects to `socket`, the value of `NOTIFY_SOCKET`. If it is `None` or cannot be reached, messages are dropped,
    /// and the service manager acts on its own timeout.
    pub fn at(socket: Option<&str>) -> Self {
        let connected = socket.map(connect).transpose();
        Self(connected.unwrap_or_else(|error| {
            tracing::warn!(error = %error, "the service manager's socket in NOTIFY_SOCKET cannot be reached");
            None
        }))
    }

    /// Reports that the store is open and the listener is bound.
    pub fn ready(&self, address: SocketAddr) {
        self.send(&format!("READY=1\nSTATUS=Listening on {address}"));
    }

    /// Reports that the gateway stops: it accepts no connections and waits for running requests.
    pub fn stopping(&self) {
        self.send("STOPPING=1\nSTATUS=Waiting for running requests");
    }

    fn send(&self, message: &str) {
        if let Some(Err(error)) = self.0.as_ref().map(|socket| socket.send(message.as_bytes())) {
            tracing::warn!(error = %error, "the service manager cannot be notified");
        }
    }
}

/// Connects a non-blocking socket, so that a full queue of the service manager does not delay the gateway.
fn connect(socket: &str) -> io::Result<UnixDatagram> {
    let datagrams = UnixDatagram::unbound()?;
    datagrams.set_nonblocking(true)?;
    datagrams.connect_addr(&path(socket)?)?;
    Ok(datagrams)
}

/// Parses a path or a name in Linux's abstract namespace. In such a name, `@` stands for the NUL byte at its start.
fn path(socket: &str) -> io::Result<SocketPath> {
    #[cfg(target_os = "linux")]
    if let Some(name) = socket.strip_prefix('@') {
        return SocketPath::from_abstract_name(name);
    }
    SocketPath::from_pathname(socket)
}

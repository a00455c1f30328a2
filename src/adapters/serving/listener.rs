//! A bound port, plain or with TLS.

use std::{future::pending, io, net::SocketAddr, sync::Arc};

use futures_util::future::select_all;
use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};

use super::ServerCertificate;

pub struct Listener {
    pub socket: TcpListener,
    /// `None` for plain HTTP.
    pub certificate: Option<Arc<ServerCertificate>>,
}

/// A connection, its peer's address, and its TLS configuration if the listener has a certificate.
type Accepted = (TcpStream, SocketAddr, Option<Arc<ServerConfig>>);

impl From<TcpListener> for Listener {
    fn from(socket: TcpListener) -> Self {
        Self { socket, certificate: None }
    }
}

impl Listener {
    async fn accept(&self) -> io::Result<Accepted> {
        let (stream, peer) = self.socket.accept().await?;
        Ok((stream, peer, self.certificate.as_deref().map(ServerCertificate::config)))
    }
}

/// Waits for the next connection to any of the listeners.
pub(super) async fn accept_any(listeners: &[Listener]) -> io::Result<Accepted> {
    if listeners.is_empty() {
        return pending().await;
    }
    select_all(listeners.iter().map(|listener| Box::pin(listener.accept()))).await.0
}

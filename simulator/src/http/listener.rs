//! The accept loop, and the two ways a connection ends without a response: closed (FIN) or reset (RST).

use std::{future::Future, net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    task::JoinSet,
};

use super::{
    Reply,
    gate::{Gate, hold_port, listen_again},
    wire::{ConnectionState, UnreadBody, Wire},
};

/// The pause after a failed accept (for example without free file descriptors) or a failed attempt to hold a port.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// The number of attempts to hold a closed port: ten seconds of pauses.
const HOLD_ATTEMPTS: u32 = 200;

/// The connection ends without a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ConnectionCut {
    #[error("the connection must be closed without a response")]
    Close,
    #[error("the connection must be reset")]
    Reset,
}

/// A server on one port.
pub(crate) trait Origin: Send + Sync + 'static {
    /// Admits a new connection before any byte of it is read.
    fn admit(&self) -> impl Future<Output = Result<(), ConnectionCut>> + Send {
        std::future::ready(Ok(()))
    }

    fn answer(&self, request: Request<UnreadBody>) -> impl Future<Output = Result<Reply, ConnectionCut>> + Send;
}

/// Accepts connections while the gate is open. Aborting the task ends every connection.
pub(crate) async fn serve(mut listener: TcpListener, gate: Arc<Gate>, origin: impl Origin) {
    let origin = Arc::new(origin);
    loop {
        let Ok(address) = listener.local_addr() else { return };
        accept_until_closed(listener, &gate, &origin).await;
        let held = hold_again(address).await;
        gate.set_actual(false);
        let Some(held) = held else { return };
        gate.wait_until_wanted(true).await;
        let Ok(listening) = listen_again(held) else { return };
        listener = listening;
        gate.set_actual(true);
    }
}

/// Holds the port of a listener that was just closed. Returns `None` if another program has taken it.
async fn hold_again(address: SocketAddr) -> Option<TcpSocket> {
    for _ in 0..HOLD_ATTEMPTS {
        if let Ok(held) = hold_port(address) {
            return Some(held);
        }
        tokio::time::sleep(ACCEPT_PAUSE).await;
    }
    None
}

/// Returns when the listener and every connection are closed.
async fn accept_until_closed(listener: TcpListener, gate: &Gate, origin: &Arc<impl Origin>) {
    let mut connections = JoinSet::new();
    let mut closed = pin!(gate.wait_until_wanted(false));
    loop {
        tokio::select! {
            () = &mut closed => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(serve_connection(stream, Arc::clone(origin)));
                }
                Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
    drop(listener);
    connections.shutdown().await;
}

async fn serve_connection(stream: TcpStream, origin: Arc<impl Origin>) {
    // Without TCP_NODELAY, small events wait for the client's delayed acknowledgements.
    let _ = stream.set_nodelay(true);
    let connection = Arc::new(ConnectionState::default());
    let wire = Wire::new(stream, &connection);
    if let Err(cut) = origin.admit().await {
        connection.end_in_reset(cut == ConnectionCut::Reset);
        return;
    }
    let service = service_fn(|request: Request<Incoming>| {
        // Mark the request as unread here: hyper may see the end of the connection before it polls the response.
        let request = request.map(|body| UnreadBody::new(body, &connection));
        let (origin, connection) = (Arc::clone(&origin), Arc::clone(&connection));
        async move {
            let reply = origin.answer(request).await;
            connection.end_in_reset(matches!(reply, Err(ConnectionCut::Reset)));
            reply.map(Reply::into_response)
        }
    });
    // Ignore the error: a requested cut, or a client that disconnected.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(wire), service).await;
}

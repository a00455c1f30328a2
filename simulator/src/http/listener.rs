//! The accept loop, and the two ways a connection ends without an answer: closed (FIN) or reset (RST).

use std::{future::Future, pin::pin, sync::Arc, time::Duration};

use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

use super::{
    Reply,
    gate::{Gate, hold_port, listen_again},
    wire::{Line, UnreadBody, Wire},
};

/// How long to wait after a failed accept (out of file descriptors, say) instead of spinning.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// The connection ends here, without an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ConnectionCut {
    #[error("the connection is to be closed without an answer")]
    Close,
    #[error("the connection is to be reset")]
    Reset,
}

/// Something that answers requests.
pub(crate) trait Origin: Send + Sync + 'static {
    /// Lets a new connection in, before a byte of it is read.
    fn admit(&self) -> impl Future<Output = Result<(), ConnectionCut>> + Send {
        std::future::ready(Ok(()))
    }

    fn answer(&self, request: Request<UnreadBody>) -> impl Future<Output = Result<Reply, ConnectionCut>> + Send;
}

/// Accepts while the gate is open, until the task is aborted, which also ends every connection.
pub(crate) async fn serve(mut listener: TcpListener, gate: Arc<Gate>, origin: impl Origin) {
    let origin = Arc::new(origin);
    loop {
        let Ok(address) = listener.local_addr() else { return };
        accept_until_closed(listener, &gate, &origin).await;
        // Another program would have to take the port in this very moment for the first try to fail.
        let held = loop {
            match hold_port(address) {
                Ok(held) => break held,
                Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
            }
        };
        gate.is_now(false);
        gate.wanted(true).await;
        let Ok(listening) = listen_again(held) else { return };
        listener = listening;
        gate.is_now(true);
    }
}

/// Returns with the listener and every connection closed.
async fn accept_until_closed(listener: TcpListener, gate: &Gate, origin: &Arc<impl Origin>) {
    let mut connections = JoinSet::new();
    let mut closed = pin!(gate.wanted(false));
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
    let line = Arc::new(Line::default());
    let wire = Wire::new(stream, &line);
    if let Err(cut) = origin.admit().await {
        line.end_in_reset(cut == ConnectionCut::Reset);
        return;
    }
    let service = service_fn(|request: Request<Incoming>| {
        // At once, not when the answer is first worked on: by then the end of the connection would have shown.
        let request = request.map(|body| UnreadBody::new(body, &line));
        let (origin, line) = (Arc::clone(&origin), Arc::clone(&line));
        async move {
            let reply = origin.answer(request).await;
            line.end_in_reset(matches!(reply, Err(ConnectionCut::Reset)));
            reply.map(Reply::into_response)
        }
    });
    // An error here is a cut that was asked for, or a client that went away: neither is news.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(wire), service).await;
}

//! A plain hyper server. The upstream and the bare proxy share it, so that both have the same settings.

use std::{convert::Infallible, net::Ipv4Addr};

use hyper::{
    Request, Response,
    body::{Body, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use crate::Outcome;

/// Serves until the process is killed.
pub(crate) fn serve<H, F, B>(port: u16, handler: H) -> Outcome
where
    H: Fn(Request<Incoming>) -> F + Clone + Send + 'static,
    F: Future<Output = Response<B>> + Send,
    B: Body<Error: Into<Box<dyn std::error::Error + Send + Sync>>> + Send + 'static,
    B::Data: Send,
{
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async move {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        loop {
            let (stream, _) = listener.accept().await?;
            // Without TCP_NODELAY, each small write waits for the acknowledgement of the previous one.
            stream.set_nodelay(true)?;
            let handler = handler.clone();
            let service = service_fn(move |request| {
                let response = handler(request);
                async move { Ok::<_, Infallible>(response.await) }
            });
            let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            // An error means that the client, the load generator or a proxy, has disconnected.
            tokio::spawn(async move { connection.await.ok() });
        }
    })
}

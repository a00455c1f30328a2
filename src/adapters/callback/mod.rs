//! The callback listener (RFC 8252 section 7.3): what the browser reaches at `http://localhost:1455/auth/callback`.
//!
//! Any web page and any program on the machine can reach it too. So it answers two paths, with fixed pages, to direct
//! navigations of a browser that names it by a loopback name, and it shows nothing of what it was sent.

mod bind;
mod page;
mod routes;

use async_trait::async_trait;
use tokio::sync::mpsc;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::{
    adapters::serving::{Limits, serve},
    ports::{BindError, BoundCallback, CallbackAddress, CallbackEvent, CallbackListener},
};

use std::time::Duration;

/// Callbacks that wait for the gateway to look at them; further ones wait in their connections.
const QUEUE: usize = 16;

const LIMITS: Limits = Limits {
    header_timeout: Duration::from_secs(5),
    connections: 64,
    header_bytes: 16 * 1024,
    drain: Duration::from_secs(1),
};

/// The owner's name for this server when it is published under another one, e.g. by a container's port mapping.
#[derive(Debug, Clone, Copy, Default)]
pub struct LoopbackListener;

#[async_trait]
impl CallbackListener for LoopbackListener {
    async fn bind(&self, address: &CallbackAddress) -> Result<Box<dyn BoundCallback>, BindError> {
        let listeners = bind::listeners(address).await?;
        let (sender, events) = mpsc::channel(QUEUE);
        let stop = CancellationToken::new();
        let (stopped, freed) = (stop.clone(), CancellationToken::new());
        let told = freed.clone();
        let endpoint = routes::endpoint(sender, address.port());
        #[expect(
            clippy::disallowed_methods,
            reason = "ends with the value that is returned, which a tracked task holds"
        )]
        tokio::spawn(async move { serve(listeners, endpoint, LIMITS, stopped.cancelled(), told).await });
        Ok(Box::new(Listening { events, freed, stop: stop.drop_guard() }))
    }
}

struct Listening {
    events: mpsc::Receiver<CallbackEvent>,
    /// Cancelled by the server once the port is free.
    freed: CancellationToken,
    stop: DropGuard,
}

#[async_trait]
impl BoundCallback for Listening {
    async fn next_event(&mut self) -> CallbackEvent {
        match self.events.recv().await {
            Some(event) => event,
            // The server task died: nothing will ever come.
            None => std::future::pending().await,
        }
    }

    async fn close(self: Box<Self>) {
        drop(self.stop);
        self.freed.cancelled().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_port_is_free_again_as_soon_as_its_listener_is_closed() {
        let probe = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = CallbackAddress::Loopback { port: probe.local_addr().unwrap().port() };
        drop(probe);
        for round in 0..100 {
            let bound = LoopbackListener.bind(&address).await;
            bound.unwrap_or_else(|error| panic!("round {round}: {error}")).close().await;
        }
    }
}

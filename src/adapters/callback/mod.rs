//! The callback listener (RFC 8252, section 7.3). It serves the redirect URI `http://localhost:1455/auth/callback`.
//!
//! Web pages and other local programs can reach it too. It therefore serves only two paths under a loopback host name,
//! and rejects requests that a browser marks as a prefetch or as part of another page. Its pages repeat text only from
//! a request with the `state` of a pending login.

mod bind;
mod page;
mod routes;

use async_trait::async_trait;
use tokio::sync::mpsc;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::{
    adapters::serving::{Ending, Limits, serve},
    ports::{BindError, BoundCallback, CallbackAddress, CallbackEvent, CallbackListener},
};

use std::time::Duration;

/// Maximum number of queued events. While the queue is full, requests wait.
const QUEUE_CAPACITY: usize = 16;

const LIMITS: Limits = Limits {
    header_timeout: Duration::from_secs(5),
    idle_timeout: Duration::from_secs(5),
    stall_timeout: Duration::from_secs(30),
    body_timeout: Duration::from_secs(30),
    connections: 64,
    connections_per_peer: 64,
    header_bytes: 16 * 1024,
    drain: Duration::from_secs(1),
};

/// Binds the callback port and serves its routes.
#[derive(Debug, Clone, Copy, Default)]
pub struct LoopbackListener;

#[async_trait]
impl CallbackListener for LoopbackListener {
    async fn bind(&self, address: &CallbackAddress) -> Result<Box<dyn BoundCallback>, BindError> {
        let listeners = bind::listeners(address).await?;
        let (sender, events) = mpsc::channel(QUEUE_CAPACITY);
        let stop = CancellationToken::new();
        let (stopped, freed) = (stop.clone(), CancellationToken::new());
        let cancel_when_freed = freed.clone();
        let endpoint = routes::endpoint(sender, address.port());
        #[expect(clippy::disallowed_methods, reason = "ends with the returned value, which a tracked task holds")]
        tokio::spawn(async move {
            // No limit per peer: in a container, every peer has the address of the network bridge.
            let is_shared = |_| true;
            let ending = Ending { stop: stopped, freed: cancel_when_freed, ..Ending::default() };
            let listeners = listeners.into_iter().map(Into::into).collect();
            serve(listeners, endpoint, LIMITS, is_shared, ending).await;
        });
        Ok(Box::new(RunningListener { events, freed, stop: stop.drop_guard() }))
    }
}

struct RunningListener {
    events: mpsc::Receiver<CallbackEvent>,
    /// The server cancels it once the port is free.
    freed: CancellationToken,
    stop: DropGuard,
}

#[async_trait]
impl BoundCallback for RunningListener {
    async fn next_event(&mut self) -> CallbackEvent {
        match self.events.recv().await {
            Some(event) => event,
            // The server task has ended, so no event follows.
            None => std::future::pending().await,
        }
    }

    async fn close(self: Box<Self>) {
        drop(self.stop);
        self.freed.cancelled().await;
    }
}

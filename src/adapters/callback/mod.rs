//! The callback listener (RFC 8252 section 7.3): it serves `http://localhost:1455/auth/callback` to the browser.
//!
//! Web pages and other programs on the machine can reach it too. It therefore serves two paths only, only to a
//! browser's direct navigation to a loopback name, and its pages repeat nothing of a request without a pending login's
//! state.

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

/// Callbacks queued for the gateway. Further ones wait in their connections.
const QUEUE: usize = 16;

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
        let (sender, events) = mpsc::channel(QUEUE);
        let stop = CancellationToken::new();
        let (stopped, freed) = (stop.clone(), CancellationToken::new());
        let cancel_when_freed = freed.clone();
        let endpoint = routes::endpoint(sender, address.port());
        #[expect(clippy::disallowed_methods, reason = "ends with the returned value, which a tracked task holds")]
        tokio::spawn(async move {
            // In a container, every caller has the address of its network's gateway.
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
    /// Cancelled by the server once the port is free.
    freed: CancellationToken,
    stop: DropGuard,
}

#[async_trait]
impl BoundCallback for RunningListener {
    async fn next_event(&mut self) -> CallbackEvent {
        match self.events.recv().await {
            Some(event) => event,
            // The server task has died, so no event follows.
            None => std::future::pending().await,
        }
    }

    async fn close(self: Box<Self>) {
        drop(self.stop);
        self.freed.cancelled().await;
    }
}

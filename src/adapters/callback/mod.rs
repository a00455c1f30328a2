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
        let stopped = stop.clone();
        let endpoint = routes::endpoint(sender, address.port());
        #[expect(
            clippy::disallowed_methods,
            reason = "ends with the value that is returned, which a tracked task holds"
        )]
        tokio::spawn(async move { serve(listeners, endpoint, LIMITS, stopped.cancelled()).await });
        Ok(Box::new(Listening { events, _stop: stop.drop_guard() }))
    }
}

struct Listening {
    events: mpsc::Receiver<CallbackEvent>,
    _stop: DropGuard,
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
}

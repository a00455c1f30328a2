//! A callback listener without a port: the test is the browser.

use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use goclaw::{
    domain::authorization_response::AuthorizationResponse,
    ports::{BindError, BoundCallback, CallbackAddress, CallbackEvent, CallbackHit, CallbackListener, CallbackReply},
};
use tokio::sync::{mpsc, oneshot};

use super::within;

/// Room for every browser of a test at once.
const QUEUE: usize = 128;

/// One port of the machine. It is taken while a [`BoundCallback`] lives, or while another program holds it.
#[derive(Default)]
pub(crate) struct FakeListener {
    port: Arc<Mutex<Port>>,
}

#[derive(Default)]
struct Port {
    held_by_another: bool,
    browsers: Option<mpsc::Sender<CallbackEvent>>,
    times_opened: usize,
}

impl FakeListener {
    /// Another program takes the port, or lets it go.
    pub(crate) fn hold_port(&self, held: bool) {
        lock(&self.port).held_by_another = held;
    }

    pub(crate) fn is_open(&self) -> bool {
        lock(&self.port).browsers.is_some()
    }

    pub(crate) fn times_opened(&self) -> usize {
        lock(&self.port).times_opened
    }

    /// A browser comes back with this query; what it will be shown.
    pub(crate) fn browser_comes_back(&self, query: &str) -> Page {
        let (show, page) = oneshot::channel();
        let response = AuthorizationResponse::from_query(query).expect("a callback with a state");
        let reply = Box::new(move |reply| {
            let _ = show.send(reply);
        });
        self.send(CallbackEvent::Hit(CallbackHit { response, reply }));
        Page(page)
    }

    /// A browser fetches the page with the outcome.
    pub(crate) fn browser_fetches_the_outcome(&self) {
        self.send(CallbackEvent::OutcomeShown);
    }

    fn send(&self, event: CallbackEvent) {
        let browsers = lock(&self.port).browsers.clone().expect("the listener is open");
        assert!(browsers.try_send(event).is_ok(), "too many browsers at once");
    }
}

/// What one browser gets to see.
pub(crate) struct Page(oneshot::Receiver<CallbackReply>);

impl Page {
    pub(crate) async fn shown(self) -> CallbackReply {
        within(self.0).await.expect("the browser is shown something")
    }

    /// Whether the browser still waits.
    pub(crate) fn is_blank(&mut self) -> bool {
        self.0.is_empty() && !self.0.is_terminated()
    }
}

#[async_trait]
impl CallbackListener for FakeListener {
    async fn bind(&self, address: &CallbackAddress) -> Result<Box<dyn BoundCallback>, BindError> {
        let mut port = lock(&self.port);
        if port.held_by_another || port.browsers.is_some() {
            return Err(BindError::InUse { held: format!("127.0.0.1:{}", address.port()) });
        }
        let (browsers, events) = mpsc::channel(QUEUE);
        port.browsers = Some(browsers);
        port.times_opened += 1;
        Ok(Box::new(Bound { events, port: Arc::clone(&self.port) }))
    }
}

struct Bound {
    events: mpsc::Receiver<CallbackEvent>,
    port: Arc<Mutex<Port>>,
}

#[async_trait]
impl BoundCallback for Bound {
    async fn next_event(&mut self) -> CallbackEvent {
        match self.events.recv().await {
            Some(event) => event,
            // The port holds a sender for as long as this lives.
            None => unreachable!("the listener is open"),
        }
    }

    async fn close(self: Box<Self>) {}
}

impl Drop for Bound {
    fn drop(&mut self) {
        lock(&self.port).browsers = None;
    }
}

fn lock(port: &Mutex<Port>) -> MutexGuard<'_, Port> {
    port.lock().expect("no test panics while it holds the port")
}

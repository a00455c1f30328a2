//! A callback listener without a socket. The test sends the browser's requests.

use std::{
    collections::BTreeSet,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard},
};

use async_trait::async_trait;
use goclaw::{
    domain::{
        authorization_response::AuthorizationResponse,
        login_outcome::{LoginEnd, LoginOutcome},
    },
    ports::{BindError, BoundCallback, CallbackAddress, CallbackEvent, CallbackHit, CallbackListener, CallbackReply},
};
use tokio::sync::{mpsc, oneshot};

use super::within;

/// More requests than any test sends.
const QUEUE: usize = 128;
const LOOPBACK: [IpAddr; 2] = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];

/// Simulates one port, which is in use while a [`BoundCallback`] exists or another program holds it.
#[derive(Default)]
pub(crate) struct FakeListener {
    port: Arc<Mutex<Port>>,
}

#[derive(Default)]
struct Port {
    /// The addresses that another program holds.
    held_by_another: BTreeSet<IpAddr>,
    /// Sends events to the open listener.
    browsers: Option<mpsc::Sender<CallbackEvent>>,
    /// The outcome of the last login that ended at the open listener.
    last: Option<LoginOutcome>,
    times_opened: usize,
}

impl FakeListener {
    /// Simulates another program that takes or releases the port.
    pub(crate) fn hold_port(&self, held: bool) {
        lock(&self.port).held_by_another = if held { LOOPBACK.into() } else { BTreeSet::new() };
    }

    /// Simulates another program that takes the port on one address.
    pub(crate) fn hold_address(&self, ip: IpAddr) {
        lock(&self.port).held_by_another.insert(ip);
    }

    pub(crate) fn is_open(&self) -> bool {
        lock(&self.port).browsers.is_some()
    }

    pub(crate) fn times_opened(&self) -> usize {
        lock(&self.port).times_opened
    }

    /// Simulates the provider's redirect with this query. A query without a well-formed state causes no event.
    pub(crate) fn browser_returns(&self, query: &str) -> Page {
        let (show, page) = oneshot::channel();
        let Ok(response) = AuthorizationResponse::from_query(query) else {
            let _ = show.send(CallbackReply::Rejected);
            return Page(page);
        };
        let port = Arc::clone(&self.port);
        let reply = Box::new(move |reply| {
            if let CallbackReply::Ended(LoginEnd { outcome, .. }) = &reply {
                lock(&port).last = Some(*outcome);
            }
            let _ = show.send(reply);
        });
        self.send(CallbackEvent::Hit(CallbackHit { response, reply }));
        Page(page)
    }

    /// Simulates a browser that fetches the outcome page. Returns `None` if no login has ended yet.
    pub(crate) fn browser_fetches_outcome(&self) -> Option<LoginOutcome> {
        let outcome = lock(&self.port).last?;
        self.send(CallbackEvent::OutcomeShown);
        Some(outcome)
    }

    fn send(&self, event: CallbackEvent) {
        let browsers = lock(&self.port).browsers.clone().expect("the listener is open");
        assert!(browsers.try_send(event).is_ok(), "too many browsers at once");
    }
}

/// The page that one browser waits for.
pub(crate) struct Page(oneshot::Receiver<CallbackReply>);

impl Page {
    /// Waits for the reply. A dropped reply counts as [`CallbackReply::Unavailable`].
    pub(crate) async fn shown(self) -> CallbackReply {
        within(self.0).await.unwrap_or(CallbackReply::Unavailable)
    }

    pub(crate) fn is_waiting(&mut self) -> bool {
        self.0.is_empty() && !self.0.is_terminated()
    }
}

#[async_trait]
impl CallbackListener for FakeListener {
    async fn bind(&self, address: &CallbackAddress) -> Result<Box<dyn BoundCallback>, BindError> {
        let mut port = lock(&self.port);
        let ips = match address {
            CallbackAddress::Loopback { .. } => LOOPBACK.to_vec(),
            CallbackAddress::Explicit { ip, .. } => vec![*ip],
        };
        let is_taken = |ip: &IpAddr| {
            let is_held =
                if ip.is_unspecified() { !port.held_by_another.is_empty() } else { port.held_by_another.contains(ip) };
            is_held || port.browsers.is_some()
        };
        if let Some(held) = ips.into_iter().find(is_taken) {
            return Err(BindError::InUse { held: SocketAddr::new(held, address.port()).to_string() });
        }
        let (browsers, events) = mpsc::channel(QUEUE);
        port.browsers = Some(browsers);
        port.last = None;
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
            // `Port::browsers` keeps a sender until this value is dropped.
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

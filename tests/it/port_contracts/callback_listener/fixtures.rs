//! The listeners under test, each with its browsers and another program that can hold the port.

use std::{
    net::{IpAddr, Ipv4Addr},
    pin::Pin,
    sync::{Arc, Mutex},
};

use goclaw::{
    adapters::callback::LoopbackListener,
    domain::login_outcome::LoginOutcome,
    ports::{BindError, BoundCallback, CallbackAddress, CallbackListener, CallbackReply},
};
use tokio::net::{TcpListener, TcpStream};

use crate::support::{
    fakes::{FakeListener, spawn, within},
    gateway::free_port,
    wire::{location_in, raw},
};

/// The response that a browser gets for a [`CallbackReply`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BrowserResponse {
    /// A redirect to the outcome page.
    Outcome,
    Rejected,
    Finishing,
    Unavailable,
}

pub(super) type PendingResponse = Pin<Box<dyn Future<Output = BrowserResponse> + Send>>;

pub(super) trait Fixture {
    fn open() -> Self;

    fn listener(&self) -> &dyn CallbackListener;

    fn port(&self) -> u16;

    /// Lets another program take the port on `ip`.
    async fn hold(&mut self, ip: IpAddr);

    /// Lets the other program release the port.
    fn release(&mut self);

    /// Sends a browser's callback with `query`, on IPv4.
    fn visit(&self, query: &str) -> PendingResponse;

    /// Fetches the outcome page; returns whether it reports a connected account, or None if there is no page.
    async fn fetch_outcome(&self) -> Option<bool>;

    /// Returns whether the listener is open on `ip`.
    async fn is_open(&self, ip: IpAddr) -> bool;

    async fn bind(&self) -> Result<Box<dyn BoundCallback>, BindError> {
        self.listener().bind(&CallbackAddress::Loopback { port: self.port() }).await
    }

    async fn must_bind(&self) -> Box<dyn BoundCallback> {
        self.bind().await.unwrap_or_else(|error| panic!("{error}"))
    }
}

#[derive(Default)]
pub(super) struct Fake(FakeListener);

impl Fixture for Fake {
    fn open() -> Self {
        Self::default()
    }

    fn listener(&self) -> &dyn CallbackListener {
        &self.0
    }

    fn port(&self) -> u16 {
        1455
    }

    async fn hold(&mut self, ip: IpAddr) {
        self.0.hold_address(ip);
    }

    fn release(&mut self) {
        self.0.hold_port(false);
    }

    fn visit(&self, query: &str) -> PendingResponse {
        let page = self.0.browser_returns(query);
        Box::pin(async {
            match page.shown().await {
                CallbackReply::Ended(_) | CallbackReply::Question(_) | CallbackReply::Unsaved => {
                    BrowserResponse::Outcome
                }
                CallbackReply::Rejected => BrowserResponse::Rejected,
                CallbackReply::Finishing => BrowserResponse::Finishing,
                CallbackReply::Unavailable => BrowserResponse::Unavailable,
            }
        })
    }

    async fn fetch_outcome(&self) -> Option<bool> {
        self.0.browser_fetches_outcome().map(|outcome| outcome == LoginOutcome::Completed)
    }

    async fn is_open(&self, _ip: IpAddr) -> bool {
        self.0.is_open()
    }
}

pub(super) struct Loopback {
    port: u16,
    other_program: Option<TcpListener>,
    /// Where the last outcome page is.
    outcome: Arc<Mutex<Option<String>>>,
}

impl Loopback {
    async fn get(port: u16, target: &str) -> (u16, String) {
        within(raw(
            (IpAddr::V4(Ipv4Addr::LOCALHOST), port),
            &format!("GET {target} HTTP/1.1\r\nHost: localhost:{port}\r\n\r\n"),
        ))
        .await
    }
}

impl Fixture for Loopback {
    fn open() -> Self {
        Self { port: free_port(), other_program: None, outcome: Arc::default() }
    }

    fn listener(&self) -> &dyn CallbackListener {
        &LoopbackListener
    }

    fn port(&self) -> u16 {
        self.port
    }

    async fn hold(&mut self, ip: IpAddr) {
        self.other_program = Some(TcpListener::bind((ip, self.port)).await.expect("the port is free"));
    }

    fn release(&mut self) {
        self.other_program = None;
    }

    fn visit(&self, query: &str) -> PendingResponse {
        let (port, target) = (self.port, format!("/auth/callback?{query}"));
        let visit = spawn(async move { Self::get(port, &target).await });
        let outcome = Arc::clone(&self.outcome);
        Box::pin(async move {
            match visit.await.expect("the browser gets a response") {
                (303, redirect) => {
                    *outcome.lock().expect("no test panics while it holds it") = Some(location_in(&redirect));
                    BrowserResponse::Outcome
                }
                (400, _) => BrowserResponse::Rejected,
                (409, _) => BrowserResponse::Finishing,
                (503, _) => BrowserResponse::Unavailable,
                (status, text) => panic!("{status}: {text}"),
            }
        })
    }

    async fn fetch_outcome(&self) -> Option<bool> {
        let location = self.outcome.lock().expect("no test panics while it holds it").clone();
        let (status, text) = Self::get(self.port, location.as_deref().unwrap_or("/auth/done")).await;
        (status == 200).then(|| text.contains("<h1>Connected</h1>"))
    }

    async fn is_open(&self, ip: IpAddr) -> bool {
        TcpStream::connect((ip, self.port)).await.is_ok()
    }
}

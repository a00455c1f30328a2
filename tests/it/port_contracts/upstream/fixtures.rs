//! Fixtures of the `Upstream` contract: the fake, and the HTTP adapter with a server that plays a script.

use std::{sync::Arc, time::Duration};

use goclaw::{
    adapters::{
        system::SystemClock,
        upstream::{HttpUpstream, Timeouts},
    },
    ports::Upstream,
};
use http_message::{HeaderMap, StatusCode, header};

use crate::support::outbound::{outbound, outbound_to_front};
use crate::{
    port_contracts::{scripted_http2::ScriptedHttp2, scripted_server::ScriptedServer},
    support::{
        fakes::{End, Exchange, FakeUpstream, ScriptedResponse},
        gateway::free_port,
    },
};

pub(super) trait Fixture {
    type Port: Upstream;

    /// Starts a provider that responds to every request with `script`.
    async fn with_script(script: ScriptedResponse) -> Self;

    /// Creates an upstream whose provider refuses connections.
    async fn unreachable() -> Self;

    /// Returns the headers that the provider sends.
    fn headers_of(script: &ScriptedResponse) -> HeaderMap {
        script.all_headers()
    }

    fn upstream(&self) -> &Self::Port;

    fn base(&self) -> &str;

    fn exchange(&self) -> &Exchange;

    /// Returns the bearer tokens of all complete requests, in order.
    fn tokens(&self) -> Vec<String>;
}

pub(super) struct Fake(FakeUpstream);

impl Fixture for Fake {
    type Port = FakeUpstream;

    async fn with_script(script: ScriptedResponse) -> Self {
        let upstream = FakeUpstream::default();
        upstream.play(script);
        Self(upstream)
    }

    async fn unreachable() -> Self {
        let upstream = FakeUpstream::default();
        upstream.stop();
        Self(upstream)
    }

    fn upstream(&self) -> &FakeUpstream {
        &self.0
    }

    fn base(&self) -> &str {
        "https://provider.example"
    }

    fn exchange(&self) -> &Exchange {
        self.0.exchange()
    }

    fn tokens(&self) -> Vec<String> {
        self.0.seen()
    }
}

/// The timeout for silence is short only for a silent script, so that no other script reaches it.
fn timeouts_for(script: &ScriptedResponse) -> Timeouts {
    let silence = Duration::from_millis(if script.end == End::Silent { 200 } else { 20_000 });
    Timeouts { silence, ..Timeouts::default() }
}

pub(super) struct Http {
    upstream: HttpUpstream,
    server: ScriptedServer,
    base: String,
}

impl Fixture for Http {
    type Port = HttpUpstream;

    async fn with_script(script: ScriptedResponse) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let upstream = HttpUpstream::new(&outbound(), timeouts_for(&script), Arc::new(SystemClock)).expect("a client");
        let server = ScriptedServer::start(script).await;
        Self { upstream, base: server.base.clone(), server }
    }

    async fn unreachable() -> Self {
        let fixture = Self::with_script(ScriptedResponse::whole(StatusCode::OK, "")).await;
        Self { base: format!("http://127.0.0.1:{}", free_port()), ..fixture }
    }

    fn upstream(&self) -> &HttpUpstream {
        &self.upstream
    }

    fn base(&self) -> &str {
        &self.base
    }

    fn exchange(&self) -> &Exchange {
        &self.server.exchange
    }

    fn tokens(&self) -> Vec<String> {
        self.server.tokens()
    }
}

pub(super) struct Http2 {
    upstream: HttpUpstream,
    server: ScriptedHttp2,
    base: String,
}

impl Fixture for Http2 {
    type Port = HttpUpstream;

    async fn with_script(script: ScriptedResponse) -> Self {
        let upstream = HttpUpstream::new(&outbound_to_front(true), timeouts_for(&script), Arc::new(SystemClock))
            .expect("a client");
        let server = ScriptedHttp2::start(script).await;
        Self { upstream, base: server.base.clone(), server }
    }

    async fn unreachable() -> Self {
        let fixture = Self::with_script(ScriptedResponse::whole(StatusCode::OK, "")).await;
        Self { base: format!("https://127.0.0.1:{}", free_port()), ..fixture }
    }

    fn headers_of(script: &ScriptedResponse) -> HeaderMap {
        let mut headers = script.all_headers();
        headers.remove(header::TRANSFER_ENCODING);
        headers
    }

    fn upstream(&self) -> &HttpUpstream {
        &self.upstream
    }

    fn base(&self) -> &str {
        &self.base
    }

    fn exchange(&self) -> &Exchange {
        &self.server.exchange
    }

    fn tokens(&self) -> Vec<String> {
        self.server.tokens()
    }
}

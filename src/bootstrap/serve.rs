//! Starts and stops the gateway process.
//!
//! The start binds the port first, so that a second gateway fails before it changes anything.
//!
//! On SIGTERM or SIGINT, the gateway accepts no new connections and waits for running requests, at most `server.drain`
//! (`serving::serve`). A second signal ends this wait. Then streams end with an error event (`App::streams_end`,
//! `app/models/stream.rs`). Last, the gateway waits for every task that changes state (`App::shut_down`).

use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};
use tokio_util::sync::CancellationToken;

use super::{StartError, first_start, gateway_token, stores::Storage};
use crate::{
    adapters::{
        callback::LoopbackListener,
        http::{self, Accepted, GatewayToken, Hosts, Origins, RequestIds},
        oauth::HttpOAuthEndpoint,
        outbound::{Outbound, OutboundOptions},
        secret_file::mode_if_public,
        serving::{self, Ending, Limits, Listener, ServerCertificate},
        settings::{DatabaseSettings, OutboundSettings, Settings},
        system::{SystemRandom, raise_open_files},
        upstream::{HttpUpstream, Timeouts},
        web_ui,
        webhook::Webhook,
    },
    app::{Adoption, App, AppSettings, Ports, ProviderCatalog},
    domain::networks::TrustedProxies,
};

/// Number of open files reserved for the database, the journal, the log and the listeners.
const RESERVED_FILES: usize = 64;

/// Number of access tokens that the start loads into memory, about 2 KiB each. More are hardly ever in use at once.
const TOKENS_IN_MEMORY: usize = 5_000;

/// A gateway that listens but does not serve yet.
pub struct Started {
    pub address: SocketAddr,
    pub app: Arc<App>,
    pub certificate: Option<Arc<ServerCertificate>>,
    listener: Listener,
    token: GatewayToken,
    accepted: Accepted,
    request_ids: RequestIds,
    drain: Duration,
}

/// The signals to stop the gateway.
#[derive(Debug, Clone, Default)]
pub struct Stop {
    /// When cancelled, the gateway accepts no new requests.
    pub begin: CancellationToken,
    /// When cancelled, the gateway ends running streams instead of waiting for them.
    pub hurry: CancellationToken,
}

/// Builds the gateway and binds its port.
pub async fn start(settings: &Settings) -> Result<Started, StartError> {
    start_with(settings, |ports| ports).await
}

/// Builds the gateway like [`start`], with the ports that `decorate` returns. Tests replace or wrap ports this way.
pub async fn start_with(settings: &Settings, decorate: impl FnOnce(Ports) -> Ports) -> Result<Started, StartError> {
    let certificate = settings.server.tls_files().map(|(certificate, key)| ServerCertificate::read(certificate, key));
    let certificate = certificate.transpose()?.map(Arc::new);
    let socket = listen(SocketAddr::new(settings.server.host, settings.server.port)).await?;
    let address = socket.local_addr().map_err(StartError::Runtime)?;
    let listener = Listener { socket, certificate: certificate.clone() };
    warn_if_exposed(settings);
    log_proxies(&settings.outbound);
    let random = Arc::new(SystemRandom);
    let Storage { stores, journal, cipher } = Storage::open(settings, random.clone()).await?;
    first_start::note_key_configuration(settings);
    let token = first_start::gateway_token(settings, random.as_ref())?;
    let clock = stores.clock;
    let token =
        GatewayToken::of(gateway_token::digests(settings, &token), gateway_token::source(settings), clock.clone());
    let outbound = build_outbound(&settings.outbound)?;
    let oauth = Arc::new(HttpOAuthEndpoint::new(&outbound, clock.clone()).map_err(StartError::http_client)?);
    let request_ids = RequestIds::new(random.as_ref())?;
    let upstream = HttpUpstream::new(&outbound, Timeouts::default(), clock.clone()).map_err(StartError::HttpClient)?;
    let webhook = settings.webhook.clone();
    let webhook = webhook.map(|hook| Webhook::new(&outbound, hook.url, hook.key, clock.clone())).transpose();
    let webhook = webhook.map_err(StartError::http_client)?;
    let ports = decorate(Ports {
        credentials: stores.credentials,
        changes: stores.changes,
        history: stores.history,
        journal,
        logins: stores.logins,
        revocations: stores.revocations,
        api_tokens: stores.api_tokens,
        responses: stores.responses,
        requests: stores.requests,
        keys: stores.keys,
        audit: stores.audit,
        sessions: oauth.clone(),
        oauth,
        upstream: Arc::new(upstream),
        notifier: webhook.map(|webhook| Arc::new(webhook) as _),
        callback_listener: Arc::new(LoopbackListener),
        cipher,
        clock,
        random,
    });
    let app = App::new(
        ports,
        AppSettings {
            catalog: ProviderCatalog::new(settings.providers.iter().cloned()),
            models: settings.models.clone(),
            remember: settings.remember,
            keep_requests: settings.requests.keep,
            callback_address: settings.callback.address(),
            login_lifetime: settings.callback.timeout,
            proactive: settings.refresh.proactive,
            tokens_in_memory: TOKENS_IN_MEMORY,
            adoption: adoption(&settings.database),
            gateway_token: token.digest(),
        },
    );
    app.start().await?;
    let public_url = settings.server.public_url.clone();
    let mut names = settings.server.allowed_hosts.clone();
    names.extend(public_url.iter().map(|url| url.host().to_owned()));
    let accepted = Accepted {
        hosts: Hosts::new(settings.server.host, &names),
        origins: Origins::new(&settings.server.allowed_origins),
        proxies: TrustedProxies::new(settings.server.trusted_proxies.clone()),
        public_url,
    };
    let drain = settings.server.drain;
    Ok(Started { address, app, certificate, listener, token, accepted, request_ids, drain })
}

/// Builds the outbound connections: reads the trusted authorities, and sets up the proxies.
pub(super) fn build_outbound(settings: &OutboundSettings) -> Result<Outbound, StartError> {
    let OutboundSettings { proxy, proxy_variable: _, no_proxy, no_proxy_variable: _, accounts, ca_file, http2 } =
        settings;
    Ok(Outbound::new(&OutboundOptions {
        proxy: proxy.clone(),
        no_proxy: no_proxy.clone(),
        accounts: accounts.clone(),
        ca_file: ca_file.clone(),
        offers_http2: *http2,
    })?)
}

/// Returns whether the start may adopt a database of the first format. On PostgreSQL it may not, because gateways of
/// the earlier version may still be running.
pub(super) fn adoption(database: &DatabaseSettings) -> Adoption {
    match database {
        DatabaseSettings::Sqlite(_) => Adoption::IfASecretOpens,
        DatabaseSettings::Postgres(_) => Adoption::No,
    }
}

/// Serves until `stop`, then waits for requests and tasks as described in the module's documentation.
pub async fn run(started: Started, stop: Stop) {
    let page = web_ui::endpoint();
    let Started { app, listener, token, accepted, request_ids, drain, .. } = started;
    let proxies = accepted.proxies.clone();
    let endpoint = http::endpoint(&app, token, accepted, request_ids, page, stop.begin.clone());
    let is_shared = move |peer: IpAddr| peer.is_loopback() || proxies.contain(peer);
    let limits = limit_connections(http::limits(drain), raise_open_files());
    let ending = Ending { stop: stop.begin, hurry: stop.hurry, cut: app.streams_end(), ..Ending::default() };
    serving::serve(vec![listener], endpoint, limits, is_shared, ending).await;
    app.shut_down().await;
    tracing::info!("stopped");
}

/// Limits the connections by the number of files that this process may open. Each connection of a caller may need
/// another one to a provider.
fn limit_connections(limits: Limits, open_files: usize) -> Limits {
    let max = open_files.saturating_sub(RESERVED_FILES) / 2;
    if max < limits.connections {
        tracing::warn!(open_files, connections = max, "the limit of open files leaves room for few connections");
    }
    Limits { connections: limits.connections.min(max).max(1), ..limits }
}

/// Warns of listeners without TLS that other machines may reach, and of secrets that other users may read.
fn warn_if_exposed(settings: &Settings) {
    let host = settings.server.host;
    if !host.is_loopback() && settings.server.tls_files().is_none() {
        tracing::warn!(%host,
            "the API listens on {host}: other machines may reach it, and plain HTTP shows them the token; put TLS in front"
        );
    }
    let secrets = [&settings.encryption.key_file, &settings.server.token_file, &settings.server.tls_key_file];
    for path in secrets.into_iter().flatten() {
        if let Some(mode) = mode_if_public(path) {
            tracing::warn!(path = %path.display(),
                "every user of this machine can read {} (mode {mode:04o}); make the file or its folder private", path.display());
        }
    }
    if let Some(ip) = settings.callback.bind.filter(|ip| !ip.is_loopback()) {
        tracing::warn!(%ip, "the login callback listens on {ip}: other machines may reach it while somebody signs in");
    }
}

/// Logs the configured proxies, without their credentials.
fn log_proxies(settings: &OutboundSettings) {
    if let Some(proxy) = &settings.proxy {
        let from = settings.proxy_variable.unwrap_or("outbound.proxy");
        let except = if settings.no_proxy.is_empty() {
            String::new()
        } else {
            format!(", except to {}", settings.no_proxy.join(", "))
        };
        tracing::info!("connections to other machines go through the proxy {proxy} ({from}){except}");
    }
    for (account, choice) in &settings.accounts {
        tracing::info!(provider.name = %account, "connections of {account} go through the proxy {choice}");
    }
}

async fn listen(address: SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(address).await.map_err(|source| {
        let is_taken = source.kind() == io::ErrorKind::AddrInUse;
        if is_taken { StartError::PortTaken { address } } else { StartError::Listen { address, source } }
    })
}

/// Listens for SIGTERM and SIGINT. The first signal begins the stop, and the second ends the streams of callers. No
/// signal interrupts a save.
pub(super) fn listen_for_stop_signals() -> Result<Stop, StartError> {
    let listen = |kind| signal(kind).map_err(StartError::Runtime);
    let (mut terminate, mut interrupt) = (listen(SignalKind::terminate())?, listen(SignalKind::interrupt())?);
    let stop = Stop::default();
    let Stop { begin, hurry } = stop.clone();
    #[expect(clippy::disallowed_methods, reason = "it runs as long as the process and holds no state")]
    tokio::spawn(async move {
        loop {
            tokio::select! {
                Some(()) = terminate.recv() => {}
                Some(()) = interrupt.recv() => {}
                else => return,
            }
            if begin.is_cancelled() {
                tracing::info!("stopping without waiting for streams; new tokens are still saved");
                hurry.cancel();
            } else {
                tracing::info!("stopping; waiting for running requests (a second signal ends them)");
                begin.cancel();
            }
        }
    });
    Ok(stop)
}

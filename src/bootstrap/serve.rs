//! Starts and stops the gateway process.
//!
//! The start binds the port first, so that a second gateway fails before it changes anything. On SIGTERM or SIGINT the
//! gateway accepts no new connections, waits for running requests up to a limit, and then waits for every task that
//! changes state. Those tasks have time limits of their own.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
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
        secret_file::mode_if_public,
        serving::{self, Limits},
        settings::{DatabaseSettings, Settings},
        system::{SystemRandom, raise_open_files},
        upstream::{HttpUpstream, Timeouts},
        web_ui,
        webhook::Webhook,
    },
    app::{Adoption, App, AppSettings, Ports, ProviderCatalog},
    domain::networks::TrustedProxies,
};

/// Files for the database, the journal, the log and the listeners.
const RESERVED_FILES: usize = 64;

/// Access tokens that a start opens, 2 KiB each. More accounts than that are hardly used all at once.
const TOKENS_IN_MEMORY: usize = 5_000;

/// A gateway that listens but does not serve yet.
pub struct Started {
    pub address: SocketAddr,
    pub app: Arc<App>,
    listener: TcpListener,
    token: GatewayToken,
    accepted: Accepted,
    request_ids: RequestIds,
}

/// Builds the gateway and binds its port.
pub async fn start(settings: &Settings) -> Result<Started, StartError> {
    start_with(settings, |ports| ports).await
}

/// Does the same as [`start`] with the ports that `decorate` returns, so that tests can replace or wrap ports.
pub async fn start_with(settings: &Settings, decorate: impl FnOnce(Ports) -> Ports) -> Result<Started, StartError> {
    let listener = listen(SocketAddr::new(settings.server.host, settings.server.port)).await?;
    let address = listener.local_addr().map_err(StartError::Runtime)?;
    warn_if_exposed(settings);
    let random = Arc::new(SystemRandom);
    let Storage { stores, journal, cipher } = Storage::open(settings, random.clone()).await?;
    let token = first_start::gateway_token(settings, random.as_ref())?;
    let clock = stores.clock;
    let token =
        GatewayToken::of(gateway_token::digests(settings, &token), gateway_token::source(settings), clock.clone());
    let oauth = Arc::new(HttpOAuthEndpoint::new(clock.clone()).map_err(StartError::http_client)?);
    let request_ids = RequestIds::new(random.as_ref())?;
    let upstream = HttpUpstream::new(Timeouts::default(), clock.clone()).map_err(StartError::http_client)?;
    let webhook = settings.webhook.clone().map(|hook| Webhook::new(hook.url, hook.secret, clock.clone())).transpose();
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
            callback_address: settings.callback.address(),
            login_lifetime: settings.callback.timeout,
            proactive: settings.refresh.proactive,
            tokens_in_memory: TOKENS_IN_MEMORY,
            adoption: adoption(&settings.database),
            gateway_token: token.digest(),
        },
    );
    app.start().await?;
    let accepted = Accepted {
        hosts: Hosts::new(settings.server.host, &settings.server.allowed_hosts),
        origins: Origins::new(&settings.server.allowed_origins),
        proxies: TrustedProxies::new(settings.server.trusted_proxies.clone()),
    };
    Ok(Started { address, app, listener, token, accepted, request_ids })
}

/// A database file belongs to one machine; on PostgreSQL, gateways of the earlier version may run.
pub(super) fn adoption(database: &DatabaseSettings) -> Adoption {
    match database {
        DatabaseSettings::Sqlite(_) => Adoption::IfASecretOpens,
        DatabaseSettings::Postgres(_) => Adoption::No,
    }
}

/// Serves until `stop` is cancelled, then waits for requests and tasks as described above.
pub async fn run(started: Started, stop: CancellationToken) {
    let page = web_ui::endpoint();
    let Started { app, listener, token, accepted, request_ids, .. } = started;
    let known = accepted.proxies.clone();
    let endpoint = http::endpoint(&app, token, accepted, request_ids, page, stop.clone());
    let is_shared = move |peer: IpAddr| peer.is_loopback() || known.contain(peer);
    let limits = within(http::LIMITS, raise_open_files());
    serving::serve(vec![listener], endpoint, limits, is_shared, stop.cancelled(), CancellationToken::new()).await;
    app.shut_down().await;
    tracing::info!("stopped");
}

/// Fits the connections to the number of files that this process may open: each may need another one to a provider.
fn within(limits: Limits, open_files: usize) -> Limits {
    let most = open_files.saturating_sub(RESERVED_FILES) / 2;
    if most < limits.connections {
        tracing::warn!(open_files, connections = most, "the limit of open files leaves room for few connections");
    }
    Limits { connections: limits.connections.min(most).max(1), ..limits }
}

/// Logs a warning for each listener that other machines may reach, and for each secret that other users may read.
fn warn_if_exposed(settings: &Settings) {
    let host = settings.server.host;
    if !host.is_loopback() {
        tracing::warn!(%host,
            "the API listens on {host}: other machines may reach it, and plain HTTP shows them the token; put TLS in front"
        );
    }
    for path in [&settings.encryption.key_file, &settings.server.token_file].into_iter().flatten() {
        if let Some(mode) = mode_if_public(path) {
            tracing::warn!(path = %path.display(),
                "every user of this machine can read {} (mode {mode:04o}); make the file or its folder private", path.display());
        }
    }
    if let Some(ip) = settings.callback.bind.filter(|ip| !ip.is_loopback()) {
        tracing::warn!(%ip, "the login callback listens on {ip}: other machines may reach it while somebody signs in");
    }
}

async fn listen(address: SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(address).await.map_err(|source| {
        let taken = source.kind() == io::ErrorKind::AddrInUse;
        if taken { StartError::PortTaken { address } } else { StartError::Listen { address, source } }
    })
}

/// Returns a token that the first SIGTERM or SIGINT cancels. Later signals are ignored, so that they cannot interrupt a
/// save.
pub(super) fn stop_signal() -> Result<CancellationToken, StartError> {
    let listen = |kind| signal(kind).map_err(StartError::Runtime);
    let (mut terminate, mut interrupt) = (listen(SignalKind::terminate())?, listen(SignalKind::interrupt())?);
    let stop = CancellationToken::new();
    let cancelled = stop.clone();
    #[expect(clippy::disallowed_methods, reason = "it runs as long as the process and holds no state")]
    tokio::spawn(async move {
        loop {
            tokio::select! {
                Some(()) = terminate.recv() => {}
                Some(()) = interrupt.recv() => {}
                else => return,
            }
            tracing::info!("stopping; waiting for running requests");
            cancelled.cancel();
        }
    });
    Ok(stop)
}

//! The gateway as a process: the order in which things start, and the order in which they stop.
//!
//! The port is taken first, so that a second gateway fails before it touches anything. On SIGTERM or ctrl-c: no new
//! connections, requests under way finish (up to a limit), then whatever is changing state finishes, without a limit of
//! ours: each such task has its own.

use std::{io, net::SocketAddr, sync::Arc};

use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};
use tokio_util::sync::CancellationToken;

use super::{StartError, first_start, stores::Stores};
use crate::{
    adapters::{
        callback::LoopbackListener,
        cipher::XChaChaCipher,
        http::{self, GatewayToken, Hosts, RequestIds},
        journal::FolderJournal,
        oauth::HttpOAuthEndpoint,
        secret_file::create_private_folder,
        serving,
        settings::Settings,
        system::{SystemClock, SystemRandom},
        upstream::{HttpUpstream, Timeouts},
        web_ui,
        webhook::Webhook,
    },
    app::{App, AppSettings, Ports, ProviderCatalog},
};

/// A gateway that listens and waits to be run.
pub struct Started {
    pub address: SocketAddr,
    pub app: Arc<App>,
    listener: TcpListener,
    token: GatewayToken,
    hosts: Hosts,
    request_ids: RequestIds,
}

/// Builds everything and starts to listen.
pub async fn start(settings: &Settings) -> Result<Started, StartError> {
    start_with(settings, |ports| ports).await
}

/// The same with the ports as `decorate` returns them: how a test stands between the gateway and its world.
pub async fn start_with(settings: &Settings, decorate: impl FnOnce(Ports) -> Ports) -> Result<Started, StartError> {
    let listener = listen(SocketAddr::new(settings.server.host, settings.server.port)).await?;
    let address = listener.local_addr().map_err(StartError::Runtime)?;
    warn_of_open_doors(settings);
    let random = Arc::new(SystemRandom);
    create_private_folder(&settings.data_dir)?;
    let journal = settings.data_dir.join("escrow");
    create_private_folder(&journal)?;
    let stores = Stores::open(&settings.database).await?;
    let sealed_rows = !stores.credentials.list().await?.is_empty();
    let key = first_start::encryption_key(settings, random.as_ref(), &stores.name, sealed_rows)?;
    let token = GatewayToken::new(&first_start::gateway_token(settings, random.as_ref())?);
    let oauth = Arc::new(HttpOAuthEndpoint::new().map_err(|error| StartError::HttpClient(Box::new(error)))?);
    let request_ids = RequestIds::new(random.as_ref())?;
    let clock = Arc::new(SystemClock);
    let upstream = HttpUpstream::new(Timeouts::default(), clock.clone());
    let upstream = upstream.map_err(|error| StartError::HttpClient(Box::new(error)))?;
    let webhook = settings.webhook.clone().map(|hook| Webhook::new(hook.url, hook.secret, clock.clone())).transpose();
    let webhook = webhook.map_err(|error| StartError::HttpClient(Box::new(error)))?;
    let ports = decorate(Ports {
        credentials: stores.credentials,
        history: stores.history,
        journal: Arc::new(FolderJournal::in_folder(journal)),
        logins: stores.logins,
        revocations: stores.revocations,
        api_tokens: stores.api_tokens,
        sessions: oauth.clone(),
        oauth,
        upstream: Arc::new(upstream),
        notifier: webhook.map(|webhook| Arc::new(webhook) as _),
        callback_listener: Arc::new(LoopbackListener),
        cipher: Arc::new(XChaChaCipher::new(&key, random.clone())),
        clock,
        random,
    });
    let app = App::new(
        ports,
        AppSettings {
            catalog: ProviderCatalog::new(settings.providers.iter().cloned()),
            models: settings.models.clone(),
            callback_address: settings.callback.address(),
            login_lifetime: settings.callback.timeout,
            proactive: settings.refresh.proactive,
        },
    );
    app.start().await.map_err(StartError::Wake)?;
    let hosts = Hosts::new(settings.server.host, &settings.server.allowed_hosts);
    Ok(Started { address, app, listener, token, hosts, request_ids })
}

/// Serves until `stop` is cancelled and everything under way is done.
pub async fn run(started: Started, stop: CancellationToken) {
    let page = web_ui::endpoint();
    let Started { app, listener, token, hosts, request_ids, .. } = started;
    let endpoint = http::endpoint(&app, token, hosts, request_ids, page, stop.clone());
    serving::serve(vec![listener], endpoint, http::LIMITS, stop.cancelled(), CancellationToken::new()).await;
    app.shut_down().await;
    tracing::info!("stopped");
}

/// Whoever opens the gateway to other machines asked for it; it is said all the same.
fn warn_of_open_doors(settings: &Settings) {
    let host = settings.server.host;
    if !host.is_loopback() {
        tracing::warn!(%host,
            "the API listens on {host}: other machines may reach it, and plain HTTP shows them the token; put TLS in front"
        );
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

/// Cancelled by the first SIGTERM or SIGINT. Later ones change nothing: what must be saved is still being saved.
pub(super) fn stop_signal() -> Result<CancellationToken, StartError> {
    let listen = |kind| signal(kind).map_err(StartError::Runtime);
    let (mut terminate, mut interrupt) = (listen(SignalKind::terminate())?, listen(SignalKind::interrupt())?);
    let stop = CancellationToken::new();
    let told = stop.clone();
    #[expect(clippy::disallowed_methods, reason = "it lives as long as the process and holds nothing")]
    tokio::spawn(async move {
        loop {
            tokio::select! {
                Some(()) = terminate.recv() => {}
                Some(()) = interrupt.recv() => {}
                else => return,
            }
            tracing::info!("stopping; requests under way are finished first");
            told.cancel();
        }
    });
    Ok(stop)
}

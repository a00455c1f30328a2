//! A running simulator, as Rust tests use it.

use std::{fmt, io, net::Ipv4Addr, path::PathBuf, sync::Arc};

use serde::Serialize;
use tokio::{net::TcpListener, task::JoinSet};

use crate::{
    auth::AuthOrigin,
    backend::{self, BackendOrigin},
    control::ControlOrigin,
    dashscope::DashscopeOrigin,
    http::{Gate, serve},
    outages::Outages,
    provider::{KeysError, Provider, SigningKeys},
    sessions::SessionsOrigin,
    settings::Settings,
    site::Site,
    studio::{self, StudioOrigin},
};

/// The start options. By default the ports are random and the provider behaves correctly.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The port of the auth origin; 0 selects a random one.
    pub port: u16,
    /// The port of the control API; 0 selects a random one.
    pub control_port: u16,
    /// The port of the backend; 0 selects a random one.
    pub backend_port: u16,
    /// The port of the session provider; 0 selects a random one.
    pub sessions_port: u16,
    /// The port of the music API; 0 selects a random one.
    pub studio_port: u16,
    /// The port of DashScope; 0 selects a random one.
    pub dashscope_port: u16,
    /// The file of the signing keys, written if it is missing; without it every process generates its own, which takes
    /// most of the start time.
    pub signing_keys: Option<PathBuf>,
    /// The settings at the start and after a reset.
    pub settings: Settings,
}

/// The simulator did not start, or could not generate a key.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The port is not available.
    #[error("cannot listen on 127.0.0.1:{port}")]
    Listen {
        /// The port.
        port: u16,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// The signing keys could not be generated or stored.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// The task that generates keys panicked or was cancelled.
    #[error("the generation of signing keys was interrupted")]
    Interrupted(#[source] tokio::task::JoinError),
}

/// The simulator's addresses. The program prints them as JSON when it is ready.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Addresses {
    /// The auth origin, `http://127.0.0.1:PORT`, which is also the `iss` of its tokens.
    pub issuer: String,
    /// The control API, `http://127.0.0.1:PORT`.
    pub control_url: String,
    /// The backend's base URL, `http://127.0.0.1:PORT/backend-api`.
    pub backend_url: String,
    /// The session provider, `http://127.0.0.1:PORT`, which is also the `iss` of its tokens.
    pub sessions_url: String,
    /// The music API's base URL, `http://127.0.0.1:PORT/api`.
    pub studio_url: String,
    /// DashScope, `http://127.0.0.1:PORT`. Its two APIs are below `/compatible-mode/v1` and `/api/v1`.
    pub dashscope_url: String,
}

/// A running simulator. Dropping it closes all ports and every connection.
pub struct Simulator {
    pub(crate) provider: Arc<Provider>,
    pub(crate) outages: Arc<Outages>,
    addresses: Addresses,
    listeners: JoinSet<()>,
}

impl Simulator {
    /// Starts on 127.0.0.1. The first start in a process generates the signing keys, unless it reads them from a file.
    ///
    /// # Errors
    /// Fails if a port is taken, or if the signing keys cannot be generated or stored.
    pub async fn start(options: Options) -> Result<Self, StartError> {
        let (auth, issuer) = listen(options.port).await?;
        let (control, control_url) = listen(options.control_port).await?;
        let (backend, backend_url) = listen(options.backend_port).await?;
        let (sessions, sessions_url) = listen(options.sessions_port).await?;
        let (studio, studio_url) = listen(options.studio_port).await?;
        let (dashscope, dashscope_url) = listen(options.dashscope_port).await?;
        let addresses = Addresses {
            issuer,
            control_url,
            backend_url: backend_url + backend::BASE_PATH,
            sessions_url,
            studio_url: studio_url + studio::BASE_PATH,
            dashscope_url,
        };
        let keys = tokio::task::spawn_blocking(move || match options.signing_keys {
            Some(file) => SigningKeys::load_or_create(&file),
            None => Ok(SigningKeys::initial()?),
        });
        let keys = keys.await.map_err(StartError::Interrupted)??;
        let (issuer, sessions_issuer) = (addresses.issuer.clone(), addresses.sessions_url.clone());
        let provider = Arc::new(Provider::new(issuer, sessions_issuer, options.settings, keys));
        let outages = Arc::new(Outages::default());
        let shared = || Arc::clone(&provider);
        let mut listeners = JoinSet::new();
        listeners.spawn(serve(auth, outages.gate(Site::Auth), AuthOrigin { provider: shared() }));
        listeners.spawn(serve(backend, outages.gate(Site::Backend), BackendOrigin { provider: shared() }));
        listeners.spawn(serve(sessions, outages.gate(Site::Sessions), SessionsOrigin { provider: shared() }));
        listeners.spawn(serve(studio, outages.gate(Site::Studio), StudioOrigin { provider: shared() }));
        listeners.spawn(serve(dashscope, outages.gate(Site::Dashscope), DashscopeOrigin { provider: shared() }));
        // The control API has no outages.
        let always_open = Arc::new(Gate::default());
        let control_origin = ControlOrigin { provider: shared(), outages: Arc::clone(&outages) };
        listeners.spawn(serve(control, always_open, control_origin));
        Ok(Self { provider, outages, addresses, listeners })
    }

    /// Returns all addresses.
    #[must_use]
    pub fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    /// The auth origin, `http://127.0.0.1:PORT`, which is also the `iss` of its tokens.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.addresses.issuer
    }

    /// The control API, `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn control_url(&self) -> &str {
        &self.addresses.control_url
    }

    /// The backend's base URL, `http://127.0.0.1:PORT/backend-api`.
    #[must_use]
    pub fn backend_url(&self) -> &str {
        &self.addresses.backend_url
    }

    /// The session provider, `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn sessions_url(&self) -> &str {
        &self.addresses.sessions_url
    }

    /// The music API's base URL, `http://127.0.0.1:PORT/api`.
    #[must_use]
    pub fn studio_url(&self) -> &str {
        &self.addresses.studio_url
    }

    /// DashScope, `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn dashscope_url(&self) -> &str {
        &self.addresses.dashscope_url
    }

    /// Stops and waits until all ports are closed. Dropping does not wait.
    pub async fn stop(mut self) {
        self.listeners.shutdown().await;
    }
}

impl fmt::Debug for Simulator {
    /// Shows only the addresses: the state contains tokens.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Simulator").field("addresses", &self.addresses).finish_non_exhaustive()
    }
}

/// Listens on a port and returns the origin's URL.
async fn listen(port: u16) -> Result<(TcpListener, String), StartError> {
    let refused = |source| StartError::Listen { port, source };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.map_err(refused)?;
    let address = listener.local_addr().map_err(refused)?;
    Ok((listener, format!("http://{address}")))
}

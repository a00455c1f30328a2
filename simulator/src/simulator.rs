//! A running simulator: what a Rust test holds in its hand.

use std::{fmt, io, net::Ipv4Addr, sync::Arc};

use tokio::{net::TcpListener, task::JoinSet};

use crate::{
    auth::AuthOrigin,
    control::ControlOrigin,
    faults::FaultOrder,
    http::serve,
    journal::{FamilyLedger, JournalEntry},
    provider::{KeyRing, Provider, SigningKey, TokenStatus},
    settings::{Approval, Settings},
};

/// How to start. The default takes random ports and behaves well.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The port of the auth origin; 0 for a random one.
    pub port: u16,
    /// The port of the control side; 0 for a random one.
    pub control_port: u16,
    /// How to behave at the start, and again after a reset.
    pub settings: Settings,
}

/// The simulator did not start, or could not make a key.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The port cannot be had.
    #[error("cannot listen on 127.0.0.1:{port}")]
    Listen {
        /// Which port.
        port: u16,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// No signing key.
    #[error("cannot generate a signing key")]
    Keys(#[source] rsa::Error),
    /// The task that generates keys ended early.
    #[error("the generation of signing keys was interrupted")]
    Interrupted(#[source] tokio::task::JoinError),
}

/// A running simulator. Dropping it closes both ports and every connection.
pub struct Simulator {
    provider: Arc<Provider>,
    control_url: String,
    listeners: JoinSet<()>,
}

impl Simulator {
    /// Starts on 127.0.0.1. The first start of a process generates the signing keys, which takes a moment.
    ///
    /// # Errors
    /// When a port is taken or no key can be generated.
    pub async fn start(options: Options) -> Result<Self, StartError> {
        let auth_listener = listen(options.port).await?;
        let control_listener = listen(options.control_port).await?;
        let issuer = address(&auth_listener, options.port)?;
        let control_url = address(&control_listener, options.control_port)?;
        let keys = tokio::task::spawn_blocking(KeyRing::first)
            .await
            .map_err(StartError::Interrupted)?
            .map_err(StartError::Keys)?;
        let provider = Arc::new(Provider::new(issuer, options.settings, keys));
        let mut listeners = JoinSet::new();
        listeners.spawn(serve(auth_listener, AuthOrigin { provider: Arc::clone(&provider) }));
        listeners.spawn(serve(control_listener, ControlOrigin { provider: Arc::clone(&provider) }));
        Ok(Self { provider, control_url, listeners })
    }

    /// The auth origin, `http://127.0.0.1:PORT`, which is also the `iss` of its tokens.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.provider.issuer
    }

    /// The control side, `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn control_url(&self) -> &str {
        &self.control_url
    }

    /// What happens at the authorization endpoint from now on.
    pub fn set_approval(&self, approval: Approval) {
        self.provider.state().settings.approval = approval;
    }

    /// Orders a fault, behind those already on order.
    pub fn queue_fault(&self, order: FaultOrder) {
        self.provider.state().faults.push(order);
    }

    /// Cancels all faults on order.
    pub fn clear_faults(&self) {
        self.provider.state().faults.clear();
    }

    /// The faults still on order.
    #[must_use]
    pub fn faults(&self) -> Vec<FaultOrder> {
        self.provider.state().faults.waiting()
    }

    /// How it behaves now.
    #[must_use]
    pub fn settings(&self) -> Settings {
        self.provider.state().settings.clone()
    }

    /// Changes how it behaves. Tokens already issued keep their lifetime.
    pub fn update_settings(&self, change: impl FnOnce(&mut Settings)) {
        let mut settings = self.settings();
        change(&mut settings);
        self.provider.state().settings = settings;
    }

    /// Every request on the auth origin so far, in order of arrival.
    #[must_use]
    pub fn journal(&self) -> Vec<JournalEntry> {
        self.provider.state().journal.entries()
    }

    /// What happened to each family of tokens, the oldest first.
    #[must_use]
    pub fn ledger(&self) -> Vec<FamilyLedger> {
        self.provider.state().families.ledger()
    }

    /// Every code and token issued so far, in clear.
    #[must_use]
    pub fn issued_secrets(&self) -> Vec<String> {
        self.provider.state().issued.all()
    }

    /// Whether a token would be honoured now.
    #[must_use]
    pub fn token_status(&self, token: &str) -> TokenStatus {
        let state = self.provider.state();
        state.families.status(token, state.now())
    }

    /// Ends every session at the provider's side, as a password change or an administrator does.
    pub fn revoke_all(&self) {
        self.provider.state().families.revoke_all();
    }

    /// Forgets everything but the keys, and behaves as at the start.
    pub fn reset(&self) {
        self.provider.reset();
    }

    /// Signs with a new key from now on; the one before it stays published. Returns the new `kid`.
    ///
    /// # Errors
    /// When no key can be generated.
    pub async fn rotate_keys(&self) -> Result<String, StartError> {
        let generated = tokio::task::spawn_blocking(SigningKey::generate).await;
        let key = generated.map_err(StartError::Interrupted)?.map_err(StartError::Keys)?;
        let kid = key.kid().to_owned();
        self.provider.state().keys.rotate(key);
        Ok(kid)
    }

    /// Stops and waits until both ports are closed, which dropping does not.
    pub async fn stop(mut self) {
        self.listeners.shutdown().await;
    }
}

impl fmt::Debug for Simulator {
    /// The addresses only: the state is full of tokens.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Simulator")
            .field("issuer", &self.issuer())
            .field("control_url", &self.control_url)
            .finish_non_exhaustive()
    }
}

async fn listen(port: u16) -> Result<TcpListener, StartError> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.map_err(|source| StartError::Listen { port, source })
}

fn address(listener: &TcpListener, port: u16) -> Result<String, StartError> {
    let address = listener.local_addr().map_err(|source| StartError::Listen { port, source })?;
    Ok(format!("http://{address}"))
}

//! What the gateway does, one use case a file, each named by its verb.
//!
//! [`Gateway`] holds the ports; every use case is a method of it in a file of its own. They read alike: resolve the
//! provider, ask the domain, call a port or two, return a value. Whatever changes state runs through [`Tasks::run`].

mod callback_desk;
mod cancel_login;
mod complete_login;
mod error;
mod list_providers;
mod login_status;
mod logout;
mod provider_catalog;
mod provider_registry;
mod register_secret;
mod resolve_provider;
mod start_login;
mod sweep_logins;
mod tasks;
mod update_provider;
mod vault;

use std::{sync::Arc, time::Duration};

pub use callback_desk::CallbackDesk;
pub use complete_login::{Callback, Connected};
pub use error::AppError;
pub use list_providers::ProviderView;
pub use login_status::{LastLogin, LoginStatus, State};
pub use logout::{LoggedOut, Revocation};
pub use provider_catalog::{ProviderCatalog, canonical_name};
pub use provider_registry::{ProviderRegistry, RegisteredProvider};
pub use register_secret::PastedSecret;
pub use start_login::{StartOptions, StartOutcome, StartedLogin};
pub use tasks::Tasks;
pub use vault::{Vault, VaultError};

use crate::{
    domain::time::Timestamp,
    ports::{
        CallbackAddress, CallbackListener, Clock, CredentialStore, LoginStore, OAuthEndpoint, Random, SecretCipher,
    },
};

/// The world, as the gateway sees it.
pub struct Ports {
    pub credentials: Arc<dyn CredentialStore>,
    pub logins: Arc<dyn LoginStore>,
    pub oauth: Arc<dyn OAuthEndpoint>,
    pub callback_listener: Arc<dyn CallbackListener>,
    pub cipher: Arc<dyn SecretCipher>,
    pub clock: Arc<dyn Clock>,
    pub random: Arc<dyn Random>,
}

/// What the owner configured, as far as use cases need it.
#[derive(Debug, Clone)]
pub struct GatewaySettings {
    pub catalog: ProviderCatalog,
    pub callback_address: CallbackAddress,
    /// How long a login waits for its callback.
    pub login_lifetime: Duration,
}

pub struct Gateway {
    credentials: Arc<dyn CredentialStore>,
    logins: Arc<dyn LoginStore>,
    oauth: Arc<dyn OAuthEndpoint>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    vault: Vault,
    catalog: ProviderCatalog,
    registry: ProviderRegistry,
    desk: CallbackDesk,
    tasks: Tasks,
    login_lifetime: Duration,
}

impl Gateway {
    pub fn new(ports: Ports, settings: GatewaySettings) -> Arc<Self> {
        Arc::new(Self {
            credentials: ports.credentials,
            logins: ports.logins,
            oauth: ports.oauth,
            clock: ports.clock,
            random: ports.random,
            vault: Vault::new(ports.cipher),
            desk: CallbackDesk::new(ports.callback_listener, settings.callback_address),
            catalog: settings.catalog,
            registry: ProviderRegistry::default(),
            tasks: Tasks::default(),
            login_lifetime: settings.login_lifetime,
        })
    }

    /// Brings memory in line with the store: fills the registry, listens again for logins that are still pending, and
    /// starts the sweeper. Fails if a stored secret does not open, before anything was written.
    pub async fn wake(self: &Arc<Self>) -> Result<(), AppError> {
        for credential in self.credentials.list().await? {
            self.vault.check(&credential)?;
            self.registry.register(&credential);
        }
        self.sweep_logins().await?;
        self.resume_callbacks().await?;
        self.start_sweeper();
        Ok(())
    }

    /// Ends all loops and waits for whatever is changing state.
    pub async fn finish(&self) {
        self.tasks.finish().await;
    }

    pub fn registry(&self) -> &ProviderRegistry {
        &self.registry
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

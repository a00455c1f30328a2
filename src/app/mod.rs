//! What the gateway does, one use case a file, each named by its verb.
//!
//! [`Gateway`] holds the ports; every use case is a method of it in a file of its own. They read alike: resolve the
//! provider, ask the domain, call a port or two, return a value. Whatever changes state runs through [`Tasks::run`].

mod api_tokens;
mod ask_model;
mod bearer;
mod callback_desk;
mod cancel_login;
mod check_secret;
mod complete_login;
mod create_chat_completion;
mod create_response;
mod error;
mod flights;
mod follow_changes;
mod forward_request;
mod list_events;
mod list_models;
mod list_providers;
mod login_status;
mod logout;
mod page_sessions;
mod provider_call;
mod provider_catalog;
mod provider_registry;
mod provider_usage;
mod refresh_account;
mod refresh_flight;
mod refresh_schedule;
mod refused_tokens;
mod register_secret;
mod renewal_call;
mod replay_escrow;
mod resolve_provider;
mod revoke_tokens;
mod start_login;
mod sweep_logins;
mod tasks;
mod tell_event;
mod update_provider;
mod vault;

use std::{sync::Arc, time::Duration};

pub use api_tokens::IssuedToken;
pub use ask_model::ModelRequest;
pub use callback_desk::CallbackDesk;
pub use complete_login::{Callback, Connected};
pub use create_response::IGNORED_PARAMETERS;
pub use error::AppError;
pub use forward_request::{ForwardRequest, Forwarded};
pub use list_events::Happened;
pub use list_models::ListedModel;
pub use list_providers::ProviderView;
pub use login_status::{LastLogin, LoginStatus, State, SwitchedOffBy};
pub use logout::LoggedOut;
pub use provider_catalog::{ProviderCatalog, canonical_name};
pub use provider_registry::{ProviderRegistry, RegisteredProvider};
pub use register_secret::PastedSecret;
pub use revoke_tokens::Revocation;
pub use start_login::{StartOptions, StartOutcome, StartedLogin};
pub use tasks::Tasks;
pub use vault::{Vault, VaultError};

use api_tokens::ApiTokens;
use flights::Flights;
use list_models::ModelLists;
use provider_usage::Usages;
use refresh_schedule::RefreshSchedule;
use refused_tokens::RefusedTokens;
use renewal_call::Breakers;

use crate::{
    domain::{
        credential::SealedCredential,
        ids::ProviderName,
        model_ref::ModelNames,
        provider::{ProviderDefinition, ProviderType},
        refresh::Demand,
        time::Timestamp,
    },
    ports::{
        ApiTokenStore, CallbackAddress, CallbackListener, Clock, CredentialHistory, CredentialStore, LoginStore,
        Notifier, OAuthEndpoint, Random, RefreshEscrow, RevocationQueue, SecretCipher, SessionEndpoint, Upstream,
    },
};

/// The world, as the gateway sees it.
pub struct Ports {
    pub credentials: Arc<dyn CredentialStore>,
    pub history: Arc<dyn CredentialHistory>,
    pub escrow: Arc<dyn RefreshEscrow>,
    pub logins: Arc<dyn LoginStore>,
    pub revocations: Arc<dyn RevocationQueue>,
    pub api_tokens: Arc<dyn ApiTokenStore>,
    pub oauth: Arc<dyn OAuthEndpoint>,
    pub sessions: Arc<dyn SessionEndpoint>,
    pub upstream: Arc<dyn Upstream>,
    /// None if nobody wants to be told.
    pub notifier: Option<Arc<dyn Notifier>>,
    pub callback_listener: Arc<dyn CallbackListener>,
    pub cipher: Arc<dyn SecretCipher>,
    pub clock: Arc<dyn Clock>,
    pub random: Arc<dyn Random>,
}

/// What the owner configured, as far as use cases need it.
#[derive(Debug, Clone)]
pub struct GatewaySettings {
    pub catalog: ProviderCatalog,
    pub models: ModelNames,
    pub callback_address: CallbackAddress,
    /// How long a login waits for its callback.
    pub login_lifetime: Duration,
    /// Whether tokens are renewed before somebody needs them.
    pub renews_early: bool,
}

pub struct Gateway {
    credentials: Arc<dyn CredentialStore>,
    history: Arc<dyn CredentialHistory>,
    escrow: Arc<dyn RefreshEscrow>,
    logins: Arc<dyn LoginStore>,
    revocations: Arc<dyn RevocationQueue>,
    api_tokens_store: Arc<dyn ApiTokenStore>,
    oauth: Arc<dyn OAuthEndpoint>,
    sessions: Arc<dyn SessionEndpoint>,
    upstream: Arc<dyn Upstream>,
    notifier: Option<Arc<dyn Notifier>>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    vault: Vault,
    catalog: ProviderCatalog,
    models: ModelNames,
    model_lists: ModelLists,
    usages: Usages,
    api_tokens: ApiTokens,
    registry: ProviderRegistry,
    flights: Flights,
    breakers: Breakers,
    refused: RefusedTokens,
    schedule: RefreshSchedule,
    renews_early: bool,
    desk: CallbackDesk,
    tasks: Tasks,
    login_lifetime: Duration,
}

impl Gateway {
    pub fn new(ports: Ports, settings: GatewaySettings) -> Arc<Self> {
        Arc::new(Self {
            credentials: ports.credentials,
            history: ports.history,
            escrow: ports.escrow,
            logins: ports.logins,
            revocations: ports.revocations,
            api_tokens_store: ports.api_tokens,
            oauth: ports.oauth,
            sessions: ports.sessions,
            upstream: ports.upstream,
            notifier: ports.notifier,
            clock: ports.clock,
            random: ports.random,
            vault: Vault::new(ports.cipher),
            desk: CallbackDesk::new(ports.callback_listener, settings.callback_address),
            catalog: settings.catalog,
            models: settings.models,
            model_lists: ModelLists::default(),
            usages: Usages::default(),
            api_tokens: ApiTokens::default(),
            registry: ProviderRegistry::default(),
            flights: Flights::default(),
            breakers: Breakers::default(),
            refused: RefusedTokens::default(),
            schedule: RefreshSchedule::default(),
            renews_early: settings.renews_early,
            tasks: Tasks::default(),
            login_lifetime: settings.login_lifetime,
        })
    }

    /// Brings memory in line with the store: fills the registry, brings in what an earlier process could not store, listens
    /// again for logins that are still pending, and starts the loops. Fails if a stored secret does not open, before
    /// anything was written.
    pub async fn wake(self: &Arc<Self>) -> Result<(), AppError> {
        let seen = self.history.latest().await?;
        for credential in self.credentials.list().await? {
            self.vault.check(&credential)?;
            self.make_known(&credential)?;
        }
        self.reload_api_tokens().await?;
        self.replay_escrow().await?;
        self.sweep_logins().await?;
        self.resume_callbacks().await?;
        self.start_sweeper();
        self.start_following(seen);
        if self.renews_early {
            self.start_renewing();
        }
        Ok(())
    }

    /// Ends all loops and waits for whatever is changing state.
    pub async fn finish(&self) {
        self.tasks.finish().await;
    }

    pub fn registry(&self) -> &ProviderRegistry {
        &self.registry
    }

    /// Tells whoever waits for a login, or for news, that one has ended.
    fn logins_changed(&self) {
        self.desk.logins_changed();
        self.registry.tell();
    }

    /// Makes an account, as stored, known to this process, and sets the time of its next refresh.
    fn make_known(&self, credential: &SealedCredential) -> Result<(), AppError> {
        let (name, now) = (&credential.name, self.now());
        // Every type has a built-in provider, so there is one.
        let Some(definition) = self.definition_of(name, credential.provider_type).map(Arc::new) else { return Ok(()) };
        let policy = &definition.refresh;
        let account = RegisteredProvider {
            definition: Arc::clone(&definition),
            enabled: credential.enabled,
            auth_method: credential.facts.auth_method,
            refresh: credential.refresh.clone(),
            revision: credential.revision,
            access_token: self.vault.open_access_token(credential)?,
            account_id: credential.facts.account.account_id.clone(),
            served_until: credential.refresh.served_until(policy),
        };
        // Only news has a next time: what is known was put there already, or is being waited for.
        let is_news = self.registry.get(name).is_none_or(|known| known.revision < account.revision);
        self.registry.register(name, account);
        if is_news && let Some(at) = credential.refresh.clone().at(now).ready_at(policy, Demand::Due, now) {
            self.schedule.put(at, name);
        }
        Ok(())
    }

    /// The provider that an account is at, as configured.
    fn definition_of(&self, name: &ProviderName, provider_type: ProviderType) -> Option<ProviderDefinition> {
        self.catalog.get(name).cloned().or_else(|| self.catalog.like_built_in(name, provider_type))
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

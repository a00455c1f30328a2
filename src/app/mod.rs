//! What the gateway does, one use case a file, each named by its verb.
//!
//! [`Gateway`] holds the ports; every use case is a method of it in a file of its own. They read alike: resolve the
//! provider, ask the domain, call a port or two, return a value. Whatever changes state runs through [`Tasks::run`].

mod account_status;
mod api_tokens;
mod ask_model;
mod bearer;
mod callback_window;
mod cancel_login;
mod check_secret;
mod complete_login;
mod create_chat_completion;
mod create_response;
mod error;
mod follow_changes;
mod forward_request;
mod list_events;
mod list_models;
mod list_providers;
mod logout;
mod page_sessions;
mod present_token;
mod provider_call;
mod provider_catalog;
mod provider_registry;
mod provider_usage;
mod refresh_account;
mod refresh_run;
mod refresh_schedule;
mod refused_tokens;
mod register_secret;
mod replay_journal;
mod resolve_provider;
mod revoke_tokens;
mod single_flight;
mod start_login;
mod sweep_logins;
mod tasks;
mod tell_event;
mod update_provider;
mod vault;

use std::{sync::Arc, time::Duration};

pub use account_status::{AccountStatus, LastLogin, SwitchedOffBy};
pub use api_tokens::IssuedToken;
pub use ask_model::ModelRequest;
pub use callback_window::CallbackWindow;
pub use complete_login::{Callback, Connected};
pub use create_response::IGNORED_PARAMETERS;
pub use error::AppError;
pub use forward_request::{ProxyRequest, ProxyResponse};
pub use list_events::ActivityEntry;
pub use list_models::ListedModel;
pub use list_providers::ProviderView;
pub use logout::LoggedOut;
pub use provider_catalog::{ProviderCatalog, canonical_name};
pub use provider_registry::{ProviderRegistration, ProviderRegistry};
pub use register_secret::PastedSecret;
pub use revoke_tokens::Revocation;
pub use start_login::{StartOptions, StartOutcome, StartedLogin};
pub use tasks::Tasks;
pub use vault::{Vault, VaultError};

use api_tokens::ApiTokens;
use list_models::ModelLists;
use present_token::Breakers;
use provider_usage::Usages;
use refresh_schedule::RefreshSchedule;
use refused_tokens::RefusedTokens;
use single_flight::SingleFlight;

use crate::{
    domain::{
        credential::SealedCredential,
        ids::ProviderName,
        model_ref::ModelNames,
        provider::{ProviderDefinition, ProviderType},
        refresh::RefreshTrigger,
        time::Timestamp,
    },
    ports::{
        ApiTokenStore, CallbackAddress, CallbackListener, Clock, CredentialHistory, LoginStore, Notifier,
        OAuthEndpoint, Random, RevocationQueue, SecretCipher, SessionEndpoint, TokenJournal, TokenStore, Upstream,
    },
};

/// The world, as the gateway sees it.
pub struct Ports {
    pub credentials: Arc<dyn TokenStore>,
    pub history: Arc<dyn CredentialHistory>,
    pub journal: Arc<dyn TokenJournal>,
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
    /// Whether tokens are refreshed before somebody needs them.
    pub proactive: bool,
}

pub struct Gateway {
    credentials: Arc<dyn TokenStore>,
    history: Arc<dyn CredentialHistory>,
    journal: Arc<dyn TokenJournal>,
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
    single_flight: SingleFlight,
    breakers: Breakers,
    refused: RefusedTokens,
    schedule: RefreshSchedule,
    proactive: bool,
    window: CallbackWindow,
    tasks: Tasks,
    login_lifetime: Duration,
}

impl Gateway {
    pub fn new(ports: Ports, settings: GatewaySettings) -> Arc<Self> {
        Arc::new(Self {
            credentials: ports.credentials,
            history: ports.history,
            journal: ports.journal,
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
            window: CallbackWindow::new(ports.callback_listener, settings.callback_address),
            catalog: settings.catalog,
            models: settings.models,
            model_lists: ModelLists::default(),
            usages: Usages::default(),
            api_tokens: ApiTokens::default(),
            registry: ProviderRegistry::default(),
            single_flight: SingleFlight::default(),
            breakers: Breakers::default(),
            refused: RefusedTokens::default(),
            schedule: RefreshSchedule::default(),
            proactive: settings.proactive,
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
        self.replay_journal().await?;
        self.sweep_logins().await?;
        self.reopen_callback_window().await?;
        self.start_sweeper();
        self.start_following(seen);
        if self.proactive {
            self.start_refreshing();
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
        self.window.logins_changed();
        self.registry.tell();
    }

    /// Makes an account, as stored, known to this process, and sets the time of its next refresh.
    fn make_known(&self, credential: &SealedCredential) -> Result<(), AppError> {
        let (name, now) = (&credential.name, self.now());
        // Every type has a built-in provider, so there is one.
        let Some(definition) = self.definition_of(name, credential.provider_type).map(Arc::new) else { return Ok(()) };
        let policy = &definition.refresh;
        let account = ProviderRegistration {
            definition: Arc::clone(&definition),
            enabled: credential.enabled,
            auth_method: credential.metadata.auth_method,
            refresh: credential.refresh.clone(),
            revision: credential.revision,
            access_token: self.vault.open_access_token(credential)?,
            account_id: credential.metadata.account.account_id.clone(),
            served_until: credential.refresh.served_until(policy),
        };
        // Only news has a next time: what is known was put there already, or is being waited for.
        let is_news = self.registry.get(name).is_none_or(|known| known.revision < account.revision);
        self.registry.register(name, account);
        if is_news && let Some(at) = credential.refresh.clone().at(now).ready_at(policy, RefreshTrigger::Due, now) {
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

//! The use cases: eight services on top of the ports.
//!
//! Only [`Tokens`] presents refresh tokens. [`Logins`], [`Accounts`] and [`Models`] call it, and [`Accounts`] also
//! calls [`Logins`]. Calls never go in the other direction. [`Access`], [`Keys`], [`Audit`] and [`Requests`] call no
//! other service. [`follow`] passes the changes of other replicas to the services. State changes run through
//! [`Tasks::run`], so a caller that disconnects does not cancel them.

mod access;
mod accounts;
mod actor;
mod audit;
mod catalog;
mod counters;
mod directory;
mod error;
mod events;
mod follow;
mod gauges;
mod journal_check;
mod keys;
mod logins;
mod models;
mod moving;
mod readiness;
mod requests;
mod tasks;
mod tokens;

use std::{sync::Arc, time::Duration};

use tokio_util::sync::CancellationToken;

pub use access::{Access, IssuedToken, KnownToken, LONGEST_OVERLAP, ProgramToken, RotatedToken};
pub use accounts::{
    AccountStatus, AccountView, Accounts, ActivityEntry, LastLogin, LoggedOut, PastedSecret, Secret, SwitchedOffBy,
};
pub use actor::acting_as;
pub use audit::{Audit, AuditFindings};
pub use catalog::ProviderCatalog;
pub use counters::{InFlight, describe as describe_metrics, panicked};
pub use directory::{account_name, new_account};
pub use error::AppError;
pub use journal_check::{JournalCheck, JournalCoverage};
pub use keys::{Adoption, KeyError, KeyUse, Keys, Resealed};
pub use logins::{Answer, Callback, CallbackUnavailable, Logins, StartOptions, StartOutcome, StartedLogin};
pub use models::{IGNORED_PARAMETERS, ListedModel, ModelListing, ModelRequest, Models, ProxyRequest, ProxyResponse};
pub use moving::{MoveError, Moving, OpenedAccounts, Origin, PlaintextAccount};
pub use readiness::Readiness;
pub use requests::{Requests, RunningRequest};
pub use tasks::Tasks;
pub use tokens::{Connected, ProviderRegistration, ProviderRegistry, Revocation, Tokens, Vault, VaultError};
use tokens::{CookieOutcome, Unauthorized};

use crate::{
    domain::{api_token::TokenDigest, model_ref::ModelNames},
    ports::{
        ApiTokenStore, AuditLog, CallbackAddress, CallbackListener, ChangeFeed, Clock, CredentialHistory, KeyStore,
        LoginStore, Notifier, OAuthEndpoint, Random, RandomError, RequestLog, ResponseMemory, RevocationQueue,
        SecretCipher, SessionEndpoint, TokenJournal, TokenStore, Upstream,
    },
};
use directory::Directory;
use follow::ChangeFollower;

/// The implementations of the ports.
pub struct Ports {
    pub credentials: Arc<dyn TokenStore>,
    pub changes: Arc<dyn ChangeFeed>,
    pub history: Arc<dyn CredentialHistory>,
    pub journal: Arc<dyn TokenJournal>,
    pub logins: Arc<dyn LoginStore>,
    pub revocations: Arc<dyn RevocationQueue>,
    pub api_tokens: Arc<dyn ApiTokenStore>,
    pub responses: Arc<dyn ResponseMemory>,
    pub requests: Arc<dyn RequestLog>,
    pub keys: Arc<dyn KeyStore>,
    pub audit: Arc<dyn AuditLog>,
    pub oauth: Arc<dyn OAuthEndpoint>,
    pub sessions: Arc<dyn SessionEndpoint>,
    pub upstream: Arc<dyn Upstream>,
    /// None if no webhook is configured.
    pub notifier: Option<Arc<dyn Notifier>>,
    pub callback_listener: Arc<dyn CallbackListener>,
    pub cipher: Arc<dyn SecretCipher>,
    pub clock: Arc<dyn Clock>,
    pub random: Arc<dyn Random>,
}

/// The configuration of the services.
#[derive(Debug, Clone)]
pub struct AppSettings {
    pub catalog: ProviderCatalog,
    pub models: ModelNames,
    /// How long a response is remembered after its last use. Zero turns this off.
    pub remember: Duration,
    /// How long request records are kept in the database. If zero, only the newest are kept, in memory.
    pub keep_requests: Duration,
    pub callback_address: CallbackAddress,
    /// How long a login waits for its callback.
    pub login_lifetime: Duration,
    /// Whether tokens are refreshed before a caller needs them.
    pub proactive: bool,
    /// Number of accounts whose access tokens stay in memory after the start has checked them. The tokens of all others
    /// are opened again on their first use.
    pub tokens_in_memory: usize,
    /// Whether [`App::start`] adopts a database of the first format.
    pub adoption: Adoption,
    /// The digest of the gateway token.
    pub gateway_token: TokenDigest,
}

/// The services of one gateway process.
pub struct App {
    pub tokens: Arc<Tokens>,
    pub logins: Arc<Logins>,
    pub accounts: Arc<Accounts>,
    pub models: Arc<Models>,
    pub access: Arc<Access>,
    pub audit: Arc<Audit>,
    pub requests: Arc<Requests>,
    keys: Arc<Keys>,
    adoption: Adoption,
    follower: ChangeFollower,
    tasks: Tasks,
}

impl App {
    pub fn new(ports: Ports, settings: AppSettings) -> Arc<Self> {
        let adoption = settings.adoption;
        let (tasks, directory) = (Tasks::default(), Directory::new(&ports, settings.catalog.clone()));
        let tokens = Arc::new(Tokens::new(&ports, &settings, &directory, &tasks));
        let logins = Arc::new(Logins::new(&ports, &settings, &directory, &tokens, &tasks));
        let access = Arc::new(Access::new(&ports, settings.gateway_token.clone(), &tasks));
        let keys = Arc::new(Keys::new(&ports));
        let requests = Arc::new(Requests::new(&ports, settings.keep_requests, &tasks));
        Arc::new(Self {
            accounts: Arc::new(Accounts::new(&ports, &directory, &tokens, &logins, &tasks)),
            models: Arc::new(Models::new(&ports, settings, &tokens, &tasks)),
            adoption,
            follower: ChangeFollower::new(&ports, &tokens, &logins, &access, &keys, &tasks),
            audit: Arc::new(Audit::new(&ports, &tasks)),
            requests,
            tokens,
            logins,
            access,
            keys,
            tasks,
        })
    }

    /// Checks the encryption keys, registers every account, replays the token journal, opens the callback window for
    /// pending logins, and starts the background loops.
    ///
    /// # Errors
    /// [`AppError::Key`] if the keys do not fit the database, before anything is written; [`AppError::Store`].
    pub async fn start(&self) -> Result<(), AppError> {
        self.keys.check(self.adoption).await?;
        let seen = self.follower.position().await?;
        self.tokens.register_all().await?;
        self.tokens.load_feedback().await?;
        self.access.reload().await?;
        self.follower.note_missed_ends().await?;
        self.tokens.replay_journal().await?;
        self.logins.replay_journal().await?;
        self.logins.sweep().await?;
        self.logins.reopen_callback_window().await?;
        self.logins.start_sweeping();
        self.tokens.start_sweeping_revocations();
        self.tokens.start_saving_feedback();
        self.follower.start_maintenance();
        self.follower.start(seen);
        self.tokens.start_refreshing();
        self.audit.start_watching();
        self.requests.start_saving();
        Ok(())
    }

    /// Returns a cancellation token. Cancelling it ends the streams of callers, each with an error event.
    pub fn streams_end(&self) -> CancellationToken {
        self.tasks.streams_end().clone()
    }

    /// Stops all background loops and waits, without a time limit, for every task that changes state.
    pub async fn shut_down(&self) {
        self.tasks.finish().await;
    }
}

/// Returns `N` random bytes.
fn random_bytes<const N: usize>(random: &dyn Random) -> Result<[u8; N], RandomError> {
    let mut bytes = [0; N];
    random.fill(&mut bytes)?;
    Ok(bytes)
}

//! A complete gateway in memory: the real use cases and the real cipher, on fakes of all other ports.

use std::{ops::Deref, sync::Arc, time::Duration};

use goclaw::{
    adapters::{
        cipher::{EncryptionKey, XChaChaCipher},
        settings::{Environment, Settings},
    },
    app::{
        AccountStatus, Adoption, App, AppError, AppSettings, Callback, Connected, Ports, ProviderCatalog, StartOptions,
        StartOutcome, StartedLogin, account_name,
    },
    domain::{
        credential::SealedCredential,
        ids::{AccountName, Principal},
        provider::ProviderType,
        sealed::SealContext,
        sealed_secret::SealedSecret,
        time::Timestamp,
    },
    ports::{SecretCipher, TokenStore},
};
use secrecy::{ExposeSecret, SecretString};
use tokio::task::JoinHandle;

use super::{
    FakeClock, FakeListener, FakeProvider, FakeUpstream, MemoryJournal, MemoryStore, Page, SeededRandom, query_of,
};

/// The time at which every test starts.
pub(crate) const NOW: Timestamp = Timestamp::from_unix_seconds(1_800_000_000);
/// The account that most tests use.
pub(crate) const OPENAI: &str = "openai-codex";
/// As in production. A test of this limit sets a lower one.
const TOKENS_IN_MEMORY: usize = 5_000;
/// The time limit of [`within`].
const TEST_DEADLINE: Duration = Duration::from_secs(20);
/// The number of yields after which all tasks count as idle. No chain of wake-ups is that long.
const YIELDS: usize = 200;

pub(crate) fn alice() -> Principal {
    Principal::named("alice")
}

pub(crate) fn bob() -> Principal {
    Principal::named("bob")
}

pub(crate) fn name(text: &str) -> AccountName {
    account_name(text).expect("the name of an account")
}

/// Yields until all other tasks wait for the test. On one thread and with fakes, this is deterministic.
pub(crate) async fn settle() {
    for _ in 0..YIELDS {
        tokio::task::yield_now().await;
    }
}

#[expect(clippy::disallowed_methods, reason = "the test waits for it")]
pub(crate) fn spawn<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
    tokio::spawn(work)
}

/// Awaits `work`. Panics after [`TEST_DEADLINE`].
pub(crate) async fn within<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(TEST_DEADLINE, work).await.expect("the work ends in time")
}

/// The fakes around a gateway, which keep their contents when it restarts.
pub(crate) struct World {
    pub(crate) clock: Arc<FakeClock>,
    pub(crate) store: Arc<MemoryStore>,
    pub(crate) provider: Arc<FakeProvider>,
    pub(crate) listener: Arc<FakeListener>,
    pub(crate) journal: Arc<MemoryJournal>,
    pub(crate) upstream: Arc<FakeUpstream>,
    random: Arc<SeededRandom>,
}

pub(crate) struct TestGateway {
    world: World,
    pub(crate) app: Arc<App>,
    pub(crate) settings: AppSettings,
}

/// Tests write `gateway.clock` instead of `gateway.world.clock`.
impl Deref for TestGateway {
    type Target = World;

    fn deref(&self) -> &World {
        &self.world
    }
}

impl TestGateway {
    /// Starts a gateway with the default configuration.
    pub(crate) async fn open() -> Self {
        Self::with_variables(&[]).await
    }

    /// Starts a gateway with changed ports.
    pub(crate) async fn with_ports(change: impl FnOnce(Ports) -> Ports) -> Self {
        let mut gateway = Self::open().await;
        within(gateway.app.shut_down()).await;
        gateway.app = App::new(change(gateway.world.ports(1)), gateway.settings.clone());
        gateway.app.start().await.expect("the gateway starts");
        gateway
    }

    /// Starts a gateway with these environment variables.
    pub(crate) async fn with_variables(variables: &[(&str, &str)]) -> Self {
        let variables = variables.iter().chain(&[("GOCLAW_DATA_DIR", "unused")]);
        let variables = variables.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let settings = Settings::load(None, &Environment::from_pairs(variables)).expect("settings");
        let settings = AppSettings {
            catalog: ProviderCatalog::new(settings.providers),
            models: settings.models,
            remember: settings.remember,
            keep_requests: settings.requests.keep,
            callback_address: settings.callback.address(),
            login_lifetime: settings.callback.timeout,
            proactive: settings.refresh.proactive,
            tokens_in_memory: TOKENS_IN_MEMORY,
            adoption: Adoption::IfASecretOpens,
            gateway_token: goclaw::domain::api_token::TokenDigest::of("gateway-token"),
        };
        let world = World::new();
        let app = App::new(world.ports(1), settings.clone());
        app.start().await.expect("the gateway starts");
        Self { world, app, settings }
    }

    /// Builds another replica with changed ports, without starting it.
    pub(crate) fn another_gateway_with(&self, change: impl FnOnce(Ports) -> Ports) -> Arc<App> {
        App::new(change(self.world.ports(1)), self.settings.clone())
    }

    /// Builds another replica on the same stores, without starting it. The gateway itself uses `key` 1.
    pub(crate) fn another_gateway(&self, key: u8) -> Arc<App> {
        App::new(self.world.ports(key), self.settings.clone())
    }

    /// Restarts the gateway on the same stores.
    pub(crate) async fn restart(&mut self) {
        within(self.app.shut_down()).await;
        self.app = self.another_gateway(1);
        self.app.start().await.expect("the gateway starts");
    }

    /// Starts a login for the ChatGPT account.
    pub(crate) async fn start_login(&self, principal: Principal) -> StartedLogin {
        self.start_with(principal, StartOptions::default()).await
    }

    /// Starts a forced login, even if the account is connected.
    pub(crate) async fn start_forced_login(&self, principal: Principal) -> StartedLogin {
        self.start_with(principal, StartOptions { force: true, ..StartOptions::default() }).await
    }

    async fn start_with(&self, principal: Principal, options: StartOptions) -> StartedLogin {
        let started = self.app.logins.start(name(OPENAI), principal, options).await;
        // Let the callback listener bind first.
        settle().await;
        match started.expect("it starts") {
            StartOutcome::Pending(login) => login,
            StartOutcome::AlreadyAuthenticated { name } => panic!("{name} is connected already"),
        }
    }

    /// Approves the login and sends the redirect to the callback listener.
    pub(crate) fn approve(&self, login: &StartedLogin) -> Page {
        self.listener.browser_returns(query_of(&self.provider.approve(&login.auth_url)))
    }

    /// Pastes a redirect URL for the ChatGPT account.
    pub(crate) async fn paste(&self, redirect_url: &str, principal: Principal) -> Result<Connected, AppError> {
        let redirect_url = SecretString::from(redirect_url);
        let pasted = Callback::Pasted { name: name(OPENAI), redirect_url, principal };
        within(self.app.logins.complete(pasted)).await
    }

    /// Connects the ChatGPT account as alice.
    pub(crate) async fn connect(&self) -> Connected {
        let login = self.start_forced_login(alice()).await;
        self.paste(&self.provider.approve(&login.auth_url), alice()).await.expect("it connects")
    }

    /// Connects a ChatGPT account with this name as alice.
    pub(crate) async fn connect_as(&self, account: &str) {
        let options = StartOptions { provider_type: Some(ProviderType::OpenaiCodex), ..StartOptions::default() };
        let started = self.app.logins.start(name(account), alice(), options).await.expect("it starts");
        let StartOutcome::Pending(login) = started else { panic!("{account} is connected already") };
        let redirect_url = self.provider.approve(&login.auth_url).into();
        let pasted = Callback::Pasted { name: name(account), redirect_url, principal: alice() };
        within(self.app.logins.complete(pasted)).await.expect("it connects");
    }

    pub(crate) async fn status(&self, principal: &Principal) -> AccountStatus {
        self.app.accounts.status(&name(OPENAI), principal).await.expect("a status")
    }

    pub(crate) async fn account(&self, account: &str) -> Option<SealedCredential> {
        self.store.load(&name(account)).await.expect("no store error")
    }

    /// Returns the decrypted access and refresh token of an account.
    pub(crate) async fn tokens(&self, account: &str) -> Option<(String, Option<String>)> {
        let account = self.account(account).await?;
        let cipher = cipher(1, &self.random);
        let open = |context: SealContext<'_>, sealed: &SealedSecret| {
            cipher.open(&context, sealed).expect("it opens").expose_secret().to_owned()
        };
        let place = account.token_place();
        let refresh_token = account.refresh_token.as_ref().map(|sealed| open(SealContext::RefreshToken(place), sealed));
        Some((open(SealContext::AccessToken(place), &account.access_token), refresh_token))
    }
}

fn cipher(key: u8, random: &Arc<SeededRandom>) -> XChaChaCipher {
    XChaChaCipher::new(&EncryptionKey::from_bytes([key; 32]).into(), random.clone())
}

impl World {
    pub(crate) fn new() -> Self {
        Self {
            clock: FakeClock::at(NOW),
            store: Arc::new(MemoryStore::new()),
            provider: Arc::new(FakeProvider::new()),
            listener: Arc::new(FakeListener::default()),
            journal: Arc::new(MemoryJournal::default()),
            upstream: Arc::new(FakeUpstream::default()),
            random: SeededRandom::new(7),
        }
    }

    /// Returns the ports with the encryption key `key`.
    pub(crate) fn ports(&self, key: u8) -> Ports {
        Ports {
            credentials: self.store.clone(),
            changes: self.store.clone(),
            history: self.store.clone(),
            journal: self.journal.clone(),
            logins: self.store.clone(),
            revocations: self.store.clone(),
            api_tokens: self.store.clone(),
            responses: self.store.clone(),
            requests: self.store.clone(),
            keys: self.store.clone(),
            audit: self.store.clone(),
            oauth: self.provider.clone(),
            sessions: self.provider.clone(),
            upstream: self.upstream.clone(),
            notifier: None,
            callback_listener: self.listener.clone(),
            cipher: Arc::new(cipher(key, &self.random)),
            clock: self.clock.clone(),
            random: self.random.clone(),
        }
    }
}

//! A whole gateway with a made-up world around it: the real use cases and the real cipher, everything else a fake.

use std::{ops::Deref, sync::Arc, time::Duration};

use goclaw::{
    adapters::{
        cipher::{EncryptionKey, XChaChaCipher},
        settings::{Environment, Settings},
    },
    app::{
        AccountStatus, App, AppError, AppSettings, Callback, Connected, Ports, ProviderCatalog, StartOptions,
        StartOutcome, StartedLogin, account_name,
    },
    domain::{
        credential::SealedCredential,
        ids::{Principal, ProviderName},
        provider::ProviderType,
        sealed::{SealContext, SealedSecret},
        time::Timestamp,
    },
    ports::{SecretCipher, TokenStore},
};
use secrecy::{ExposeSecret, SecretString};

use tokio::task::JoinHandle;

use super::{
    FakeClock, FakeListener, FakeProvider, FakeUpstream, MemoryJournal, MemoryStore, Page, SeededRandom, query_of,
};

/// When every test begins.
pub(crate) const NOW: Timestamp = Timestamp::from_unix_seconds(1_800_000_000);
/// The account most tests are about.
pub(crate) const OPENAI: &str = "openai-codex";
/// How long anything may take before a test gives up.
const TEST_DEADLINE: Duration = Duration::from_secs(20);
/// How often every runnable task gets its turn before it is taken for idle. No chain of wake-ups is nearly as long.
const TURNS: usize = 200;

pub(crate) fn alice() -> Principal {
    Principal::named("alice")
}

pub(crate) fn bob() -> Principal {
    Principal::named("bob")
}

pub(crate) fn name(text: &str) -> ProviderName {
    account_name(text).expect("the name of an account")
}

/// Lets every task run until all of them wait for something only the test can do. With nothing but fakes around, on one
/// thread, that takes no time and leaves nothing to chance.
pub(crate) async fn settle() {
    for _ in 0..TURNS {
        tokio::task::yield_now().await;
    }
}

/// Starts something that goes on while the test does something else.
#[expect(clippy::disallowed_methods, reason = "the test waits for it")]
pub(crate) fn spawn<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
    tokio::spawn(work)
}

/// Waits, but not for ever.
pub(crate) async fn within<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(TEST_DEADLINE, work).await.expect("it did not end in time")
}

/// What is around a gateway, and outlives it.
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
    settings: AppSettings,
}

/// A test speaks of `gateway.clock`, not of the world in between.
impl Deref for TestGateway {
    type Target = World;

    fn deref(&self) -> &World {
        &self.world
    }
}

impl TestGateway {
    /// A gateway as configured by default, awake.
    pub(crate) async fn open() -> Self {
        Self::configured(&[]).await
    }

    /// A gateway with other ports than the gateway's own, awake.
    pub(crate) async fn with_ports(change: impl FnOnce(Ports) -> Ports) -> Self {
        let mut gateway = Self::open().await;
        within(gateway.app.shut_down()).await;
        gateway.app = App::new(change(gateway.world.ports(1)), gateway.settings.clone());
        gateway.app.start().await.expect("the gateway wakes");
        gateway
    }

    /// A gateway with these variables in its environment, awake.
    pub(crate) async fn configured(variables: &[(&str, &str)]) -> Self {
        let variables = variables.iter().chain(&[("GOCLAW_DATA_DIR", "unused")]);
        let variables = variables.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let settings = Settings::load(None, &Environment::from_pairs(variables)).expect("settings");
        let settings = AppSettings {
            catalog: ProviderCatalog::new(settings.providers),
            models: settings.models,
            callback_address: settings.callback.address(),
            login_lifetime: settings.callback.timeout,
            proactive: settings.refresh.proactive,
        };
        let world = World::new();
        let app = App::new(world.ports(1), settings.clone());
        app.start().await.expect("the gateway wakes");
        Self { world, app, settings }
    }

    /// A further gateway process on the same stores but for some ports, not started yet.
    pub(crate) fn gateway_with(&self, change: impl FnOnce(Ports) -> Ports) -> Arc<App> {
        App::new(change(self.world.ports(1)), self.settings.clone())
    }

    /// A further gateway process on the same stores, not awake yet. `key` 1 is the key everything is sealed with.
    pub(crate) fn another_gateway(&self, key: u8) -> Arc<App> {
        App::new(self.world.ports(key), self.settings.clone())
    }

    /// Stops the gateway and starts it again on the same stores.
    pub(crate) async fn restart(&mut self) {
        within(self.app.shut_down()).await;
        self.app = self.another_gateway(1);
        self.app.start().await.expect("the gateway wakes");
    }

    /// Starts a login for the ChatGPT account.
    pub(crate) async fn start(&self, principal: Principal) -> StartedLogin {
        self.start_with(principal, StartOptions::default()).await
    }

    /// Starts a login although the account is connected.
    pub(crate) async fn start_forced(&self, principal: Principal) -> StartedLogin {
        self.start_with(principal, StartOptions { force: true, ..StartOptions::default() }).await
    }

    async fn start_with(&self, principal: Principal, options: StartOptions) -> StartedLogin {
        let started = self.app.logins.start(name(OPENAI), principal, options).await;
        // The listener is at work before the test goes on.
        settle().await;
        match started.expect("it starts") {
            StartOutcome::Pending(login) => login,
            StartOutcome::AlreadyAuthenticated { name } => panic!("{name} is connected already"),
        }
    }

    /// The person approves and their browser comes back to the listener.
    pub(crate) fn approve(&self, login: &StartedLogin) -> Page {
        self.listener.browser_returns(query_of(&self.provider.approve(&login.auth_url)))
    }

    /// Pastes an address for the ChatGPT account.
    pub(crate) async fn paste(&self, redirect_url: &str, principal: Principal) -> Result<Connected, AppError> {
        let redirect_url = SecretString::from(redirect_url);
        let pasted = Callback::Pasted { name: name(OPENAI), redirect_url, principal };
        within(self.app.logins.complete(pasted)).await
    }

    /// Signs alice in to the ChatGPT account.
    pub(crate) async fn connect(&self) -> Connected {
        let login = self.start_forced(alice()).await;
        self.paste(&self.provider.approve(&login.auth_url), alice()).await.expect("it connects")
    }

    /// Signs alice in to a further ChatGPT account of that name.
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
        self.store.load(&name(account)).await.expect("the store answers")
    }

    /// The tokens of an account in clear: access and refresh.
    pub(crate) async fn tokens(&self, account: &str) -> Option<(String, Option<String>)> {
        let account = self.account(account).await?;
        let (name, login_id) = (&account.name, account.login_id());
        let cipher = cipher(1, &self.random);
        let open = |context: SealContext<'_>, sealed: &SealedSecret| {
            cipher.open(&context, sealed).expect("it opens").expose_secret().to_owned()
        };
        let refresh_token = account.refresh_token.as_ref();
        let refresh_token = refresh_token.map(|sealed| open(SealContext::refresh_token(name, login_id), sealed));
        Some((open(SealContext::access_token(name, login_id), &account.access_token), refresh_token))
    }
}

fn cipher(key: u8, random: &Arc<SeededRandom>) -> XChaChaCipher {
    XChaChaCipher::new(&EncryptionKey::from_bytes([key; 32]), random.clone())
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

    /// `key` 1 is the key everything is sealed with.
    pub(crate) fn ports(&self, key: u8) -> Ports {
        Ports {
            credentials: self.store.clone(),
            history: self.store.clone(),
            journal: self.journal.clone(),
            logins: self.store.clone(),
            revocations: self.store.clone(),
            api_tokens: self.store.clone(),
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

//! Starts, completes, confirms, cancels and sweeps logins. A login belongs to the principal that started it.

mod callback_window;
mod cancel;
mod complete;
mod confirm;
mod settle;
mod start;
mod sweep;

use std::{
    sync::{Arc, atomic::AtomicUsize},
    time::Duration,
};

pub use callback_window::CallbackUnavailable;
pub use complete::Callback;
pub use confirm::Answer;
pub use start::{StartOptions, StartOutcome, StartedLogin};

use super::{AppSettings, Ports, Tasks, Tokens, Vault, directory::Directory, random_bytes};
use crate::{
    domain::time::Timestamp,
    ports::{Author, Clock, LoginStore, OAuthEndpoint, Random, RandomError, TokenJournal},
};
use callback_window::CallbackWindow;

pub struct Logins {
    store: Arc<dyn LoginStore>,
    journal: Arc<dyn TokenJournal>,
    oauth: Arc<dyn OAuthEndpoint>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    vault: Vault,
    directory: Directory,
    tokens: Arc<Tokens>,
    window: CallbackWindow,
    lifetime: Duration,
    /// Number of logins of this process whose tokens are not saved yet, because the database fails.
    unsaved: AtomicUsize,
    tasks: Tasks,
}

impl Logins {
    pub(super) fn new(
        ports: &Ports,
        settings: &AppSettings,
        directory: &Directory,
        tokens: &Arc<Tokens>,
        tasks: &Tasks,
    ) -> Self {
        Self {
            store: Arc::clone(&ports.logins),
            journal: Arc::clone(&ports.journal),
            oauth: Arc::clone(&ports.oauth),
            clock: Arc::clone(&ports.clock),
            random: Arc::clone(&ports.random),
            vault: Vault::new(Arc::clone(&ports.cipher)),
            directory: directory.clone(),
            tokens: Arc::clone(tokens),
            window: CallbackWindow::new(Arc::clone(&ports.callback_listener), settings.callback_address.clone()),
            lifetime: settings.login_lifetime,
            unsaved: AtomicUsize::default(),
            tasks: tasks.clone(),
        }
    }

    /// Notifies the callback window and the subscribers of the registry that a login has started or ended.
    pub(super) fn notify_changed(&self) {
        self.window.notify_changed();
        self.tokens.registry().notify_changed();
    }

    fn random_bytes<const N: usize>(&self) -> Result<[u8; N], RandomError> {
        random_bytes(self.random.as_ref())
    }

    fn author(&self) -> Author {
        self.vault.author(self.now())
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

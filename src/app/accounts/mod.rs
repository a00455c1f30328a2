//! The owner's use cases on accounts: status, list, profile, pasted secrets, refresh on demand, logout, history.

mod check_secret;
mod confirm;
mod events;
mod list;
mod logout;
mod reasons;
mod refresh;
mod secret;
mod status;
mod update;

use std::sync::Arc;

pub use events::ActivityEntry;
pub use list::AccountView;
pub use logout::LoggedOut;
pub use secret::{PastedSecret, Secret};
pub(super) use status::state_of;
pub use status::{AccountStatus, LastLogin, SwitchedOffBy};

use super::{Logins, Ports, Tasks, Tokens, directory::Directory};
use crate::{
    domain::time::Timestamp,
    ports::{Clock, CredentialHistory, LoginStore, Random, Upstream},
};

pub struct Accounts {
    history: Arc<dyn CredentialHistory>,
    login_store: Arc<dyn LoginStore>,
    upstream: Arc<dyn Upstream>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    directory: Directory,
    tokens: Arc<Tokens>,
    logins: Arc<Logins>,
    tasks: Tasks,
}

impl Accounts {
    pub(super) fn new(
        ports: &Ports,
        directory: &Directory,
        tokens: &Arc<Tokens>,
        logins: &Arc<Logins>,
        tasks: &Tasks,
    ) -> Self {
        Self {
            history: Arc::clone(&ports.history),
            login_store: Arc::clone(&ports.logins),
            upstream: Arc::clone(&ports.upstream),
            clock: Arc::clone(&ports.clock),
            random: Arc::clone(&ports.random),
            directory: directory.clone(),
            tokens: Arc::clone(tokens),
            logins: Arc::clone(logins),
            tasks: tasks.clone(),
        }
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

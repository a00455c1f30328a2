//! Accounts as their owner sees them: status, list, profile, pasted secrets, refresh on demand, logout, history.

mod check_secret;
mod events;
mod list;
mod logout;
mod refresh;
mod secret;
mod status;
mod update;

use std::sync::Arc;

pub use events::ActivityEntry;
pub use list::ProviderView;
pub use logout::LoggedOut;
pub use secret::PastedSecret;
pub use status::{AccountStatus, LastLogin, SwitchedOffBy};

use super::{Logins, Ports, Tasks, Tokens, directory::Directory};

pub struct Accounts {
    pub(super) ports: Arc<Ports>,
    pub(super) directory: Directory,
    pub(super) tokens: Arc<Tokens>,
    pub(super) logins: Arc<Logins>,
    pub(super) tasks: Tasks,
}

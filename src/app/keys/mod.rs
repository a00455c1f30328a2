//! Encryption keys: checks that this gateway has a key of the database, lists where each key is used, and reseals
//! values with the first key.

mod check;
mod list;
mod plan;
mod reseal;

use std::sync::Arc;

pub use check::{Adoption, KeyError};
pub use list::KeyUse;
pub use reseal::Resealed;

use super::{Ports, Vault};
use crate::{
    domain::time::Timestamp,
    ports::{
        ApiTokenStore, AuditLog, Author, Clock, KeyStore, LoginStore, RevocationQueue, SecretCipher, TokenJournal,
        TokenStore,
    },
};

/// The service for encryption keys. Its fields are public because commands build it without an `App`.
pub struct Keys {
    pub store: Arc<dyn KeyStore>,
    pub credentials: Arc<dyn TokenStore>,
    pub revocations: Arc<dyn RevocationQueue>,
    pub api_tokens: Arc<dyn ApiTokenStore>,
    pub logins: Arc<dyn LoginStore>,
    pub journal: Arc<dyn TokenJournal>,
    pub audit: Arc<dyn AuditLog>,
    pub cipher: Arc<dyn SecretCipher>,
    pub clock: Arc<dyn Clock>,
    pub vault: Vault,
}

impl Keys {
    pub(super) fn new(ports: &Ports) -> Self {
        Self {
            store: Arc::clone(&ports.keys),
            credentials: Arc::clone(&ports.credentials),
            revocations: Arc::clone(&ports.revocations),
            api_tokens: Arc::clone(&ports.api_tokens),
            logins: Arc::clone(&ports.logins),
            journal: Arc::clone(&ports.journal),
            audit: Arc::clone(&ports.audit),
            cipher: Arc::clone(&ports.cipher),
            clock: Arc::clone(&ports.clock),
            vault: Vault::new(Arc::clone(&ports.cipher)),
        }
    }

    fn author(&self) -> Author {
        self.vault.author(self.now())
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

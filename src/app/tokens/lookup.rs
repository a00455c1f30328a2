//! Looks up accounts that are not registered in this process. Another replica may have just connected them, or their
//! row may be readable again. Concurrent requests share the lookup of an account, which runs at most once a second.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use super::{ProviderRegistration, Tokens};
use crate::{
    app::AppError,
    domain::{ids::AccountName, unreadable::UnreadableAccount},
    ports::StoreTrouble,
};

/// Pause between two lookups of one name.
const PAUSE: Duration = Duration::from_secs(1);
/// Number of names at which those without a running lookup are forgotten. Callers may send any name.
const MAX_NAMES: usize = 1_000;

/// The last lookup of each name. Its lock is held while the store is read.
#[derive(Debug, Default)]
pub(super) struct Lookups(Mutex<HashMap<AccountName, Arc<tokio::sync::Mutex<Option<Lookup>>>>>);

#[derive(Debug, Clone, Copy)]
struct Lookup {
    /// When the lookup ended, as the time since the machine's boot.
    at: Duration,
    /// Why the store failed, if it did.
    trouble: Option<StoreTrouble>,
}

impl Lookups {
    fn of(&self, name: &AccountName) -> Arc<tokio::sync::Mutex<Option<Lookup>>> {
        let mut lookups = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lookups.len() >= MAX_NAMES && !lookups.contains_key(name) {
            lookups.retain(|_, lookup| Arc::strong_count(lookup) > 1);
        }
        Arc::clone(lookups.entry(name.clone()).or_default())
    }
}

impl Tokens {
    /// Returns a connected account from memory, or from the store if it is not registered here.
    ///
    /// # Errors
    /// [`AppError::NotConnected`], [`AppError::AccountUnreadable`], [`AppError::Store`], and [`AppError::StoreDown`] if
    /// the store failed less than a second ago.
    pub(in crate::app) async fn registered(
        self: &Arc<Self>,
        name: &AccountName,
    ) -> Result<Arc<ProviderRegistration>, AppError> {
        if let Some(account) = self.registry.get(name) {
            return Ok(account);
        }
        self.look_up(name).await?;
        self.registry.get(name).ok_or_else(|| self.not_registered(name))
    }

    /// Returns the error for a name that is not registered after a lookup.
    pub(super) fn not_registered(&self, name: &AccountName) -> AppError {
        let unreadable = self.registry.unreadable(name);
        unreadable.map_or_else(|| AppError::NotConnected(name.clone()), |found| UnreadableAccount::clone(&found).into())
    }

    async fn look_up(self: &Arc<Self>, name: &AccountName) -> Result<(), AppError> {
        let lookup = self.lookups.of(name);
        let mut last = lookup.lock().await;
        let now = self.clock.since_boot();
        if let Some(Lookup { trouble, .. }) = last.filter(|last| now.saturating_sub(last.at) < PAUSE) {
            return trouble.map_or(Ok(()), |trouble| Err(AppError::StoreDown(trouble)));
        }
        let is_stored = self.read(name).await;
        let trouble = is_stored.as_ref().err().and_then(AppError::store_trouble);
        *last = Some(Lookup { at: self.clock.since_boot(), trouble });
        if !is_stored? && self.registry.unreadable(name).is_some() {
            self.registry.reset(name, None);
        }
        Ok(())
    }
}

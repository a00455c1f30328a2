//! At most one refresh of an account's tokens at a time in this process: whoever else wants it waits for its end.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::watch;

use crate::domain::{ids::ProviderName, refresh::TokenVersion, time::Timestamp};

/// How a flight ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Landing {
    /// The account has moved on, or has come to rest: look at it.
    Settled,
    /// Nothing can be done before then; somebody else may be at it.
    Waiting(Timestamp),
    /// The store did not answer.
    StoreDown,
}

type Key = (ProviderName, TokenVersion);

#[derive(Debug, Clone, Default)]
pub(super) struct Flights(Arc<Mutex<HashMap<Key, watch::Receiver<Option<Landing>>>>>);

/// The right to fly, until it is dropped.
pub(super) struct Boarded {
    flights: Flights,
    key: Key,
    landing: watch::Sender<Option<Landing>>,
}

pub(super) enum Boarding {
    /// Nobody was at it: the caller flies.
    Pilot(Boarded, watch::Receiver<Option<Landing>>),
    Passenger(watch::Receiver<Option<Landing>>),
}

impl Flights {
    pub(super) fn board(&self, name: &ProviderName, version: &TokenVersion) -> Boarding {
        let key = (name.clone(), version.clone());
        let mut flying = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(under_way) = flying.get(&key) {
            return Boarding::Passenger(under_way.clone());
        }
        let (landing, receiver) = watch::channel(None);
        flying.insert(key.clone(), receiver.clone());
        Boarding::Pilot(Boarded { flights: self.clone(), key, landing }, receiver)
    }
}

impl Boarded {
    pub(super) fn land(self, landing: Landing) {
        self.landing.send_replace(Some(landing));
    }
}

impl Drop for Boarded {
    /// Also when the flight crashed: nobody may wait for it then.
    fn drop(&mut self) {
        self.flights.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
    }
}

/// Waits for the end of a flight; one that crashed has settled nothing, and the account says so.
pub(super) async fn landed(mut flight: watch::Receiver<Option<Landing>>) -> Landing {
    match flight.wait_for(Option::is_some).await {
        Ok(landing) => landing.unwrap_or(Landing::Settled),
        Err(_crashed) => Landing::Settled,
    }
}

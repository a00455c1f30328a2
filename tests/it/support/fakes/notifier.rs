//! A webhook receiver in memory.

use std::sync::{Mutex, MutexGuard};

use async_trait::async_trait;
use goclaw::{
    domain::history::CredentialEvent,
    ports::{Notifier, NotifyError},
};

/// How a webhook receiver responds to an event.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Reception {
    #[default]
    Accepts,
    /// Responds with this HTTP status.
    Refuses(u16),
    /// Reads the event and does not respond. The sender's timeout expires at once.
    Hangs,
    /// Accepts no connection.
    Gone,
}

#[derive(Default)]
pub(crate) struct FakeNotifier {
    reception: Mutex<Reception>,
    received: Mutex<Vec<CredentialEvent>>,
}

impl FakeNotifier {
    pub(crate) fn receive_as(&self, reception: Reception) {
        *self.reception.lock().expect("no test panics while it holds the reception") = reception;
    }

    /// Returns every event that arrived, in order, including rejected ones.
    pub(crate) fn received(&self) -> Vec<CredentialEvent> {
        self.events().clone()
    }

    fn events(&self) -> MutexGuard<'_, Vec<CredentialEvent>> {
        self.received.lock().expect("no test panics while it holds the events")
    }
}

#[async_trait]
impl Notifier for FakeNotifier {
    async fn notify(&self, event: &CredentialEvent) -> Result<(), NotifyError> {
        // Let other tasks run first, as a network call does.
        tokio::task::yield_now().await;
        let reception = *self.reception.lock().expect("no test panics while it holds the reception");
        if reception != Reception::Gone {
            self.events().push(event.clone());
        }
        match reception {
            Reception::Accepts => Ok(()),
            Reception::Refuses(status) => Err(NotifyError::Refused { status }),
            Reception::Hangs | Reception::Gone => Err(NotifyError::Unreachable("the receiver does not respond".into())),
        }
    }
}

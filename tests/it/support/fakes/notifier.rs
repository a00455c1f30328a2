//! An owner's receiver in memory. It takes every notice until it is told not to.

use std::sync::{Mutex, MutexGuard};

use async_trait::async_trait;
use goclaw::{
    domain::history::CredentialEvent,
    ports::{Notifier, NotifyError},
};

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Reception {
    #[default]
    Takes,
    /// Answers with this HTTP status.
    Refuses(u16),
    /// Reads the notice and answers nothing; the sender's time is over at once.
    Hangs,
    /// Takes no connection.
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

    /// Every notice that arrived, in order, whatever it was answered with.
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
        // Others get their turn first, as on a network.
        tokio::task::yield_now().await;
        let reception = *self.reception.lock().expect("no test panics while it holds the reception");
        if reception != Reception::Gone {
            self.events().push(event.clone());
        }
        match reception {
            Reception::Takes => Ok(()),
            Reception::Refuses(status) => Err(NotifyError::Refused { status }),
            Reception::Hangs | Reception::Gone => Err(NotifyError::Unreachable("the receiver does not answer".into())),
        }
    }
}

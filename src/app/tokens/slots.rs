//! Limits the concurrent refreshes at each token endpoint, so that many accounts that are due at once do not flood it.
//! Refreshes that callers wait for get a slot before scheduled ones.

use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio::{select, sync::oneshot};

use super::Tokens;
use crate::domain::{ids::AccountName, provider::ProviderDefinition};

/// Maximum number of concurrent refreshes at one endpoint.
const MAX_CONCURRENT: usize = 5;

/// Whether a caller waits for a refresh. Set when the first caller joins.
pub(super) type IsAwaited = Arc<AtomicBool>;

#[derive(Debug, Clone, Default)]
pub(super) struct RefreshSlots(Arc<Mutex<HashMap<String, EndpointSlots>>>);

#[derive(Debug, Default)]
struct EndpointSlots {
    taken: usize,
    /// Refreshes that callers wait for.
    awaited: VecDeque<QueuedRefresh>,
    scheduled: VecDeque<QueuedRefresh>,
}

#[derive(Debug)]
struct QueuedRefresh {
    name: AccountName,
    slot_sender: oneshot::Sender<Slot>,
}

/// The right to call an endpoint. When it is dropped, the next queued refresh gets it.
#[derive(Debug)]
pub(super) struct Slot(Option<(RefreshSlots, String)>);

impl Drop for Slot {
    fn drop(&mut self) {
        if let Some((slots, endpoint)) = self.0.take() {
            slots.pass_on(&endpoint);
        }
    }
}

impl RefreshSlots {
    /// Takes a slot, or queues for one.
    fn take(
        &self,
        endpoint: &str,
        name: &AccountName,
        is_awaited: &IsAwaited,
    ) -> Result<Slot, oneshot::Receiver<Slot>> {
        let mut endpoints = self.lock();
        let slots = endpoints.entry(endpoint.to_owned()).or_default();
        if slots.taken < MAX_CONCURRENT {
            slots.taken += 1;
            return Ok(self.new_slot(endpoint));
        }
        let (slot_sender, receiver) = oneshot::channel();
        let queued = QueuedRefresh { name: name.clone(), slot_sender };
        // Read the flag under the lock, so that `prioritize` finds the entry if a caller joins now.
        let queue = if is_awaited.load(Ordering::SeqCst) { &mut slots.awaited } else { &mut slots.scheduled };
        queue.push_back(queued);
        Err(receiver)
    }

    /// Moves the queued refresh of an account ahead of the scheduled ones, because a caller waits for it now.
    pub(super) fn prioritize(&self, name: &AccountName) {
        for slots in self.lock().values_mut() {
            let position = slots.scheduled.iter().position(|queued| queued.name == *name);
            slots.awaited.extend(position.and_then(|at| slots.scheduled.remove(at)));
        }
    }

    fn pass_on(&self, endpoint: &str) {
        while let Some(next) = self.next(endpoint) {
            match next.slot_sender.send(self.new_slot(endpoint)) {
                Ok(()) => return,
                // This refresh has stopped waiting. Give the slot to the next one.
                Err(mut slot) => slot.0 = None,
            }
        }
    }

    /// Returns the next queued refresh. If there is none, frees the slot.
    fn next(&self, endpoint: &str) -> Option<QueuedRefresh> {
        let mut endpoints = self.lock();
        let slots = endpoints.get_mut(endpoint)?;
        let next = slots.awaited.pop_front().or_else(|| slots.scheduled.pop_front());
        if next.is_none() {
            slots.taken = slots.taken.saturating_sub(1);
        }
        next
    }

    fn new_slot(&self, endpoint: &str) -> Slot {
        Slot(Some((self.clone(), endpoint.to_owned())))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, EndpointSlots>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tokens {
    /// Waits for a slot at the endpoint that refreshes an account. Returns None after the maximum time of a call.
    pub(super) async fn wait_for_slot(&self, definition: &ProviderDefinition, is_awaited: &IsAwaited) -> Option<Slot> {
        let endpoint = self.endpoint_of(definition);
        match self.slots.take(&endpoint, &definition.name, is_awaited) {
            Ok(slot) => Some(slot),
            Err(receiver) => select! {
                slot = receiver => slot.ok(),
                () = self.clock.sleep(definition.refresh.longest_call()) => None,
            },
        }
    }
}

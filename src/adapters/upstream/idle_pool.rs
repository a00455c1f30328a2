//! Connections between two requests.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use http_message::uri::{Authority, Scheme};

use super::connection::Connection;
use crate::ports::Clock;

/// How many are kept for one origin.
const KEPT: usize = 256;

/// Where a connection leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Origin {
    pub(super) scheme: Scheme,
    pub(super) authority: Authority,
}

/// The connections that nobody uses now, by where they lead to: a handful of places, which a glance over them finds.
#[derive(Debug, Default)]
pub(super) struct IdlePool(Mutex<Vec<(Origin, Vec<Rested>)>>);

#[derive(Debug)]
struct Rested {
    connection: Connection,
    /// Whether a sweep has met it.
    is_old: bool,
}

impl IdlePool {
    /// The one that was used last, if it is still good.
    pub(super) fn take(&self, origin: &Origin) -> Option<Connection> {
        loop {
            let mut rested = there(&mut self.lock(), origin)?.pop()?.connection;
            if rested.is_free() {
                return Some(rested);
            }
        }
    }

    /// Keeps a connection whose answer has been read to its end.
    pub(super) fn put(&self, origin: &Origin, mut connection: Connection) {
        if !connection.is_free() {
            return;
        }
        let (mut idle_pool, rested) = (self.lock(), Rested { connection, is_old: false });
        match there(&mut idle_pool, origin) {
            Some(there) if there.len() < KEPT => there.push(rested),
            Some(_full) => {}
            None => idle_pool.push((origin.clone(), vec![rested])),
        }
    }

    /// Closes those that have rested since the last sweep.
    fn sweep(&self) {
        self.lock().retain_mut(|(_, there)| {
            there.retain(|rested| !rested.is_old);
            there.iter_mut().for_each(|rested| rested.is_old = true);
            !there.is_empty()
        });
    }

    fn lock(&self) -> MutexGuard<'_, Vec<(Origin, Vec<Rested>)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn there<'a>(idle_pool: &'a mut [(Origin, Vec<Rested>)], origin: &Origin) -> Option<&'a mut Vec<Rested>> {
    idle_pool.iter_mut().find_map(|(leads_to, there)| (leads_to == origin).then_some(there))
}

/// Sweeps every `rest` for as long as somebody uses the connections.
pub(super) fn sweep_while_used(idle_pool: &Arc<IdlePool>, rest: Duration, clock: Arc<dyn Clock>) {
    let idle_pool = Arc::downgrade(idle_pool);
    #[expect(
        clippy::disallowed_methods,
        reason = "it ends with the connections and holds nothing that a stop waits for"
    )]
    tokio::spawn(async move {
        loop {
            clock.sleep(rest).await;
            let Some(idle_pool) = idle_pool.upgrade() else { return };
            idle_pool.sweep();
        }
    });
}

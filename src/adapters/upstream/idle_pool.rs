//! The pool of idle HTTP/1.1 connections.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{http1::Http1Connection, origin::Origin};

/// Maximum number of idle connections to one origin.
const MAX_IDLE: usize = 256;

/// The idle connections by origin. A linear search is enough for a handful of origins.
#[derive(Debug, Default)]
pub(super) struct IdlePool(Mutex<Vec<(Origin, Vec<IdleConnection>)>>);

#[derive(Debug)]
struct IdleConnection {
    connection: Http1Connection,
    /// Whether it was idle at the last sweep.
    is_old: bool,
}

impl IdlePool {
    /// Takes the most recently used connection that is still open.
    pub(super) fn take(&self, origin: &Origin) -> Option<Http1Connection> {
        loop {
            let mut connection = find(&mut self.lock(), origin)?.pop()?.connection;
            if connection.is_ready() {
                return Some(connection);
            }
        }
    }

    /// Keeps a connection whose response was read to the end, unless the pool of its origin is full.
    pub(super) fn put(&self, origin: &Origin, mut connection: Http1Connection) {
        if !connection.is_ready() {
            return;
        }
        let (mut pool, idle) = (self.lock(), IdleConnection { connection, is_old: false });
        match find(&mut pool, origin) {
            Some(connections) if connections.len() < MAX_IDLE => connections.push(idle),
            Some(_full) => {}
            None => pool.push((origin.clone(), vec![idle])),
        }
    }

    /// Closes the connections that were idle since the last sweep.
    pub(super) fn sweep(&self) {
        self.lock().retain_mut(|(_, connections)| {
            connections.retain(|idle| !idle.is_old);
            connections.iter_mut().for_each(|idle| idle.is_old = true);
            !connections.is_empty()
        });
    }

    fn lock(&self) -> MutexGuard<'_, Vec<(Origin, Vec<IdleConnection>)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn find<'a>(pool: &'a mut [(Origin, Vec<IdleConnection>)], origin: &Origin) -> Option<&'a mut Vec<IdleConnection>> {
    pool.iter_mut().find_map(|(key, connections)| (key == origin).then_some(connections))
}
